"""A fitted linear probe as plain arrays: what the classifier in a file is.

p(class c | x) = softmax_c( (x - mean) / scale . weight_c + bias_c )
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.classify.probe import fit_probe


class LinearProbe(NamedTuple):
    """Classes, weights on features less their mean, biases, accuracy by cross-validation.

    Attributes:
      accuracy: over families not seen; nan where it cannot be had.
    """

    classes: list[str]
    mean_f: Float[np.ndarray, " f"]
    weight_cf: Float[np.ndarray, "c f"]
    bias_c: Float[np.ndarray, " c"]
    accuracy: float


def fitted(
    features_if: Float[np.ndarray, "i f"], labels: list[str], families: list[str], folds: int
) -> LinearProbe | None:
    """The probe of the stage classify, in arrays; None where all labels are the same."""
    probe = fit_probe(features_if, labels, families, folds)
    if probe is None:
        return None
    scaler, regression = (step for _, step in probe.pipeline.steps)
    weight_cf, bias_c = regression.coef_ / scaler.scale_, regression.intercept_
    if len(regression.classes_) == 2:  # one row: the log odds of the second class
        weight_cf = np.vstack([np.zeros_like(weight_cf), weight_cf])
        bias_c = np.concatenate([[0.0], bias_c])
    accuracy = np.nan if probe.cross_validated is None else probe.cross_validated
    classes = [str(name) for name in regression.classes_]
    return LinearProbe(classes, scaler.mean_, weight_cf, bias_c, float(accuracy))


def probabilities(
    probe: LinearProbe, feature_f: Float[np.ndarray, " f"]
) -> list[tuple[str, float]]:
    """Classes with their probabilities, the most probable first."""
    logit_c = probe.weight_cf @ (feature_f - probe.mean_f) + probe.bias_c
    share_c = np.exp(logit_c - logit_c.max())
    share_c /= share_c.sum()
    order = np.argsort(-share_c, kind="stable")
    return [(probe.classes[c], float(share_c[c])) for c in order]
