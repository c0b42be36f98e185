"""Shares |g|^2 equally among degenerate states, so that what is kept has no gauge.

Neighbours in energy closer than the tolerance belong to one group; groups are chains of
such neighbours.  The sum of |g|^2 over groups of final bands, initial bands and modes does
not depend on the basis chosen inside them, and an equal share of it is given to each state.
"""

from functools import partial

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ephforge.coupling.products import apart, real_product


def sharing(
    energy_n: Float[Array, " n"], tolerance: float | Float[Array, ""]
) -> Float[Array, "n n"]:
    """Matrix that averages over the group of each state; energies (eV) in rising order."""
    is_new_n = jnp.diff(energy_n, prepend=energy_n[:1]) > tolerance
    group_n = jnp.cumsum(is_new_n)
    same_nn = (group_n[:, None] == group_n[None, :]).astype(energy_n.dtype)
    return same_nn / jnp.sum(same_nn, axis=1, keepdims=True)


def is_shared(energy_n: Float[Array, " n"], tolerance: float | Float[Array, ""]) -> Bool[Array, ""]:
    """Whether any two neighbours belong to one group."""
    return jnp.any(jnp.diff(energy_n) <= tolerance)


def averaged(
    square_vmn: Float[Array, "v m n"],
    modes_vv: Float[Array, "v v"],
    final_xm: Float[Array, "x m"],
    initial_ny: Float[Array, "n y"],
    is_wanted: Bool[Array, ""] | bool = True,
) -> Float[Array, "v x y"]:
    """|g|^2 averaged over groups; the three matrices come from `sharing`.

    All bands of a group must be present; a window is cut from rows of final_xm and columns of
    initial_ny, or afterwards.

    Args:
      is_wanted: for `products.apart`.
    """
    step = partial(apart, is_wanted, real_product)
    shared_vxy = step(step(final_xm, square_vmn), initial_ny)
    flat_vz = real_product(modes_vv, shared_vxy.reshape(len(modes_vv), -1))
    return flat_vz.reshape(shared_vxy.shape)
