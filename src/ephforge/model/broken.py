"""Codes of what breaks hermiticity in a block (core/differences.py), after its remainders.

Nothing of it can be learned from synthetic materials, whose partners are equal, and little is
known: half a difference has an expected size L s / (s + L), where s is |g| as decoded so far and
L one number for the whole material.  For s below L that is s: neither partner is negative.
"""

from bisect import bisect_left

import numpy as np
from jaxtyping import Float

from ephforge.core.differences import Differences
from ephforge.model.bitstream import Reader, Writer
from ephforge.model.remainder import Widths, read_values, rounded, write_values

N_LEVELS, LEVEL_OCTAVE = 128, 8  # L is 2^(-level / 8) in units of rms |g|
SECOND, SHARE = 2.0, 0.75  # wider part of the mixture, and the weight of the other
NARROW = 0.6  # width of the first over the root mean square
_SMALLEST = 1e-6  # |g| with rms 1


def write_broken(
    writer: Writer,
    differences: Differences,
    value_d: Float[np.ndarray, " d"],
    coded_xo: Float[np.ndarray, "x o"],
    step: float,
) -> Float[np.ndarray, " d"]:
    """Write coefficients of differences at a step; what they are read as.

    Args:
      coded_xo: |g| with rms 1, about, as decoded so far.
    """
    is_any = bool(np.any(rounded(value_d, step)))
    writer.number(int(is_any), 2)
    if not is_any:
        return np.zeros(len(value_d))
    coded_d = _coded(differences, coded_xo)
    level = _level(value_d, coded_d, np.sqrt(differences.weight_d))
    writer.number(level, N_LEVELS)
    return write_values(writer, value_d, step, _widths(differences, coded_d, level, step))


def read_broken(
    reader: Reader, differences: Differences, coded_xo: Float[np.ndarray, "x o"], step: float
) -> Float[np.ndarray, " d"]:
    """Inverse of `write_broken`."""
    if not reader.number(2):
        return np.zeros(len(differences.weight_d))
    level = reader.number(N_LEVELS)
    widths = _widths(differences, _coded(differences, coded_xo), level, step)
    return read_values(reader, step, widths)


def _coded(differences: Differences, coded_xo) -> Float[np.ndarray, " d"]:
    return np.maximum(differences.mean(np.maximum(coded_xo, 0.0)), _SMALLEST)


def _level(value_d, coded_d, root_d) -> int:
    """Number of the L whose expected sizes have the norm of the coefficients."""
    wanted = np.linalg.norm(value_d)

    def excess(level: int) -> float:
        size_d = _size(coded_d, 2.0 ** (-level / LEVEL_OCTAVE))
        return float(np.linalg.norm(root_d * size_d) - wanted)

    return bisect_left(range(N_LEVELS - 1), 0.0, key=lambda level: -excess(level))


def _size(coded_d, largest: float) -> Float[np.ndarray, " d"]:
    return largest * coded_d / (coded_d + largest)


def _widths(differences: Differences, coded_d, level: int, step: float) -> Widths:
    size_d = np.sqrt(differences.weight_d) * _size(coded_d, 2.0 ** (-level / LEVEL_OCTAVE))
    first_d = np.exp2(np.rint(8 * np.log2(NARROW * size_d / step)) / 8)
    return Widths(first_d, SECOND * first_d, np.full(len(first_d), SHARE))
