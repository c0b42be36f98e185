"""Linear refinement in q learned on the training split: orbits on the coarse mesh to the rest.

One ridge regression per lattice; the channels are its samples.  The linear peer of the
autoencoder's refinement, where interpolation is the peer that learns nothing.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ephforge.baselines.pca import lattice_key
from ephforge.baselines.symmetric import hermitian_mean, on_orbits, spread
from ephforge.core.blocks import Block

STRENGTHS = (1e-6, 1e-4, 1e-2, 1.0)  # ridge over mean variance; the best on validation is used


class Moments(NamedTuple):
    """Sums over training channels of products of orbits: given x given, given x all."""

    given_gg: Float[np.ndarray, "g g"]
    cross_go: Float[np.ndarray, "g o"]


def fit(blocks: list[Block], given: list[np.ndarray]) -> dict[bytes, Moments]:
    """Moments by lattice; every material weighs the same; `given` as in `refine`."""
    found = {}
    for block, given_o in zip(blocks, given, strict=True):
        key = lattice_key(block.orbits)
        y_co = channels(block)
        y_co = y_co / (np.linalg.norm(y_co) or 1.0)
        moments = Moments(y_co[:, given_o].T @ y_co[:, given_o], y_co[:, given_o].T @ y_co)
        if key in found:
            moments = Moments(*(a + b for a, b in zip(found[key], moments, strict=True)))
        found[key] = moments
    return found


def refine(
    fitted: dict[bytes, Moments], block: Block, given_o: Bool[np.ndarray, " o"], strength: float
) -> Float[np.ndarray, "m n v k q"] | None:
    """|g| on the full grid, meV; None where no training material has this lattice."""
    moments = fitted.get(lattice_key(block.orbits))
    if moments is None:
        return None
    ridge = strength * np.trace(moments.given_gg) / len(moments.given_gg)
    weights_go = np.linalg.solve(
        moments.given_gg + ridge * np.eye(len(moments.given_gg)), moments.cross_go
    )
    size_o = np.sqrt(block.orbits.size_o)
    rebuilt = channels(block)[:, given_o] @ weights_go / size_o
    g_mnvo = hermitian_mean(np.maximum(rebuilt, 0).reshape(block.g.shape), block.orbits)
    return spread(g_mnvo, block.orbits)


def channels(block: Block) -> Float[np.ndarray, "c o"]:
    """|g| of all channels on orbits, times roots of orbit sizes: of the grid's norm."""
    g_mnvo = on_orbits(block)
    return g_mnvo.reshape(-1, g_mnvo.shape[-1]) * np.sqrt(block.orbits.size_o)
