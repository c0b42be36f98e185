"""Where one material lies in a cloud of others: quantiles, neighbours, outlier scores.

Distances are Euclidean after standardising and whitening, x -> (x - mean) W with W W^T the
inverse covariance of the cloud: no unit matters, and what two descriptors share counts once.
A score is a quantile among synthetic materials whose own family was held out: 0.5 is as far
from the rest as a typical unseen family, above 0.95 is farther than nearly all of them.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.distance import cdist

NEAREST = 5  # neighbours in the mean distance
SHRINKAGE = 1e-3  # of correlations towards none: descriptors may depend on each other
_ROWS = 512  # distances from so many materials at once
_GRID = 512


class Cloud(NamedTuple):
    """Synthetic materials in whitened coordinates, and their held-out distances, sorted.

    Attributes:
      mean_d, whiten_de: the whitening, x -> (x - mean) @ whiten.
      point_ie: materials.
      nearest_i, radius_i: of all materials, sorted: mean distance to the nearest of other
        families; distance from the mean (Mahalanobis).
    """

    mean_d: Float[np.ndarray, " d"]
    whiten_de: Float[np.ndarray, "d e"]
    point_ie: Float[np.ndarray, "i e"]
    nearest_i: Float[np.ndarray, " i"]
    radius_i: Float[np.ndarray, " i"]


class Place(NamedTuple):
    """Where a material lies: nearest materials (numbers, distances), scores."""

    neighbour_j: Int[np.ndarray, " j"]
    distance_j: Float[np.ndarray, " j"]
    nearest: float
    score: float
    mahalanobis: float
    mahalanobis_score: float


def cloud_of(value_id: Float[np.ndarray, "i d"], families: list[str]) -> Cloud:
    """Whiten a cloud and measure how far each material is from those of other families.

    With one family only, nothing can be held out: then it is the distance to the others of it.
    """
    mean_d, spread_d = value_id.mean(axis=0), value_id.std(axis=0)
    # a descriptor that never varies has no scale: any will do
    scale_d = np.where(spread_d > 1e-12 * np.abs(mean_d), spread_d, 1.0)
    standard_id = (value_id - mean_d) / scale_d
    correlation_dd = standard_id.T @ standard_id / len(value_id)
    unit_dd = np.eye(len(mean_d))
    value_e, vector_de = np.linalg.eigh((1 - SHRINKAGE) * correlation_dd + SHRINKAGE * unit_dd)
    whiten_de = vector_de / np.sqrt(value_e) / scale_d[:, None]
    point_ie = (value_id - mean_d) @ whiten_de
    return Cloud(
        mean_d,
        whiten_de,
        point_ie,
        np.sort(_held_out(point_ie, families)),
        np.sort(np.linalg.norm(point_ie, axis=1)),
    )


def place(cloud: Cloud, value_d: Float[np.ndarray, " d"], neighbours: int) -> Place:
    """Neighbours and scores of a material that is not in the cloud."""
    point_e = (value_d - cloud.mean_d) @ cloud.whiten_de
    distance_i = np.linalg.norm(cloud.point_ie - point_e, axis=1)
    order = np.argsort(distance_i)
    nearest = float(distance_i[order[:NEAREST]].mean())
    radius = float(np.linalg.norm(point_e))
    return Place(
        order[:neighbours],
        distance_i[order[:neighbours]],
        nearest,
        quantile(cloud.nearest_i, nearest),
        radius,
        quantile(cloud.radius_i, radius),
    )


def quantile(sorted_i: Float[np.ndarray, " i"], value: float) -> float:
    """Share of sorted numbers below a value; equal ones count half."""
    below = np.searchsorted(sorted_i, value, side="left")
    until = np.searchsorted(sorted_i, value, side="right")
    return float((below + until) / (2 * len(sorted_i)))


def overlap_coefficient(one_i: Float[np.ndarray, " i"], other_j: Float[np.ndarray, " j"]) -> float:
    """Integral of the smaller of two densities: 1 if equal, 0 if apart.

    Densities are Gaussian kernels, of the width that Silverman's rule gives for the smaller
    sample and the spread of both; with twenty numbers or fewer it is a rough measure.
    """
    both = np.concatenate([one_i, other_j])
    spread = min(np.std(both), np.subtract(*np.quantile(both, [0.75, 0.25])) / 1.349) or both.std()
    if spread == 0:
        return 1.0
    width = 0.9 * spread * min(len(one_i), len(other_j)) ** -0.2
    x = np.linspace(both.min() - 4 * width, both.max() + 4 * width, _GRID)
    densities = []
    for sample in (one_i, other_j):
        kernel = np.exp(-(((x[:, None] - sample) / width) ** 2) / 2).sum(axis=1)
        densities.append(kernel / kernel.sum())
    return float(np.minimum(*densities).sum())


def _held_out(point_ie, families: list[str]) -> Float[np.ndarray, " i"]:
    """Mean distance of each material to the nearest ones of other families."""
    family_i = np.unique(families, return_inverse=True)[1]
    single = family_i.max() == 0
    found = np.empty(len(point_ie))
    for first in range(0, len(point_ie), _ROWS):
        rows = slice(first, first + _ROWS)
        distance_ij = cdist(point_ie[rows], point_ie)
        hidden = np.arange(len(point_ie))[rows, None] == np.arange(len(point_ie))
        if not single:
            hidden = family_i[rows, None] == family_i
        distance_ij[hidden] = np.inf
        count = min(NEAREST, len(point_ie) - 1)
        nearest = np.sort(np.partition(distance_ij, count - 1, axis=1)[:, :count], axis=1)
        # a family that is nearly all of the cloud leaves fewer others
        finite = np.isfinite(nearest)
        found[rows] = np.where(finite, nearest, 0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    return found
