"""What the integers of a transform leave of each number of a block, in integers of its own.

The transform (sparse.py) has more columns than a block has different numbers, so that detail
costs more than it has to.  A code may end it early and state what is left of the different
numbers (core/degeneracy.py) themselves, each times the root of its weight, rounded to multiples
of one step.  How large a remainder is expected to be follows from what the transform is known
to leave, from the block as decoded so far, and from one number for the whole material.

Axes   x band-band-mode channels   o orbits   e different numbers   f features
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.model.bitstream import Reader, Writer
from ephforge.model.prior import Prior, symbol_probabilities
from ephforge.model.sparse import Dictionary

N_FEATURES = 11
N_STEPS = 1024  # of remainders: 2^(2 - number / 32) in units of rms |g|; number 0: none is stated
N_LEVELS, LEVEL_STEPS = 64, 4  # size of all: 2^((level - 48) / 4) of the expected one
ROUNDING = 0.4  # of |x| / step; below a half, since zeros are cheap
_MIDDLE = 48
_LARGEST_SHIFT = 20
_FLOOR = 1e-6  # of |g| with rms 1, in logarithms
_WIDEST = 3.0  # width in steps of what the range coder models; beyond, the last bits are even
_AXES = ((0,), (1,), (2,), (0, 1), (0, 1, 2))  # final bands, initial bands, modes


class Widths(NamedTuple):
    """Two Laplace distributions: widths in steps, and the weight of the first."""

    first_e: Float[np.ndarray, " e"]
    second_e: Float[np.ndarray, " e"]
    share_e: Float[np.ndarray, " e"]


@dataclass(frozen=True)
class Remainder:
    """The different numbers of one block, as a decoder knows them from the transform.

    Attributes:
      coded_mnvo: |g| with rms 1, about, that the integers of the transform decode to.
      step: of the transform, in units of rms |g|.
    """

    dictionary: Dictionary
    coded_mnvo: Float[np.ndarray, "m n v o"]
    step: float

    @cached_property
    def root_e(self) -> Float[np.ndarray, " e"]:
        """Root of the weight of each number."""
        return np.sqrt(self.dictionary.entries.weight_e)

    @cached_property
    def size_e(self) -> Float[np.ndarray, " e"]:
        """Expected root mean square of the remainders."""
        return self._mean(size_left(self.dictionary, self.step)) * self.root_e

    def left_of(
        self, y_xo: Float[np.ndarray, "x o"], found_xo: Float[np.ndarray, "x o"]
    ) -> Float[np.ndarray, " e"]:
        """Remainders between two blocks of |g| times root_o, in units in which all count alike."""
        entries = self.dictionary.entries
        return self._mean(entries.project(y_xo - found_xo) / entries.root_o) * self.root_e

    def spread(self, left_e: Float[np.ndarray, " e"]) -> Float[np.ndarray, "x o"]:
        """The block, times root_o, that remainders add up to."""
        entries = self.dictionary.entries
        return (left_e / self.root_e)[entries.label_xo] * entries.root_o

    def level(self, left_e: Float[np.ndarray, " e"]) -> int:
        """Number of the size of all remainders."""
        ratio = np.linalg.norm(left_e) / np.linalg.norm(self.size_e)
        number = round(LEVEL_STEPS * float(np.log2(max(ratio, 1e-9)))) + _MIDDLE
        return min(max(number, 0), N_LEVELS - 1)

    def features(self, step: float, level: int) -> tuple[np.ndarray, Float[np.ndarray, " e"]]:
        """What is known of each number, and its expected size in steps."""
        unit = self.dictionary.unit
        ratio = 2.0 ** ((level - _MIDDLE) / LEVEL_STEPS)
        size_e = ratio * self.size_e / step
        own_e = np.log(step / self.root_e)  # in units of rms |g|, as |g| is
        shape = size_e.shape
        known = [
            np.log(size_e),
            np.broadcast_to(np.log(ratio), shape),
            own_e,
            np.broadcast_to(np.log(self.step / unit), shape),
            2 * np.log(self.root_e / unit),
            *(log_e - own_e for log_e in self._surroundings),
        ]
        return np.column_stack(known), size_e

    @cached_property
    def _surroundings(self) -> list[Float[np.ndarray, " e"]]:
        """Logarithms of the decoded |g| of each number and of its means over other channels."""
        g = np.abs(self.coded_mnvo)
        found = [g, *(np.broadcast_to(g.mean(a, keepdims=True), g.shape) for a in _AXES)]
        return [np.log(self._mean(a) + _FLOOR) for a in found]

    def _mean(self, a) -> Float[np.ndarray, " e"]:
        """Mean over the places of each number."""
        label = self.dictionary.entries.label_xo.ravel()
        return np.bincount(label, np.ravel(a)) / np.bincount(label)


def remainder_step(number: int) -> float:
    """Step of remainders in units of rms |g|."""
    return float(2.0 ** (2 - number / 32))


def size_left(dictionary: Dictionary, step: float) -> Float[np.ndarray, "x o"]:
    """Root mean square of what integers at a step leave, in |g| with rms 1.

    Of a coefficient whose expected size is below the step all is left, of others the rounding.
    """
    square_e = np.minimum(dictionary.size_e**2, step**2 / 6)
    _, patch_sr, *others = dictionary.split(square_e)
    found_xo = _FLOOR**2
    if patch_sr.size:
        found_xo = found_xo + dictionary.patches.squares(patch_sr)
    for part, square_ic in zip(dictionary.parts, others, strict=True):
        found_xo = found_xo + part.channel_xc**2 @ (part.basis_oi**2 @ square_ic).T
    return np.sqrt(found_xo) / dictionary.entries.root_o


def rounded(left_e: Float[np.ndarray, " e"], step: float) -> Int[np.ndarray, " e"]:
    """Integers of remainders."""
    return (np.sign(left_e) * np.floor(np.abs(left_e) / step + ROUNDING)).astype(np.int64)


def write_remainder(
    writer: Writer, remainder: Remainder, left_e: Float[np.ndarray, " e"], number: int, prior: Prior
) -> Float[np.ndarray, " e"]:
    """Write remainders at the step of a number; what they are read as."""
    step, level = remainder_step(number), remainder.level(left_e)
    writer.number(level, N_LEVELS)
    return write_values(writer, left_e, step, _widths(remainder, step, level, prior))


def read_remainder(
    reader: Reader, remainder: Remainder, number: int, prior: Prior
) -> Float[np.ndarray, " e"]:
    """Inverse of `write_remainder`."""
    step, level = remainder_step(number), reader.number(N_LEVELS)
    return read_values(reader, step, _widths(remainder, step, level, prior))


def write_values(
    writer: Writer, value_e: Float[np.ndarray, " e"], step: float, widths: Widths
) -> Float[np.ndarray, " e"]:
    """Write numbers, rounded to multiples of a step; what they are read as."""
    n_e, (unit_e, shift_e) = rounded(value_e, step), _units(widths.first_e)
    high_e = np.floor_divide(n_e + unit_e // 2, unit_e)
    writer.integers(high_e, _probabilities(widths, unit_e))
    fine_e = shift_e > 0
    low_e = n_e - high_e * unit_e + unit_e // 2
    writer.numbers(low_e[fine_e], unit_e[fine_e])
    return _values(n_e, widths) * step


def read_values(reader: Reader, step: float, widths: Widths) -> Float[np.ndarray, " e"]:
    """Inverse of `write_values`."""
    unit_e, shift_e = _units(widths.first_e)
    n_e = reader.integers(_probabilities(widths, unit_e)) * unit_e
    fine_e = shift_e > 0
    n_e[fine_e] += reader.numbers(unit_e[fine_e]) - unit_e[fine_e] // 2
    return _values(n_e, widths) * step


def _widths(remainder: Remainder, step: float, level: int, prior: Prior) -> Widths:
    return Widths(*prior.mixture(*remainder.features(step, level)))


def _units(width_e: Float[np.ndarray, " e"]) -> tuple[np.ndarray, np.ndarray]:
    """Power of two that an integer is split at, and its logarithm."""
    shift_e = np.clip(np.floor(np.log2(width_e / _WIDEST)), 0, _LARGEST_SHIFT).astype(np.int64)
    return np.int64(1) << shift_e, shift_e


def _probabilities(widths: Widths, unit_e: Int[np.ndarray, " e"]) -> Float[np.ndarray, "e n"]:
    first_e, second_e, share_e = widths
    return symbol_probabilities(first_e / unit_e, second_e / unit_e, share_e)


def _values(n_e: Int[np.ndarray, " e"], widths: Widths) -> Float[np.ndarray, " e"]:
    """Mean of what rounds to each integer, in steps."""
    low_e = np.abs(n_e) - ROUNDING
    weight, mean = [], []
    for width_e, part_e in (
        (widths.first_e, widths.share_e),
        (widths.second_e, 1 - widths.share_e),
    ):
        width_e = np.maximum(width_e, 1e-2)
        fall_e = np.exp(-1 / width_e)
        above_e = np.exp(-np.clip(low_e / width_e, 0, 500))
        weight.append(part_e * above_e * (1 - fall_e) + 1e-12)
        mean.append(low_e + width_e - fall_e / (1 - fall_e))
    found_e = (weight[0] * mean[0] + weight[1] * mean[1]) / (weight[0] + weight[1])
    return np.where(n_e == 0, 0.0, np.sign(n_e) * found_e)
