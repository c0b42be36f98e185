"""The bytes of a code: range coding of scale, steps, degeneracies and integers.

Everything a decoder needs besides the geometry of the block and the trained autoencoder.  The
range coder is that of the library constriction.  A code is a binary fraction, and all fractions
of an interval decode to the same symbols: written is the one of fewest bytes.
"""

from typing import NamedTuple

import constriction
import numpy as np
from jaxtyping import Int

from ephforge.core.degeneracy import Pattern
from ephforge.core.errors import EphforgeError
from ephforge.model.prior import LARGEST, Prior, features, levels_of
from ephforge.model.sparse import Dictionary

_MODEL = constriction.stream.model
SCALES, SCALE_STEPS = 512, 16  # rms |g| is 2^((number - 256) / 16) meV
STEPS, STEP_OCTAVE = 512, 32  # the step is 4 * 2^(-number / 32), in units of rms |g|
_LONGEST = 24  # bits of an integer beyond LARGEST
_LEVELS = 32


class Header(NamedTuple):
    """What stands before the integers of a code.

    Attributes:
      scale, step: their numbers.
      pattern: the degeneracies; None where the code uses none.
    """

    scale: int
    step: int
    pattern: Pattern | None


def scale_number(rms: float) -> int:
    """Number of the scale nearest to an rms |g| in meV."""
    number = round(SCALE_STEPS * float(np.log2(rms))) + SCALES // 2 if rms > 0 else 0
    return min(max(number, 0), SCALES - 1)


def scale_value(number: int) -> float:
    """rms |g| in meV."""
    return float(2.0 ** ((number - SCALES // 2) / SCALE_STEPS))


def step_value(number: int) -> float:
    """Step in units of rms |g|."""
    return float(4 * 2.0 ** (-number / STEP_OCTAVE))


class Writer:
    """Range encoder with the few models that a code is made of."""

    def __init__(self):
        self.coder = constriction.stream.queue.RangeEncoder()

    def copy(self) -> "Writer":
        """A writer that goes on where this one is."""
        found = Writer()
        found.coder = self.coder.clone()
        return found

    def number(self, value: int, count: int) -> None:
        """One of `count` equally likely numbers."""
        if count > 1:
            self.coder.encode(int(value), _MODEL.Uniform(count))

    def numbers(self, value_e: Int[np.ndarray, " e"], count_e: Int[np.ndarray, " e"]) -> None:
        """The same, many of them."""
        if value_e.size:
            symbols, counts = value_e.astype(np.int32), count_e.astype(np.int32)
            self.coder.encode(symbols, _MODEL.Uniform(), counts)

    def flags(self, values: np.ndarray, share: np.ndarray) -> None:
        """Booleans, each with its probability of being true."""
        if values.size:
            symbols = values.ravel().astype(np.int32)
            self.coder.encode(symbols, _MODEL.Bernoulli(perfect=False), np.float32(share.ravel()))

    def integers(self, n_e: Int[np.ndarray, " e"], probability_en: np.ndarray) -> None:
        """Integers with probabilities of -LARGEST to LARGEST and of anything else."""
        is_far_e = np.abs(n_e) > LARGEST
        symbol_e = np.where(is_far_e, 2 * LARGEST + 1, n_e + LARGEST).astype(np.int32)
        self.coder.encode(symbol_e, _MODEL.Categorical(perfect=False), probability_en)
        for n in n_e[is_far_e]:
            excess = abs(int(n)) - LARGEST
            length = excess.bit_length()
            self.number(length - 1, _LONGEST)
            self.number(excess - (1 << (length - 1)), 1 << (length - 1))
            self.number(int(n < 0), 2)

    def bytes(self) -> bytes:
        """The fewest bytes that, with zeros after them, decode to what was written."""
        position, (lower, width) = self.coder.pos()  # words before, and the state of 64 bits
        n_bytes = 4 * position + 8
        found = self.coder.get_compressed().astype(">u4").tobytes().ljust(n_bytes, b"\0")
        inside = int.from_bytes(found, "big")
        start = inside - (inside - lower) % 2**64  # of the interval, whose end is start + width
        first = start.to_bytes(n_bytes, "big")
        shared = n_bytes - ((start ^ (start + width - 1)).bit_length() + 7) // 8
        # fewer bytes are enough only if zeros follow
        for length in range(min(shared, len(first.rstrip(b"\0"))), n_bytes):
            unit = 256 ** (n_bytes - length)
            multiple = -(-start // unit)
            if multiple * unit < start + width:
                return multiple.to_bytes(length, "big")
        return found


class Reader:
    """Inverse of `Writer`; past the end of the bytes it reads zeros.

    Each method raises EphforgeError where no symbol has the bytes that stand there.
    """

    def __init__(self, data: bytes):
        padded = data + b"\0" * (-len(data) % 4 + 8)
        words = np.frombuffer(padded, ">u4").astype(np.uint32)
        self.coder = constriction.stream.queue.RangeDecoder(words)

    def number(self, count: int) -> int:
        return int(self._decoded(_MODEL.Uniform(count))) if count > 1 else 0

    def numbers(self, count_e: Int[np.ndarray, " e"]) -> Int[np.ndarray, " e"]:
        counts = count_e.astype(np.int32)
        return self._decoded(_MODEL.Uniform(), counts).astype(np.int64) if counts.size else count_e

    def flags(self, share: np.ndarray) -> np.ndarray:
        if not share.size:
            return np.zeros(share.shape, bool)
        found = self._decoded(_MODEL.Bernoulli(perfect=False), np.float32(share.ravel()))
        return found.astype(bool).reshape(share.shape)

    def integers(self, probability_en: np.ndarray) -> Int[np.ndarray, " e"]:
        symbol_e = self._decoded(_MODEL.Categorical(perfect=False), probability_en)
        n_e = symbol_e.astype(np.int64) - LARGEST
        for e in np.flatnonzero(symbol_e == 2 * LARGEST + 1):
            length = self.number(_LONGEST) + 1
            excess = (1 << (length - 1)) + self.number(1 << (length - 1))
            n_e[e] = (LARGEST + excess) * (1 - 2 * self.number(2))
        return n_e

    def _decoded(self, *arguments):
        try:
            return self.coder.decode(*arguments)
        except AssertionError as error:  # so the library says that no symbol fits
            raise EphforgeError(
                "code: its bytes stand for nothing; it is damaged or of another autoencoder"
            ) from error


def write_header(writer: Writer, header: Header, shares: tuple[np.ndarray, np.ndarray]) -> None:
    """Scale, step, and the degeneracies; shares: `ends_of` of the codec."""
    writer.number(header.scale, SCALES)
    writer.number(header.step, STEPS)
    writer.number(int(header.pattern is not None), 2)
    for ends, share in zip(header.pattern or (), shares, strict=False):
        writer.flags(ends, share)


def read_header(reader: Reader, shares: tuple[np.ndarray, np.ndarray]) -> Header:
    """Inverse of `write_header`."""
    scale, step = reader.number(SCALES), reader.number(STEPS)
    if not reader.number(2):
        return Header(scale, step, None)
    return Header(scale, step, Pattern(*(reader.flags(share) for share in shares)))


def write_integers(
    writer: Writer, n_e: Int[np.ndarray, " e"], dictionary: Dictionary, step: float, prior: Prior
) -> None:
    """Level by level, as far as there is anything but zeros."""
    level_e = levels_of(dictionary.size_e)
    count = int(level_e[n_e != 0].max()) + 1 if np.any(n_e) else 0
    writer.number(count, _LEVELS)
    for level in range(count):
        feature_ef, asked_e = features(dictionary, n_e, step, level_e, level)
        size_e = dictionary.size_e[asked_e] / step
        writer.integers(n_e[asked_e], prior.probabilities(feature_ef, size_e))


def read_integers(
    reader: Reader, dictionary: Dictionary, step: float, prior: Prior
) -> Int[np.ndarray, " e"]:
    """Inverse of `write_integers`.

    Raises:
      EphforgeError: the bytes are no code of this dictionary.
    """
    level_e = levels_of(dictionary.size_e)
    n_e = np.zeros(len(level_e), np.int64)
    count = reader.number(_LEVELS)
    if count > level_e.max() + 1:
        raise EphforgeError(
            f"code: {count} levels of coefficients, but this material has {level_e.max() + 1}; "
            "the code is damaged or of another material"
        )
    for level in range(count):
        feature_ef, asked_e = features(dictionary, n_e, step, level_e, level)
        size_e = dictionary.size_e[asked_e] / step
        n_e[asked_e] = reader.integers(prior.probabilities(feature_ef, size_e))
    return n_e
