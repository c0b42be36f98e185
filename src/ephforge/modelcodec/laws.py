"""How likely each quantised number is, given how large numbers of its kind are: integer tables.

A coefficient of scale s has P(|x| > t) = (1 + t / (5 s))^-6, heavier than exponential, as what is left
when geometry has said what it can.  Scales are told in eighths of an octave of the quantisation
step.  Tables are made in decimal arithmetic, so that they are the same integers on every machine.
"""

from decimal import Context, Decimal, localcontext
from functools import cache
from typing import NamedTuple

import constriction
import numpy as np
from jaxtyping import Float, Int

PER_OCTAVE = 8  # classes of scale
LOWEST, HIGHEST = -20 * PER_OCTAVE, 12 * PER_OCTAVE
ESCAPE = 24  # |q| from here on are told by an Elias gamma code after the symbol
_TAIL = 5
_ZERO_ENDS = Decimal("0.6")  # |x| / step up to which a number counts as zero in the table
_TOTAL = 1 << 22


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


def encode(symbols: Symbols) -> bytes:
    """Range-coded bytes: classes from the largest scale down, |q|, escapes, signs."""
    encoder = constriction.stream.queue.RangeEncoder()
    row_n, size_n = row(symbols.class_n), np.abs(symbols.value_n)
    for level in np.unique(row_n)[::-1]:
        own = row_n == level
        small = np.minimum(size_n[own], ESCAPE).astype(np.int32)
        encoder.encode(small, _model(int(level)))
        _encode_bits(encoder, _escapes(size_n[own]))
        _encode_bits(encoder, symbols.value_n[own][small > 0] < 0)
    data = encoder.get_compressed().astype("<u4").tobytes()
    # the coder ends on a whole word; what is not needed is understood as zeros
    while data and np.array_equal(decode(data[:-1], symbols.class_n), symbols.value_n):
        data = data[:-1]
    return data


def decode(data: bytes, class_n: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Inverse of `encode`."""
    words = np.frombuffer(data + bytes(-len(data) % 4), "<u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)
    row_n, value_n = row(class_n), np.zeros(len(class_n), np.int64)
    for level in np.unique(row_n)[::-1]:
        own = np.flatnonzero(row_n == level)
        size = decoder.decode(_model(int(level)), len(own)).astype(np.int64)
        for place in np.flatnonzero(size == ESCAPE):
            size[place] += _decode_gamma(decoder)
        there = size > 0
        sign = decoder.decode(_coin(), int(there.sum()))
        size[there] *= 1 - 2 * sign.astype(np.int64)
        value_n[own] = size
    return value_n


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


def _escapes(size_n) -> list[int]:
    """Elias gamma codes of |q| - ESCAPE + 1 of those that have one."""
    bits = []
    for size in size_n[size_n >= ESCAPE]:
        text = bin(int(size) - ESCAPE + 1)[2:]
        bits += [0] * (len(text) - 1) + [int(bit) for bit in text]
    return bits


def _decode_gamma(decoder) -> int:
    zeros = 0
    while int(decoder.decode(_coin(), 1)[0]) == 0:
        zeros += 1
    number = 1
    for _ in range(zeros):
        number = 2 * number + int(decoder.decode(_coin(), 1)[0])
    return number - 1
