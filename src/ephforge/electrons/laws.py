"""Radial laws of two-centre integrals: power, exponential and their product, cut off smoothly.

    V(d) = V_0 (r/d)^n exp(-b ((d/r)^c - 1)) times a switch to zero

b = 0 is a power law (W. A. Harrison, Electronic Structure and the Properties of Solids, 1980);
n = 0, c = 1 an exponential; all three the form of L. Goodwin, A. J. Skinner and D. G. Pettifor,
Europhys. Lett. 9, 701 (1989), with b = n (r / r_c)^c.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ephforge.electrons.slater_koster import slater_koster

_CHUNK = 128  # pairs; one shape compiles for each basis, whatever the crystal


class Law(NamedTuple):
    """Two-centre integrals of species x, y and shells u, v as functions of the distance.

    Attributes:
      strength_xyuvm: at the reference distance; m = sigma, pi, delta; shell u on x, v on y.
      power_xyuv: n.
      decay_xyuv: b.
      curvature: c.
      reference, onset, cutoff: angstrom; the switch goes from 1 to 0 between the last two.
    """

    strength_xyuvm: Float[np.ndarray, "x x u u 3"]
    power_xyuv: Float[np.ndarray, "x x u u"]
    decay_xyuv: Float[np.ndarray, "x x u u"]
    curvature: float
    reference: float
    onset: float
    cutoff: float


def switch(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """1 - x^3 (10 - 15 x + 6 x^2) from 1 at x = 0 to 0 at x = 1, twice differentiable."""
    x = jnp.clip(x, 0, 1)
    return 1 - x**3 * (10 - 15 * x + 6 * x**2)


def radial(
    distance: Float[Array, ""],
    power_uv: Float[Array, "*u"],
    decay_uv: Float[Array, "*u"],
    shape_4: Float[Array, "4"],
) -> Float[Array, "*u"]:
    """V(d) / V_0; shape_4 = curvature, reference, onset, cutoff."""
    curvature, reference, onset, cutoff = shape_4
    ratio = distance / reference
    tail_uv = jnp.exp(-power_uv * jnp.log(ratio) - decay_uv * (ratio**curvature - 1))
    return tail_uv * switch((distance - onset) / (cutoff - onset))


def pair_block(
    d_3: Float[Array, "3"],
    strength_uvm: Float[Array, "u u 3"],
    power_uv: Float[Array, "u u"],
    decay_uv: Float[Array, "u u"],
    shape_4: Float[Array, "4"],
    basis: str,
) -> Float[Array, "o o"]:
    """Integrals between two atoms, d (angstrom) the vector from the first to the second."""
    distance = jnp.linalg.norm(d_3)
    scale_uv = radial(distance, power_uv, decay_uv, shape_4)
    return slater_koster(d_3 / distance, strength_uvm * scale_uv[..., None], basis)


@partial(jax.jit, static_argnames="basis")
def _over_pairs(d_p3, strength_puvm, power_puv, decay_puv, shape_4, basis):
    one = partial(pair_block, basis=basis)
    over = (0, 0, 0, 0, None)
    arguments = (d_p3, strength_puvm, power_puv, decay_puv, shape_4)
    gradient_pabc = jax.vmap(jax.jacfwd(one), over)(*arguments)
    return jax.vmap(one, over)(*arguments), jnp.moveaxis(gradient_pabc, -1, 1)


def over_pairs(
    law: Law, d_p3: Float[np.ndarray, "p 3"], species_p2: Int[np.ndarray, "p 2"], basis: str
) -> tuple[Float[np.ndarray, "p o o"], Float[np.ndarray, "p 3 o o"]]:
    """Blocks of all pairs, and their derivatives with each component of d."""
    count = len(d_p3)
    missing = -count % _CHUNK
    x, y = np.pad(species_p2, ((0, missing), (0, 0))).T
    # the last chunk is filled up with pairs out of range
    d_p3 = np.pad(d_p3, ((0, missing), (0, 0)), constant_values=2 * law.cutoff)
    per_pair = (d_p3, law.strength_xyuvm[x, y], law.power_xyuv[x, y], law.decay_xyuv[x, y])
    shape_4 = np.array([law.curvature, law.reference, law.onset, law.cutoff])
    chunks = [
        _over_pairs(*(values[start : start + _CHUNK] for values in per_pair), shape_4, basis)
        for start in range(0, count, _CHUNK)
    ]
    blocks_pab, gradients_pcab = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return blocks_pab[:count], gradients_pcab[:count]
