"""Slater-Koster blocks: the angular part of an integral between the shells of two atoms.

J. C. Slater and G. F. Koster, Phys. Rev. 94, 1498 (1954), Table I, in closed form: along the
bond n an orbital has a sigma part Y_a(n), a pi part, the vector across the bond

    p: e_a - n n_a        d: (2 / sqrt 3) (T_a n - n (n.T_a n))

and, for d, a delta part, which is what completes the shell.  An integral <a|V|b> is the sum
over sigma, pi, delta of the parts' products times V_ll'm.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ephforge.electrons.bases import D_TENSORS, SHELLS, orbital_shells


def slater_koster(
    direction_3: Float[Array, "3"], integrals_uvm: Float[Array, "u u 3"], basis: str
) -> Float[Array, "o o"]:
    """Block <a|V|b> of two atoms, or of one in the field of the other.

    Args:
      direction_3: unit vector from the atom of a to that of b (or to the source of the field).
      integrals_uvm: sigma, pi, delta integrals of shell u of a and shell v of b along z.
      basis: key of `SHELLS`.
    """
    shell_a = orbital_shells(basis)
    integral_abm = integrals_uvm[shell_a][:, shell_a]
    sigma_a, pi_ac = _parts(direction_3, basis)
    sigma_ab = sigma_a[:, None] * sigma_a[None, :]
    pi_ab = pi_ac @ pi_ac.T
    is_d_a = np.array(SHELLS[basis])[shell_a] == 2
    delta_ab = jnp.where(is_d_a[:, None] & is_d_a, jnp.eye(len(shell_a)) - sigma_ab - pi_ab, 0)
    delta_ab = delta_ab.astype(direction_3.dtype)
    return (
        integral_abm[..., 0] * sigma_ab
        + integral_abm[..., 1] * pi_ab
        + integral_abm[..., 2] * delta_ab
    )


def parity(basis: str) -> Float[np.ndarray, "u u"]:
    """(-1)^(l + l'): what V_ll'm gains when the two atoms are exchanged."""
    l_u = np.array(SHELLS[basis])
    return 1.0 - 2.0 * ((l_u[:, None] + l_u) % 2)


def _parts(n_3, basis: str) -> tuple[Float[Array, " o"], Float[Array, "o 3"]]:
    """sigma[a] and pi[a, direction] of every orbital of an atom."""
    tensors_acd = jnp.asarray(D_TENSORS, n_3.dtype)
    one = jnp.ones(1, n_3.dtype)
    sigma_of = {0: one, 1: n_3, 2: jnp.einsum("c,acd,d->a", n_3, tensors_acd, n_3)}
    across_33 = jnp.eye(3, dtype=n_3.dtype) - n_3[:, None] * n_3[None, :]
    pi_of = {
        0: jnp.zeros((1, 3), n_3.dtype),
        1: across_33,
        2: 2 / 3**0.5 * jnp.einsum("acd,d,ce->ae", tensors_acd, n_3, across_33),
    }
    parts = [(sigma_of[momentum], pi_of[momentum]) for momentum in SHELLS[basis]]
    return tuple(jnp.concatenate(part) for part in zip(*parts, strict=True))
