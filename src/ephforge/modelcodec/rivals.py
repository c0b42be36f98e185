"""What else there is for a material's g: bits at equal error, of arrays and of independent numbers.

Of every entry of the real arrays of an EPW run:
  truncation   largest entries, `WORD` bits a number, positions at their information
  entropy      entries quantised with a dead zone, ideal length of an arithmetic code
  svd          of each atom and direction, rank for the error, `WORD` bits a number
  svd_joint    of all of them in one matrix
  sz3, zfp     bytes of pysz (absolute bound) and zfpy (tolerance)
Of the numbers that symmetry leaves:
  symmetric    as truncation
  histogram    rounded to a step; entropy of the histogram, its table free
  dead_zone    the same with the best of six dead zones and centroids
"""

import math

import numpy as np
import pysz
import zfpy
from jaxtyping import Float

ZONES = (0.5, 0.6, 0.66, 0.75, 0.85, 1.0)  # |x| / step from which a number is not zero
WORD = 16  # bits of a number that is kept
_SMALLEST_BOUND = 1e-6  # of SZ3 and ZFP, eV/angstrom
_TRIALS = 14  # halvings of their bound


def rivals(
    g_psrcab: Float[np.ndarray, "p s r 3 a a"], free_n: Float[np.ndarray, " n"], largest: float
) -> dict[str, float | int]:
    """Bits of every method that keeps the norm of the error within a bound.

    Args:
      g_psrcab: real g on the coarse meshes.
      free_n: the independent numbers of it.
      largest: the bound, units of g.
    """
    all_x = g_psrcab.ravel()
    return {
        "truncation": truncated(all_x, largest),
        "entropy": min(quantised(all_x, largest, zone) for zone in ZONES[::2]),
        "symmetric": truncated(free_n, largest),
        "histogram": quantised(free_n, largest, 0.5),
        "dead_zone": min(quantised(free_n, largest, zone) for zone in ZONES),
        **decompositions(g_psrcab, largest),
        **packed(g_psrcab, largest),
    }


def truncated(value_x, largest: float) -> float:
    """WORD bits for each entry that is kept, and log2 of the ways to choose them."""
    square_x = np.sort(value_x**2)
    dropped = int(np.searchsorted(np.cumsum(square_x), largest**2))
    kept, count = value_x.size - dropped, value_x.size
    ways = math.lgamma(count + 1) - math.lgamma(kept + 1) - math.lgamma(dropped + 1)
    return kept * WORD + ways / math.log(2)


def quantised(value_x, largest: float, zone: float) -> float:
    """Entropy of quantised numbers, the largest step that meets the error."""
    low, high = -40.0, math.log2(np.abs(value_x).max()) + 1
    for _ in range(30):
        middle = (low + high) / 2
        number_x = np.sign(value_x) * np.floor(np.abs(value_x) / 2**middle + 1 - zone)
        if np.linalg.norm(centroids(value_x, number_x, 2**middle) - value_x) > largest:
            high = middle
        else:
            low = middle
    number_x = np.sign(value_x) * np.floor(np.abs(value_x) / 2**low + 1 - zone)
    _, count = np.unique(number_x, return_counts=True)
    return float(-np.sum(count * np.log2(count / value_x.size)))


def centroids(value_x, number_x, step: float):
    """Numbers rebuilt; 1 and 2 as the mean of what they stand for."""
    found = number_x * step
    for size in (1, 2):
        own = np.abs(number_x) == size
        if np.any(own):
            found[own] = np.sign(number_x[own]) * np.abs(value_x[own]).mean()
    return found


def decompositions(g_psrcab, largest: float) -> dict[str, float]:
    """SVD of [Rp, (Re, a, b)], each channel (s, c) alone, and all channels in one."""
    n_p, n_s = g_psrcab.shape[:2]
    channel = g_psrcab.transpose(1, 3, 0, 2, 4, 5).reshape(3 * n_s, n_p, -1)
    joint = g_psrcab.transpose(0, 1, 3, 2, 4, 5).reshape(1, 3 * n_s * n_p, -1)
    return {"svd": ranked(channel, largest), "svd_joint": ranked(joint, largest)}


def ranked(matrix_xij, largest: float) -> float:
    """WORD bits for the vectors of the largest singular values of all matrices."""
    singular = np.linalg.svd(matrix_xij, compute_uv=False).ravel()
    square = np.sort(singular**2)
    kept = square.size - int(np.searchsorted(np.cumsum(square), largest**2))
    return float(kept * WORD * (matrix_xij.shape[1] + matrix_xij.shape[2]))


def packed(g_psrcab, largest: float) -> dict[str, int]:
    """Bits of SZ3 and ZFP, the largest bound of theirs that meets the error."""
    flat = np.ascontiguousarray(g_psrcab.reshape(len(g_psrcab), -1, g_psrcab.shape[-1] ** 2))

    def sz3(bound: float):
        config = pysz.szConfig(flat.shape)
        config.errorBoundMode = pysz.szErrorBoundMode.ABS
        config.absErrorBound = bound
        data, _ = pysz.sz.compress(flat, config)
        return data.nbytes, pysz.sz.decompress(data, flat.dtype, flat.shape)[0]

    def zfp(bound: float):
        data = zfpy.compress_numpy(flat, tolerance=bound)
        return len(data), zfpy.decompress_numpy(data)

    return {name: 8 * searched(flat, one, largest) for name, one in (("sz3", sz3), ("zfp", zfp))}


def searched(flat, compressor, largest: float) -> int:
    """Bytes at the largest bound of a compressor that meets the error."""
    low, high = _SMALLEST_BOUND, float(np.abs(flat).max())
    best, _ = compressor(low)
    for _ in range(_TRIALS):
        middle = math.sqrt(low * high)
        size, found = compressor(middle)
        if np.linalg.norm(found - flat) > largest:
            high = middle
        else:
            low, best = middle, size
    return best
