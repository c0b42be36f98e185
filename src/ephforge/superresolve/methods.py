"""All refinement methods on one material: the coarse q mesh is given, the rest is asked for."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.baselines import gappy, interpolation, regression
from ephforge.baselines.measure import relative_error
from ephforge.baselines.table import summary
from ephforge.core.blocks import Block, on_grid
from ephforge.core.errors import EphforgeError
from ephforge.core.symmetry import given_orbits
from ephforge.model.codec import Codec

Mesh = tuple[int, int, int]

METHODS = {
    "autoencoder": "convolutional autoencoder, trained on synthetic materials",
    "linear": "best linear guess of the autoencoder, without its convolutions",
    "trilinear": "trilinear interpolation in q",
    "cubic": "periodic cubic splines in q",
    "fourier": "trigonometric interpolation in q",
    "regression": "ridge regression on orbits, fitted on the training split",
    "pca_joint": "components of whole blocks from the training split, fitted to what is given",
}


class Fitted(NamedTuple):
    """What the linear methods learned from the training split."""

    orbits: dict[bytes, regression.Moments]
    blocks: gappy.Training


class Tuning(NamedTuple):
    """Best power of |g| for each interpolation, and best ridges, on tuning materials."""

    powers: dict[str, float]
    ridge: float
    ridge_joint: float


def fit(blocks: list[Block], coarse: Mesh) -> Fitted:
    """Of the training split."""
    return Fitted(regression.fit(blocks, [given(b, coarse) for b in blocks]), gappy.fit(blocks))


def hidden_error(
    rebuilt: Float[np.ndarray, "m n v k q"] | None, block: Block, coarse: Mesh
) -> float | None:
    """Relative error over the q points that were not given; None of nothing is None."""
    if rebuilt is None:
        return None
    hidden_q = np.ones(rebuilt.shape[-1], dtype=bool)
    hidden_q[interpolation.coarse_points(coarse, block.q_mesh)] = False
    return relative_error(rebuilt[..., hidden_q], on_grid(block)[..., hidden_q])


def interpolated(block: Block, coarse: Mesh, method: str, power: float):
    """g_mnvkq interpolated from the coarse mesh, made symmetric."""
    given = on_grid(block)[..., interpolation.coarse_points(coarse, block.q_mesh)]
    rebuilt = interpolation.interpolate(given, coarse, block.q_mesh, method, power)
    return interpolation.symmetrised(rebuilt, block.orbits)


def tune(blocks: list[Block], fitted: Fitted, coarse: Mesh) -> Tuning:
    """Settings of the classical methods with the smallest mean error on some materials."""
    powers = {
        method: _best(
            interpolation.POWERS,
            lambda power, method=method: [
                hidden_error(interpolated(b, coarse, method, power), b, coarse) for b in blocks
            ],
        )
        for method in interpolation.METHODS
    }
    ridges = [
        _best(
            method.STRENGTHS,
            lambda strength, method=method, known=known: [
                hidden_error(method.refine(known, b, given(b, coarse), strength), b, coarse)
                for b in blocks
            ],
        )
        for method, known in zip((regression, gappy), fitted, strict=True)
    ]
    return Tuning(powers, *ridges)


def rebuilt_by_all(
    block: Block, coarse: Mesh, codec: Codec, fitted: Fitted, tuning: Tuning
) -> tuple[dict[str, Float[np.ndarray, "m n v k q"] | None], dict[str, str]]:
    """What every method makes of one material, and the reasons of those that do not apply."""
    found: dict = {}
    reasons: dict[str, str] = {}
    for method, tool in (("autoencoder", codec), ("linear", codec.linear_part)):
        try:
            g_mnvo = np.asarray(tool.refine(block, given(block, coarse)), dtype=float)
            found[method] = g_mnvo[..., block.orbits.orbit_kq]
        except EphforgeError as error:  # more bands or modes than it was trained with
            found[method], reasons[method] = None, str(error)
    for method, power in tuning.powers.items():
        found[method] = interpolated(block, coarse, method, power)
    given_o = given(block, coarse)
    found["regression"] = regression.refine(fitted.orbits, block, given_o, tuning.ridge)
    found["pca_joint"] = gappy.refine(fitted.blocks, block, given_o, tuning.ridge_joint)
    unseen = "no training material with this lattice"
    if found["regression"] is None:
        reasons["regression"] = unseen
    if found["pca_joint"] is None:
        reasons["pca_joint"] = f"{unseen}, number of bands and of modes"
    return found, reasons


def given(block: Block, coarse: Mesh):
    """Orbits that are given: their q lie on the coarse mesh."""
    return given_orbits(block.orbits, block.q_mesh, coarse)


def _best(values: tuple, errors_of) -> float:
    means = {
        value: summary([{"": e} for e in errors_of(value)])["mean"].get("") for value in values
    }
    known = {value: mean for value, mean in means.items() if mean is not None}
    return min(known, key=known.get) if known else values[len(values) // 2]
