"""Conformal prediction with materials in families.

Materials of one family resemble each other, so it is families that are exchangeable.  Scores of
F families are pooled with equal weight of each family, and a new family counts as one more
(Dunn, Wasserman, Ramdas, J. Am. Stat. Assoc. 118, 2491 (2023), "pooling CDFs"):

    quantile(level) = smallest s with  F/(F+1) * sum_i w_i [score_i <= s] >= level,
    w_i = 1 / (F n_f(i)).

With one material in each family this is ordinary split conformal prediction, whose coverage is
at least the level for exchangeable data.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Scores(NamedTuple):
    """Scores of held-out materials, ascending, and the weight of each; weights sum to F/(F+1)."""

    score_i: Float[np.ndarray, " i"]
    weight_i: Float[np.ndarray, " i"]


class Regression(NamedTuple):
    """log error = slope . (features - mean) + offset, and residuals of held-out materials.

    Attributes:
      above, below: scores of residuals and of minus the residuals.
    """

    mean_f: Float[np.ndarray, " f"]
    slope_f: Float[np.ndarray, " f"]
    offset: float
    above: Scores
    below: Scores


class Interval(NamedTuple):
    """An expected error with bounds that hold at the level asked for; inf: too few families."""

    expected: float
    low: float
    high: float


def scores(values, families: list[str]) -> Scores:
    """Of materials with their families."""
    count = Counter(families)
    weight_i = np.array([1 / ((len(count) + 1) * count[family]) for family in families])
    order = np.argsort(values, kind="stable")
    return Scores(np.asarray(values, float)[order], weight_i[order])


def quantile(found: Scores, level: float) -> float:
    """Score that a new material exceeds with a probability of at most 1 - level; inf if the
    families are too few to say."""
    reached = np.flatnonzero(np.cumsum(found.weight_i) >= level - 1e-12)
    return float(found.score_i[reached[0]]) if len(reached) else float("inf")


def p_value(found: Scores, score: float) -> float:
    """Probability that a material like the held-out ones has at least this score."""
    return float(1 - found.weight_i[found.score_i < score].sum())


def fit_regression(
    features_if: Float[np.ndarray, "i f"],
    errors: Float[np.ndarray, " i"],
    families: list[str],
    ridge: float = 1.0,
) -> Regression:
    """Slopes from all families; residuals of each family from the slopes of all others.

    Ridge regression of the logarithm; one family alone has no residuals.  Residuals left out are
    the jackknife's (Barber, Candes, Ramdas, Tibshirani, "Predictive inference with the
    jackknife+", Ann. Stat. 49, 486 (2021)), with families in place of points.
    """
    log_i, family_i = np.log(errors), np.asarray(families)
    names = sorted(set(families))
    left_i = np.zeros(len(log_i))
    for name in names if len(names) > 1 else []:
        is_out_i = family_i == name
        mean_f, slope_f, offset = _ridge(features_if[~is_out_i], log_i[~is_out_i], ridge)
        left_i[is_out_i] = log_i[is_out_i] - (features_if[is_out_i] - mean_f) @ slope_f - offset
    known = list(families) if len(names) > 1 else []
    left_i = left_i[: len(known)]
    return Regression(
        *_ridge(features_if, log_i, ridge), scores(left_i, known), scores(-left_i, known)
    )


def _ridge(features_if, log_i, ridge: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean of the features, slopes, and mean of the logarithm."""
    mean_f, offset = features_if.mean(axis=0), float(log_i.mean())
    x_if = features_if - mean_f
    slope_f = np.linalg.solve(
        x_if.T @ x_if + ridge * np.eye(x_if.shape[1]), x_if.T @ (log_i - offset)
    )
    return mean_f, slope_f, offset


def interval(found: Regression, feature_f: Float[np.ndarray, " f"], level: float) -> Interval:
    """Error of a new material; either bound fails with a probability of (1 - level) / 2."""
    middle = float((feature_f - found.mean_f) @ found.slope_f) + found.offset
    one_side = (1 + level) / 2
    high, low = quantile(found.above, one_side), quantile(found.below, one_side)
    return Interval(*(float(np.exp(x)) for x in (middle, middle - low, middle + high)))
