"""The two-centre coupling, at one k and one q, from sums that need only one point each.

H = sum |a,l> t_ab(d) <b,l+R|, d the vector from orbital a to orbital b.  A displacement
u_s(l) = e_s e^{2 pi i q.l} of the atoms, which carry their orbitals along, changes d by the
difference of two displacements, so that

    <a,k+q| dH/du_sc |b,k> = [s_b = s] A^c_ab(k+q) - [s_a = s] A^c_ab(k)
    A^c_ab(k) = sum_R e^{2 pi i k.R} dt_ab(R) / dd_c

Band states are put on one side of A at each point beforehand; a pair (k, q) then costs two
small matrix products, and no lattice sum.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Int

from ephforge.electrons.bloch import bloch_sum, eigenpairs


class Ends(NamedTuple):
    """What a k point contributes to the pairs that start or end there.

    Attributes:
      energy_n: eV.
      vector_an: Bloch states.
      left_cna: <n| A^c, as the final state; eV/angstrom.
      right_can: A^c |n>, as the initial state; eV/angstrom.
    """

    energy_n: Float[Array, " n"]
    vector_an: Complex[Array, "a n"]
    left_cna: Complex[Array, "3 n a"]
    right_can: Complex[Array, "3 a n"]


def ends(
    k_3: Float[Array, "3"],
    cells_r3: Int[Array, "r 3"],
    energy_rab: Float[Array, "r a a"],
    gradient_rcab: Float[Array, "r 3 a a"],
) -> Ends:
    """Bands and one-sided couplings of one k point."""
    energy_n, vector_an = eigenpairs(bloch_sum(k_3, cells_r3, energy_rab))
    gradient_cab = bloch_sum(k_3, cells_r3, gradient_rcab)
    return Ends(energy_n, vector_an, vector_an.conj().T @ gradient_cab, gradient_cab @ vector_an)


def couple(
    initial: Ends, final: Ends, displacement_vsc: Complex[Array, "v s 3"], site_a: Int[Array, " a"]
) -> Complex[Array, "v m n"]:
    """Coupling g (eV) of the states at k with those at k+q.

    Args:
      initial, final: at k and at k+q.
      displacement_vsc: zero-point displacements of the modes at q, angstrom.
      site_a: atom of each orbital.
    """
    displacement_vac = displacement_vsc[:, site_a]
    left_vma = jnp.einsum("vac,cma->vma", displacement_vac, final.left_cna)
    right_van = jnp.einsum("vac,can->van", displacement_vac, initial.right_can)
    return left_vma @ initial.vector_an - final.vector_an.conj().T @ right_van


def gradient(
    initial_cab: Complex[Array, "3 a a"],
    final_cab: Complex[Array, "3 a a"],
    atom_s: Int[Array, " s"],
    site_a: Int[Array, " a"],
) -> Complex[Array, "s 3 a a"]:
    """dH/du itself in the orbital basis, from A(k) and A(k+q); eV/angstrom."""
    carries_sa = (atom_s[:, None] == site_a[None, :]).astype(initial_cab.dtype)
    return carries_sa[:, None, None, :] * final_cab - carries_sa[:, None, :, None] * initial_cab
