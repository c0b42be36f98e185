"""All refinement methods on one material: the coarse q mesh is given, the rest is asked for."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.baselines import interpolation, regression
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
}


class Tuning(NamedTuple):
    """Best power of |g| for each interpolation, and the best ridge, on tuning materials."""

    powers: dict[str, float]
    ridge: float


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


def tune(blocks: list[Block], fitted: dict, coarse: Mesh) -> Tuning:
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
    ridge = _best(
        regression.STRENGTHS,
        lambda strength: [
            hidden_error(regression.refine(fitted, b, given(b, coarse), strength), b, coarse)
            for b in blocks
        ],
    )
    return Tuning(powers, ridge)


def rebuilt_by_all(
    block: Block, coarse: Mesh, codec: Codec, fitted: dict, tuning: Tuning
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
    found["regression"] = regression.refine(fitted, block, given(block, coarse), tuning.ridge)
    if found["regression"] is None:
        reasons["regression"] = "no training material with this lattice"
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
