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
    """Slopes from every other family (in order of names), residuals from the rest.

    Ridge regression of the logarithm; one family alone gives the mean without slopes.
    """
    names = sorted(set(families))
    fitting = set(names[::2]) if len(names) > 1 else set(names)
    is_fit_i = np.array([family in fitting for family in families])
    log_i = np.log(errors)
    mean_f, offset = features_if[is_fit_i].mean(axis=0), float(log_i[is_fit_i].mean())
    x_if, y_i = features_if[is_fit_i] - mean_f, log_i[is_fit_i] - offset
    slope_f = np.linalg.solve(x_if.T @ x_if + ridge * np.eye(x_if.shape[1]), x_if.T @ y_i)
    rest = np.flatnonzero(~is_fit_i)
    left_i = log_i[rest] - (features_if[rest] - mean_f) @ slope_f - offset
    apart = [families[i] for i in rest]
    return Regression(mean_f, slope_f, offset, scores(left_i, apart), scores(-left_i, apart))


def interval(found: Regression, feature_f: Float[np.ndarray, " f"], level: float) -> Interval:
    """Error of a new material; either bound fails with a probability of (1 - level) / 2."""
    middle = float((feature_f - found.mean_f) @ found.slope_f) + found.offset
    one_side = (1 + level) / 2
    high, low = quantile(found.above, one_side), quantile(found.below, one_side)
    return Interval(*(float(np.exp(x)) for x in (middle, middle - low, middle + high)))
