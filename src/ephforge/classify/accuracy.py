"""How often probes are right, with intervals: plain, and with every class of the same weight."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

LEVEL = 0.95  # of intervals
_NORMAL = 1.959964  # quantile of the normal distribution for LEVEL
RESAMPLES = 2000  # of the materials, with replacement


class Estimate(NamedTuple):
    """A share with its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(right: int, count: int) -> Estimate:
    """Share of right answers; Wilson's score interval, J. Am. Stat. Assoc. 22, 209 (1927)."""
    share, z = right / count, _NORMAL
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return Estimate(share, float(max(middle - half, 0.0)), float(min(middle + half, 1.0)))


def balanced(is_right_i: Bool[np.ndarray, " i"], class_i: Int[np.ndarray, " i"]) -> Estimate:
    """Mean over classes of the share of right answers; bootstrap over the materials."""
    return _resampled(lambda chosen: _balanced(is_right_i[chosen], class_i[chosen]), len(class_i))


def fewer_errors(
    is_right_i: Bool[np.ndarray, " i"], other_i: Bool[np.ndarray, " i"]
) -> Estimate | None:
    """1 - errors / errors of another probe on the same materials; bootstrap over the materials.

    None where the other makes no errors.
    """
    if other_i.all():
        return None

    def share(chosen) -> float:
        others = np.sum(~other_i[chosen])
        return 1 - np.sum(~is_right_i[chosen]) / others if others else np.nan

    return _resampled(share, len(other_i))


def _balanced(is_right_i, class_i) -> float:
    count_c = np.bincount(class_i)
    right_c = np.bincount(class_i, is_right_i)
    return float(np.mean(right_c[count_c > 0] / count_c[count_c > 0]))


def _resampled(value, count: int) -> Estimate:
    rng = np.random.default_rng(0)
    found_r: Float[np.ndarray, " r"] = np.array(
        [value(rng.integers(0, count, count)) for _ in range(RESAMPLES)]
    )
    ends = np.nanquantile(found_r, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(value(np.arange(count))), *map(float, ends))
