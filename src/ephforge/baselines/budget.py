"""The finest quantisation step that a number of bits allows, and the four bytes that tell it.

Steps are norm * 2^(-level/64), the norm of the material rounded to 1/2048 octave: the two
integers are the header of every code here.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.baselines import coder

HEADER_BYTES = 4
HIGHEST_LEVEL = 64 * 20  # the accuracy of single precision is reached; symbols stay below 2^21
CLOSE = 0.995  # a code that uses this share of the bits is fine enough
KEPT = 2  # levels whose sections stay in memory; of fine meshes each takes gigabytes
_PER_OCTAVE, _NORM_PER_OCTAVE, _NORM_SHIFT = 64, 1024, 32768
_JUMP = 2 * _PER_OCTAVE


class Rebuilt(NamedTuple):
    """Coefficients as the decoder gets them, the bits they came in, and the step."""

    value_e: Float[np.ndarray, " e"]
    bits: int
    step: float


class Header(NamedTuple):
    """Norm and level as stored."""

    norm_code: int
    level: int

    @property
    def norm(self) -> float:
        """Of the material, rounded."""
        return 2.0 ** ((self.norm_code - _NORM_SHIFT) / _NORM_PER_OCTAVE)

    @property
    def step(self) -> float:
        """Of quantisation."""
        return self.norm * 2.0 ** (-self.level / _PER_OCTAVE)

    def pack(self) -> bytes:
        """Four bytes."""
        return self.norm_code.to_bytes(2, "big") + self.level.to_bytes(2, "big")


def header_of(data: bytes) -> Header:
    """Inverse of `Header.pack`."""
    return Header(int.from_bytes(data[:2], "big"), int.from_bytes(data[2:4], "big"))


def header_for(norm: float, level: int) -> Header:
    """Norm rounded to the stored precision; between 2^-32 and 2^32."""
    code = round(_NORM_PER_OCTAVE * math.log2(norm)) + _NORM_SHIFT
    return Header(min(max(code, 0), 2 * _NORM_SHIFT - 1), level)


def finest_level(
    bits_of: Callable[[int], float], allowed: int, known: dict[int, float]
) -> int | None:
    """The highest level whose code fits, where bits rise with the level; None if none does.

    Args:
      known: levels tried so far and their bits, kept between budgets.
    """

    def bits(level: int) -> float:
        if level not in known:
            known[level] = bits_of(level)
        return known[level]

    if bits(0) > allowed:
        return None
    fits = max(level for level in known if known[level] <= allowed)
    above = [level for level in known if level > fits]
    too_fine = min(above) if above else HIGHEST_LEVEL + 1
    while too_fine - fits > 1 and known[fits] < CLOSE * allowed:
        middle = _between(fits, too_fine, known, allowed)
        if bits(middle) <= allowed:
            fits = middle
        else:
            too_fine = middle
    return fits


def _between(low: int, high: int, known: dict[int, float], allowed: int) -> int:
    """Where a line through the bracket puts the limit, bits logarithmic; a jump if it is open."""
    if high not in known:
        return min(low + _JUMP, high - 1)
    if high - low > 2 * _JUMP:
        return (low + high) // 2
    rise = math.log((known[high] + 1) / (known[low] + 1))
    aim = math.log(((1 + CLOSE) / 2 * allowed + 1) / (known[low] + 1))
    middle = low + round((high - low) * aim / rise) if rise > 0 else (low + high) // 2
    return min(max(middle, low + 1), high - 1)


def quantised(
    value_e: Float[np.ndarray, " e"], known: coder.Table, allowed: list[int]
) -> list[Rebuilt]:
    """Coefficients of an orthonormal transform at several numbers of bits.

    Args:
      known: scales are those of a material of unit norm.
      allowed: bits; where not even a header fits, all is zero and nothing is stored.
    """
    return quantised_apart([value_e], [known], allowed)


def quantised_apart(
    values: list[Float[np.ndarray, " _"]], known: list[coder.Table], allowed: list[int]
) -> list[Rebuilt]:
    """As `quantised`, several sections at one step; their values one after the other."""
    norm = math.sqrt(sum(float(value_e @ value_e) for value_e in values))

    def sections(header: Header) -> list[coder.Section]:
        return [
            coder.Section(value_e, table.times(header.norm), header.step)
            for value_e, table in zip(values, known, strict=True)
        ]

    found = []
    for code in packed(sections, norm, allowed):
        if not code.data:
            found.append(Rebuilt(np.zeros(sum(map(len, values))), 0, 0.0))
            continue
        value_e = np.concatenate([section.estimate.value_e for section in code.sections])
        found.append(Rebuilt(value_e, 8 * len(code.data), code.sections[0].step))
    return found


class Packed(NamedTuple):
    """A code, and what it was made from, with what the decoder makes of each section."""

    data: bytes
    sections: list[coder.Section]


def packed(
    sections: Callable[[Header], list[coder.Section]], norm: float, allowed: list[int]
) -> list[Packed]:
    """For each number of bits the code with the finest step that fits; b"" if none does.

    Args:
      sections: what is stored behind a header.
      norm: of the material; nothing is stored of one that is zero.
    """
    tried: dict[int, float] = {}
    codes = []

    @lru_cache(maxsize=KEPT)
    def at(level: int) -> list[coder.Section]:
        return sections(header_for(norm, level))

    def bits_of(level: int) -> float:
        return 8 * HEADER_BYTES + sum(section.bits for section in at(level))

    for limit in allowed:
        level = finest_level(bits_of, limit, tried) if norm > 0 else None
        codes.append(Packed(b"", []) if level is None else _fitting(at, norm, level, limit))
    return codes


def _fitting(at, norm: float, level: int, limit: int) -> Packed:
    """The code at the level, or at a coarser one where the estimate was too short."""
    back = 0
    while level >= back:
        parts = at(level - back)
        data = header_for(norm, level - back).pack() + coder.join([s.data for s in parts])
        if 8 * len(data) <= limit:
            return Packed(data, parts)
        back = 2 * back + 1
    return Packed(b"", [])


def unpacked(data: bytes, known: coder.Table) -> Float[np.ndarray, " e"]:
    """Values of a code of one section, as its `Rebuilt` has them."""
    header = header_of(data)
    return coder.decode(data[HEADER_BYTES:], known.times(header.norm), header.step)
