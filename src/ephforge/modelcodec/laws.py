"""How likely each quantised number is, given how large numbers of its kind are: integer tables.

A coefficient of scale s has P(|x| > t) = (1 + t / (5 s))^-6, heavier than exponential, as what is
left when geometry has said what it can. Scales are told in eighths of an octave of the
quantisation step. Tables are made in decimal arithmetic, so that they are the same integers on
every machine.
"""

from decimal import Context, Decimal, localcontext
from functools import cache
from typing import NamedTuple

import constriction
import numpy as np
from jaxtyping import Float, Int

from ephforge.core.errors import EphforgeError

PER_OCTAVE = 8  # classes of scale
LOWEST, HIGHEST = -20 * PER_OCTAVE, 12 * PER_OCTAVE
ESCAPE = 24  # |q| from here on are told by an Elias gamma code after the symbol
_TAIL = 5
_ZERO_ENDS = Decimal("0.6")  # |x| / step up to which a number counts as zero in the table
_TOTAL = 1 << 22
_NEEDLESS = 7  # bytes, less than two words: the coder ends on a whole one
_LONGEST = 62  # bits of an escaped number


class Symbols(NamedTuple):
    """Quantised numbers in the order of the coder, with the class of each."""

    value_n: Int[np.ndarray, " n"]
    class_n: Int[np.ndarray, " n"]


@cache
def frequencies() -> Int[np.ndarray, "x v"]:
    """Of |q| = 0 to ESCAPE, per class; each row sums to one total, none is zero."""
    rows = []
    with localcontext(Context(prec=30)):
        for level in range(LOWEST, HIGHEST + 1):
            scale = Decimal(2) ** (Decimal(level) / PER_OCTAVE)
            beyond = [Decimal(1)] + [
                (1 + (n + _ZERO_ENDS) / (_TAIL * scale)) ** -(_TAIL + 1) for n in range(ESCAPE)
            ]
            share = [a - b for a, b in zip(beyond, [*beyond[1:], Decimal(0)], strict=True)]
            rows.append([1 + int(x * (_TOTAL - ESCAPE - 1)) for x in share])
            rows[-1][0] += _TOTAL - sum(rows[-1])
    return np.array(rows)


@cache
def lengths() -> Float[np.ndarray, "x v"]:
    """Bits of |q| = 0 to ESCAPE with its sign, per class; for decisions of the encoder only."""
    found = -np.log2(frequencies() / _TOTAL)
    found[:, 1:] += 1
    found[:, -1] += 5
    return found


def row(class_n: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Rows of the tables that hold classes; classes out of range take the last one."""
    return np.clip(class_n, LOWEST, HIGHEST) - LOWEST


def encode(bits: list[int], symbols: Symbols) -> bytes:
    """Range-coded bytes: plain bits, then numbers, classes from the largest scale down."""
    encoder = constriction.stream.queue.RangeEncoder()
    _encode_bits(encoder, bits)
    row_n, size_n = row(symbols.class_n), np.abs(symbols.value_n)
    for level in np.unique(row_n)[::-1]:
        own = row_n == level
        small = np.minimum(size_n[own], ESCAPE).astype(np.int32)
        encoder.encode(small, _model(int(level)))
        for size in size_n[own][small == ESCAPE]:
            _encode_bits(encoder, gamma(int(size) - ESCAPE))
        _encode_bits(encoder, symbols.value_n[own][small > 0] < 0)
    data = encoder.get_compressed().astype(">u4").tobytes()
    for dropped in range(_NEEDLESS, 0, -1):
        for shorter in _shorter(data, dropped):
            if _says(shorter, bits, symbols):
                return shorter
    return data


def _shorter(data: bytes, dropped: int) -> list[bytes]:
    """Fewer bytes that may say the same with zeros after them: cut off, and the next number."""
    cut = data[: max(len(data) - dropped, 0)]
    number = int.from_bytes(cut, "big") + 1
    return [cut] if number >> 8 * len(cut) else [cut, number.to_bytes(len(cut), "big")]


def _says(data: bytes, bits: list[int], symbols: Symbols) -> bool:
    try:
        decoder = Decoder(data)
        same = decoder.bits(len(bits)) == bits
        return same and np.array_equal(decoder.numbers(symbols.class_n), symbols.value_n)
    except EphforgeError:
        return False


class Decoder:
    """Takes what `encode` wrote, in its order.

    Raises:
      EphforgeError: nothing that was encoded is coded like that.
    """

    def __init__(self, data: bytes):
        words = np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype(np.uint32)
        self._decoder = constriction.stream.queue.RangeDecoder(words)

    def bits(self, count: int) -> list[int]:
        """Plain bits."""
        return self._taken(_coin(), count).tolist()

    def gamma(self) -> int:
        """A number of `gamma`."""
        zeros = 0
        while self.bits(1) == [0]:
            zeros += 1
            if zeros > _LONGEST:
                raise _damaged()
        return int("1" + "".join(map(str, self.bits(zeros))), 2) - 1

    def numbers(self, class_n: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
        """Numbers of these classes."""
        row_n, value_n = row(class_n), np.zeros(len(class_n), np.int64)
        for level in np.unique(row_n)[::-1]:
            own = np.flatnonzero(row_n == level)
            size = self._taken(_model(int(level)), len(own))
            for place in np.flatnonzero(size == ESCAPE):
                size[place] += self.gamma()
            there = size > 0
            size[there] *= 1 - 2 * self._taken(_coin(), int(there.sum()))
            value_n[own] = size
        return value_n

    def _taken(self, model, count: int) -> Int[np.ndarray, " n"]:
        try:
            return self._decoder.decode(model, count).astype(np.int64)
        except AssertionError:
            raise _damaged() from None


def _damaged() -> EphforgeError:
    return EphforgeError("compressed model: range-coded numbers are damaged; copy the file again")


def gamma(number: int) -> list[int]:
    """Elias gamma code of a number + 1, the number not negative."""
    text = bin(number + 1)[2:]
    return [0] * (len(text) - 1) + [int(bit) for bit in text]


@cache
def _model(level: int):
    share = frequencies()[level] / _TOTAL  # exact: the total is a power of two
    return constriction.stream.model.Categorical(share, perfect=False)


@cache
def _coin():
    return constriction.stream.model.Uniform(2)


def _encode_bits(encoder, bits) -> None:
    if len(bits):
        encoder.encode(np.asarray(bits, np.int32), _coin())
