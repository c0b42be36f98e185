"""Probes on standardised features: logistic regression, and nearest neighbours.

The one setting of each, inverse strength of the penalty or number of neighbours, is chosen by
cross-validation in which a family is never on both sides.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

STRENGTHS = (0.003, 0.03, 0.3, 3.0)
MOST_ITERATIONS = 2000
NEIGHBOURS = (1, 3, 5, 9)
PLANE = 16  # components of the standardised features that neighbours are near in
WIDTHS = (16, 64)  # features, the first of all, that a probe may choose to use
PROBES = ("linear", "neighbours")


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


def fit_balanced(
    kind: str,
    features_if: Float[np.ndarray, "i f"],
    labels: list[str],
    families: list[str],
    folds: int,
) -> Probe:
    """Fit one of `PROBES` so that every class has the same weight; labels are of two at least.

    Of the features all or only the first may be used, since principal components are many and
    sorted: their number is one more setting.  The cross-validated accuracy is the mean over
    classes, None where it cannot be had.
    """
    possible = _folds(labels, families, folds)
    fewest = min((len(fit) for fit, _ in possible or []), default=len(labels))
    count = features_if.shape[1]
    widths = [{"count": width} for width in (*WIDTHS, count) if width <= count]
    grid = {"functiontransformer__kw_args": widths}
    steps = [FunctionTransformer(_first, kw_args=widths[-1]), StandardScaler()]
    if kind == "linear":
        steps += [LogisticRegression(max_iter=MOST_ITERATIONS, tol=1e-3, class_weight="balanced")]
        grid["logisticregression__C"] = STRENGTHS
    else:
        plane = min(PLANE, fewest, *(width["count"] for width in widths))
        steps += [PCA(plane, svd_solver="full"), KNeighborsClassifier(1, weights="distance")]
        numbers = [number for number in NEIGHBOURS if number <= fewest]
        grid["kneighborsclassifier__n_neighbors"] = numbers
    pipeline = make_pipeline(*steps)
    if possible is None:
        return Probe(pipeline.fit(features_if, labels), None)
    search = GridSearchCV(pipeline, grid, scoring="balanced_accuracy", cv=possible)
    search.fit(features_if, labels)
    return Probe(search.best_estimator_, float(search.best_score_))


def _first(features_if: Float[np.ndarray, "i f"], count: int) -> Float[np.ndarray, "i w"]:
    return features_if[:, :count]


def _folds(labels: list[str], families: list[str], folds: int) -> list | None:
    """Folds whose training side has two classes at least; None if there are not two of them."""
    groups = len(set(families))
    if groups < 2:
        return None
    labels = np.asarray(labels)
    cut = GroupKFold(min(folds, groups)).split(labels, labels, families)
    usable = [(fit, score) for fit, score in cut if len(set(labels[fit])) > 1]
    return usable if len(usable) > 1 else None
