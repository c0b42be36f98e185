"""Entropy coding of quantised coefficients whose scales are roughly known in advance.

Each coefficient c_e has a prior scale b_e = E|c_e| (Laplace).  Coefficients are visited in
chunks of falling prior scale; what is already coded in the same row and in the same column of the
coefficient table corrects the scales of the next chunk, with no side information.  Where
coefficients are correlated (`Table.loading_er`), what is coded also predicts the next ones:
c = L z + rest with z ~ N(0, 1), the Gaussian posterior of z kept up to date (probabilistic
principal components; Tipping and Bishop, J. R. Stat. Soc. B 61, 611 (1999)).

One function (`_walk`) visits them for the encoder, the decoder and the estimate of the length, so
that the three cannot disagree.  Quantisation is uniform, with rate-distortion optimised rounding:
q minimises (c - q step)^2 + price step^2 bits(q), Sullivan and Wiegand, IEEE Signal Proc. Mag.
15(6), 74 (1998).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import constriction
import numpy as np
from jaxtyping import Float, Int

from ephforge.baselines.factors import Posterior

PRICE = 0.11  # Lagrange multiplier of a bit, in units of step^2
CHUNKS = 24
LARGEST_WIDTH = 22  # bits of a symbol; the range coder resolves probabilities of 2^-24
MEMORY = 12.0  # a row or column trusts its prior as much as this many coded coefficients
_SMALLEST_SCALE = 0.02  # in steps
_SHORTEST_CHUNK = 16  # coefficients, in the mean
_WORD_BYTES = 4
_LENGTH_BYTES = 2  # of a section; twice as many from 2^15 bytes on
_IS_LONG = 0x80
_LAST_WORD = 12  # bits; what the end of a range code costs, in the mean
_NO_SPARE = 8  # values of the spare bits of a support; the last one means no limit


class Table(NamedTuple):
    """What encoder and decoder both know of the coefficients.

    Attributes:
      scale_e: mean |c| of each, of what `loading_er` does not explain.
      row_e, column_e: coefficients of one row, or one column, have similar errors of their scale.
      loading_er: columns of L, or None where coefficients are independent.
    """

    scale_e: Float[np.ndarray, " e"]
    row_e: Int[np.ndarray, " e"]
    column_e: Int[np.ndarray, " e"]
    loading_er: Float[np.ndarray, "e r"] | None = None

    def times(self, factor) -> "Table":
        """Of coefficients that are so many times as large."""
        loading_er = None if self.loading_er is None else self.loading_er * factor
        return self._replace(scale_e=self.scale_e * factor, loading_er=loading_er)


class Estimate(NamedTuple):
    """Ideal code length, the values that the decoder will see, scales and symbols by chunk."""

    bits: float
    value_e: Float[np.ndarray, " e"]
    chunks: list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Section:
    """Values to be coded, and with what: scales in their unit, step, price of a bit."""

    value_e: np.ndarray
    known: Table
    step: float
    price: float = PRICE

    @cached_property
    def estimate(self) -> Estimate:
        """Symbols, ideal length, and what the decoder will see."""
        return estimate(self.value_e, self.known, self.step, self.price)

    @property
    def bits(self) -> float:
        """Ideal length, with the bytes of the limits of its symbols and of its own length."""
        return self.estimate.bits + 8 * (1 + _LENGTH_BYTES) + _LAST_WORD

    @property
    def data(self) -> bytes:
        """Range-coded symbols."""
        return encoded(self.estimate)


Visit = Callable  # (indices, scales and means in steps) -> symbols


def table(scale_rc: Float[np.ndarray, "r c"]) -> Table:
    """Of a full matrix of prior scales."""
    row_rc, column_rc = np.indices(scale_rc.shape)
    return Table(scale_rc.ravel(), row_rc.ravel(), column_rc.ravel())


def quantise(value_e, scale_e, price):
    """Symbols of values, both in steps: of the nearest integer, the one below it and zero the
    one with the smallest distortion + price * bits."""
    symbol_e = np.rint(value_e)
    large_i = np.flatnonzero(symbol_e)
    if price == 0 or not len(large_i):
        return symbol_e.astype(np.int32)
    size_i, scale_i = np.abs(value_e[large_i]), scale_e[large_i]
    near_i = np.abs(symbol_e[large_i])
    choices_zi = np.stack([near_i, near_i - 1, np.zeros_like(near_i)])
    cost_zi = (choices_zi - size_i) ** 2 + price * length(choices_zi, scale_i)
    chosen_i = np.take_along_axis(choices_zi, np.argmin(cost_zi, axis=0)[None], axis=0)[0]
    symbol_e[large_i] = np.sign(value_e[large_i]) * chosen_i
    return symbol_e.astype(np.int32)


def length(symbol_e, scale_e):
    """Bits of symbols under a Laplace law of the given mean |x|, integrated over unit bins."""
    rate_e = 1 / np.maximum(scale_e, _SMALLEST_SCALE)
    zero_e = -np.log2(-np.expm1(-rate_e / 2))
    tail_e = 1 - np.log2(-np.expm1(-rate_e)) + (np.abs(symbol_e) - 0.5) * rate_e / np.log(2)
    return np.minimum(np.where(symbol_e == 0, zero_e, tail_e), 24.0)


def estimate(value_e, known: Table, step: float, price: float = PRICE) -> Estimate:
    """What `encode` would make of the values; arguments as there."""
    total, chunks = 0.0, []

    def visit(index_i, scale_i, mean_i):
        nonlocal total
        symbol_i = quantise(value_e[index_i] / step - mean_i, scale_i, price)
        total += float(length(symbol_i, scale_i).sum())
        chunks.append((scale_i, symbol_i))
        return symbol_i

    found_e = _walk(known, step, visit)
    return Estimate(total, found_e, chunks)


def encode(value_e, known: Table, step: float, price: float = PRICE) -> bytes:
    """Range-coded symbols, the limits of their sizes first.

    Args:
      value_e: numbers, in the order of `known`.
      known: scales in the unit of the values.
      price: of a bit, in step^2; 0 rounds to the nearest step, so that no error exceeds step/2.

    Raises:
      ValueError: a value is larger than 2^22 steps.
    """
    return encoded(estimate(value_e, known, step, price))


def encoded(found: Estimate) -> bytes:
    """Bytes of what was estimated."""
    chunks = found.chunks
    widths = [_width(np.abs(symbol_i).max(initial=0)) for _, symbol_i in chunks]
    width = max([0, *widths])
    if width > LARGEST_WIDTH:
        raise ValueError(f"symbols of {width} bits, expected at most {LARGEST_WIDTH}: larger step")
    if width == 0 and not found.value_e.any():
        return b""
    needed = [w - _width(scale_i.max()) for w, (scale_i, _) in zip(widths, chunks, strict=True)]
    limits = _NO_SPARE * max(width, 1) + min(max([0, *needed]), _NO_SPARE - 1)
    coder = constriction.stream.queue.RangeEncoder()
    for scale_i, symbol_i in chunks:
        coder.encode(symbol_i, _model(scale_i, limits), np.zeros(len(scale_i)), scale_i)
    return bytes([limits]) + _trimmed(coder.get_compressed())


def decode(data: bytes, known: Table, step: float) -> Float[np.ndarray, " e"]:
    """Quantised values; inverse of `encode`."""
    if not data:
        return np.zeros(len(known.scale_e))
    decoder = constriction.stream.queue.RangeDecoder(_words(data[1:]))

    def visit(index_i, scale_i, mean_i):
        return decoder.decode(_model(scale_i, data[0]), np.zeros(len(index_i)), scale_i)

    return _walk(known, step, visit)


def join(sections: list[bytes]) -> bytes:
    """Sections in a row, the length of each but the last before it."""
    *first, last = sections
    return b"".join(_length_of(s) + s for s in first) + last


def split(data: bytes, count: int) -> list[bytes]:
    """Inverse of `join`."""
    sections = []
    for _ in range(count - 1):
        width = 2 * _LENGTH_BYTES if data and data[0] & _IS_LONG else _LENGTH_BYTES
        size = int.from_bytes(data[:width], "big") & ~(_IS_LONG << 8 * (width - 1))
        sections.append(data[width : width + size])
        data = data[width + size :]
    return [*sections, data]


def _length_of(section: bytes) -> bytes:
    """Two bytes, or four with the first bit set."""
    if len(section) < _IS_LONG << 8:
        return len(section).to_bytes(_LENGTH_BYTES, "big")
    return (len(section) | _IS_LONG << 24).to_bytes(2 * _LENGTH_BYTES, "big")


def integers(value_e: Int[np.ndarray, " e"]) -> Section:
    """Small integers of which nothing is known but their number."""
    return Section(value_e, _unknown(len(value_e)), 1.0, price=0.0)


def decode_integers(data: bytes, count: int) -> Int[np.ndarray, " e"]:
    """Inverse of `integers(...).data`."""
    return np.rint(decode(data, _unknown(count), 1.0)).astype(int)


def _unknown(count: int) -> Table:
    zero_e = np.zeros(count, int)
    return Table(np.full(count, 2.0), zero_e, zero_e)


def _width(value) -> int:
    """Bits of the integer part."""
    return int(value).bit_length()


def _model(scale_i, limits: int):
    """Laplace law on integers of a limited number of bits.

    Every integer of the support costs the others 2^-24 of probability, so it is kept short: as
    many bits as the largest scale of the chunk plus a spare, but no more than the largest symbol.
    """
    width, spare = divmod(limits, _NO_SPARE)
    if spare < _NO_SPARE - 1:
        width = min(width, max(_width(scale_i.max()) + spare, 1))
    return constriction.stream.model.QuantizedLaplace(1 - 2**width, 2**width - 1)


def _walk(known: Table, step: float, visit: Visit) -> Float[np.ndarray, " e"]:
    scale_e, row_e, column_e = known.scale_e / step, known.row_e, known.column_e
    value_e = np.zeros(len(scale_e))
    sums = [np.zeros((2, int(group_e.max(initial=0)) + 1)) for group_e in (row_e, column_e)]
    total = np.zeros(2)
    posterior = Posterior(known.loading_er, scale_e, step)
    order = np.argsort(-posterior.prior_scale_e, kind="stable")
    for index_i in np.split(order, _starts(len(order))):
        gain = (MEMORY + total[0]) / (MEMORY + total[1])
        gain_i = np.full(len(index_i), gain)
        for sum_2g, group_e in zip(sums, (row_e, column_e), strict=True):
            found_2i = sum_2g[:, group_e[index_i]]
            gain_i *= (MEMORY + found_2i[0] / gain) / (MEMORY + found_2i[1])
        mean_i, expected_i = posterior.predicted(index_i)
        scale_i = np.maximum(_rounded(expected_i * gain_i), _SMALLEST_SCALE)
        symbol_i = visit(index_i, scale_i, mean_i)
        value_e[index_i] = symbol_i + mean_i
        ratio_i, weight_i = _evidence(symbol_i, scale_i)
        pair_2i = np.stack([weight_i * ratio_i * gain_i, weight_i])
        total += pair_2i.sum(axis=1)
        for sum_2g, group_e in zip(sums, (row_e, column_e), strict=True):
            for sum_g, weighted_i in zip(sum_2g, pair_2i, strict=True):
                sum_g += np.bincount(group_e[index_i], weighted_i, minlength=len(sum_g))
        posterior.learn(index_i, value_e[index_i], symbol_i == 0, gain_i)
    return step * value_e


def _starts(count: int):
    """Where chunks begin: short ones first, where the scales are large and few are known."""
    chunks = min(CHUNKS, max(count // _SHORTEST_CHUNK, 1))
    start_c = np.rint(count * np.linspace(0, 1, chunks + 1)[1:-1] ** 2).astype(int)
    return np.unique(start_c[(start_c > 0) & (start_c < count)])


def _rounded(scale_i):
    """On a grid of 1/64 octave: rounding errors of other machines do not move it."""
    return np.exp2(np.rint(64 * np.log2(np.maximum(scale_i, 1e-9))) / 64)


def _evidence(symbol_i, scale_i):
    """E|x| given the symbol, over the scale; and how much the symbol tells about the scale."""
    half_i = 0.5 / scale_i
    inside_i = 1 - half_i / np.expm1(np.minimum(half_i, 50))  # E|x| / scale within half a step
    ratio_i = np.where(symbol_i == 0, inside_i, np.abs(symbol_i) / scale_i)
    return ratio_i, -np.expm1(-2 * scale_i)


def _trimmed(word_w: np.ndarray) -> bytes:
    """Words as bytes, most significant first, without zeros at the end."""
    return word_w.astype(">u4").tobytes().rstrip(b"\0")


def _words(data: bytes) -> np.ndarray:
    padded = data + bytes(-len(data) % _WORD_BYTES)
    return np.frombuffer(padded, ">u4").astype(np.uint32)
