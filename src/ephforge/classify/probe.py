"""A linear probe: logistic regression on standardised features.

Its one setting, the inverse strength of the penalty, is chosen by cross-validation in which
a family is never on both sides.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

STRENGTHS = (0.003, 0.03, 0.3, 3.0)
MOST_ITERATIONS = 2000


class Probe(NamedTuple):
    """A fitted probe and its cross-validated accuracy (None where it cannot be had)."""

    pipeline: Pipeline
    cross_validated: float | None


def fit_probe(
    features_if: Float[np.ndarray, "i f"], labels: list[str], families: list[str], folds: int
) -> Probe | None:
    """Fit on training materials; None where they are all of one class."""
    if len(set(labels)) < 2:
        return None
    pipeline = make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=MOST_ITERATIONS, tol=1e-3)
    )
    possible = _folds(labels, families, folds)
    if possible is None:
        return Probe(pipeline.fit(features_if, labels), None)
    search = GridSearchCV(
        pipeline, {"logisticregression__C": STRENGTHS}, cv=possible, error_score="raise"
    ).fit(features_if, labels)
    return Probe(search.best_estimator_, float(search.best_score_))


def _folds(labels: list[str], families: list[str], folds: int) -> list | None:
    """Folds whose training side has two classes at least; None if there are not two of them."""
    groups = len(set(families))
    if groups < 2:
        return None
    labels = np.asarray(labels)
    cut = GroupKFold(min(folds, groups)).split(labels, labels, families)
    usable = [(fit, score) for fit, score in cut if len(set(labels[fit])) > 1]
    return usable if len(usable) > 1 else None
