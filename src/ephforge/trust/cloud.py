"""Features of the training materials as a cloud: how far a new one is from it, and from whom.

Features are standardised and turned into principal components of unit variance; the score of
a material is its mean distance to the nearest training materials (Sun et al., "Out-of-distribution
detection with deep nearest neighbors", ICML 2022).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

COMPONENTS = 24  # at most; those of small variance are noise
LEAST_VARIANCE = 1e-3  # of the first component's, that a component has to have
NEIGHBOURS = 5
ROUNDING = 1e-6  # relative spread of a feature that is constant; float32 made it


class Cloud(NamedTuple):
    """Training materials in whitened components.

    Attributes:
      mean_f: of the features.
      whitening_fj: features less their mean times this are components of unit variance.
      place_ij: of the training materials.
      names, families: of these.
    """

    mean_f: Float[np.ndarray, " f"]
    whitening_fj: Float[np.ndarray, "f j"]
    place_ij: Float[np.ndarray, "i j"]
    names: list[str]
    families: list[str]


class Neighbour(NamedTuple):
    name: str
    family: str
    distance: float


def fit_cloud(features_if: Float[np.ndarray, "i f"], names: list[str], families: list[str]):
    """The cloud of training materials."""
    mean_f, spread_f = features_if.mean(axis=0), features_if.std(axis=0)
    scale_f = np.where(spread_f > ROUNDING * np.abs(mean_f), spread_f, np.inf)
    standard_if = (features_if - mean_f) / scale_f
    _, size_j, axis_jf = np.linalg.svd(standard_if, full_matrices=False)
    kept = size_j**2 > LEAST_VARIANCE * max(float(size_j[0]) ** 2, 1e-12)
    kept[COMPONENTS:] = False
    size_j, axis_jf = size_j[kept], axis_jf[kept]
    whitening_fj = (axis_jf / scale_f).T * (np.sqrt(len(names)) / size_j)
    place_ij = ((features_if - mean_f) @ whitening_fj).astype(np.float32)
    return Cloud(mean_f, whitening_fj, place_ij, names, families)


def nearest(cloud: Cloud, feature_f: Float[np.ndarray, " f"], count: int) -> list[Neighbour]:
    """The nearest training materials, nearest first."""
    distance_i = _distances(cloud, feature_f)
    order = np.argsort(distance_i, kind="stable")[:count]
    return [Neighbour(cloud.names[i], cloud.families[i], float(distance_i[i])) for i in order]


def novelty(cloud: Cloud, feature_f: Float[np.ndarray, " f"]) -> float:
    """Mean distance to the nearest training materials."""
    return float(np.sort(_distances(cloud, feature_f))[:NEIGHBOURS].mean())


def _distances(cloud: Cloud, feature_f):
    place_j = (feature_f - cloud.mean_f) @ cloud.whitening_fj
    return np.linalg.norm(cloud.place_ij - place_j, axis=1)
