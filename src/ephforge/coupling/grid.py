"""|g|^2 of one material over many pairs (k, q): the loop over q, the same for both couplings.

Pairs are given by number on one list of points, so that k+q costs a look-up and no second
diagonalisation.  Memory is that of a chunk of q; see `jax.lax.map`.  Points off a mesh:
points.py.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Int

from ephforge.core.kpoints import mesh_points, sum_index
from ephforge.coupling import longrange, two_centre, wannier
from ephforge.coupling.degeneracy import shared_square, sharing
from ephforge.coupling.matrix_elements import band_coupling, displacements
from ephforge.electrons.bloch import bloch_sum, eigenpairs
from ephforge.phonons.modes import modes

_Q_CHUNK = 8  # q points at once in the general coupling: its first step reads all g once for them


class Pairs(NamedTuple):
    """Pairs (k, q): initial_k and final_kq are numbers on the list of points of k and k+q."""

    points_p3: Float[Array, "p 3"]
    initial_k: Int[Array, " k"]
    final_qk: Int[Array, "q k"]
    q_q3: Float[Array, "q 3"]


class Lattice(NamedTuple):
    """Force constants (eV/angstrom^2) and masses (dalton) as JAX arrays."""

    cells_r3: Int[Array, "r 3"]
    phi_rsctd: Inexact[Array, "r s 3 s 3"]
    mass_s: Float[Array, " s"]


class TwoCentre(NamedTuple):
    """Electrons of a two-centre model: H_ab(R) (eV) and dH_ab(R)/dd_c (eV/angstrom)."""

    cells_r3: Int[Array, "r 3"]
    energy_rab: Float[Array, "r a a"]
    gradient_rcab: Float[Array, "r 3 a a"]
    site_a: Int[Array, " a"]


class Wannier(NamedTuple):
    """Electrons of a general model: H_ab(R) (eV) and g[Rp, s,c, Re, a,b] (eV/angstrom)."""

    cells_h3: Int[Array, "h 3"]
    energy_hab: Complex[Array, "h a a"]
    phonon_cells_p3: Int[Array, "p 3"]
    electron_cells_r3: Int[Array, "r 3"]
    g_pscrab: Complex[Array, "p s 3 r a a"]


class Limits(NamedTuple):
    """Degeneracy tolerance and soft-mode energy, eV."""

    degeneracy: float
    soft_mode: float


class Squares(NamedTuple):
    """Bands at the points (eV), phonon energies (eV), shared |g|^2 (eV^2)."""

    energy_pn: Float[Array, "p n"]
    energy_qv: Float[Array, "q v"]
    square_qkvmn: Float[Array, "q k v m n"]


def mesh_pairs(k_mesh: tuple[int, int, int], q_mesh: tuple[int, int, int]) -> Pairs:
    """All pairs of a k mesh and a q mesh that divides it; the points are the k mesh."""
    points_p3 = mesh_points(k_mesh)
    final_qk = sum_index(k_mesh, q_mesh).T
    return Pairs(points_p3, np.arange(len(points_p3)), final_qk, mesh_points(q_mesh))


def two_centre_squares(
    electrons: TwoCentre, lattice: Lattice, pairs: Pairs, limits: Limits, bands: int
) -> Squares:
    """|g|^2 of a two-centre model, the lowest bands; R lists may be padded with zeros."""
    over_points = jax.vmap(two_centre.ends, (0, None, None, None))
    ends_p = over_points(
        pairs.points_p3, electrons.cells_r3, electrons.energy_rab, electrons.gradient_rcab
    )
    initial_k = jax.tree.map(lambda x: x[pairs.initial_k], ends_p)

    def couple_q(_, displacement_vsc, final_k):
        chosen_k = jax.tree.map(lambda x: x[final_k], ends_p)
        over_k = jax.vmap(two_centre.couple, (0, 0, None, None))
        return over_k(initial_k, chosen_k, displacement_vsc, electrons.site_a)

    return _over_q(couple_q, ends_p.energy_n, _phonons(lattice, pairs, None), pairs, limits, bands)


def wannier_squares(
    electrons: Wannier,
    lattice: Lattice,
    dipoles: longrange.DipoleSum | None,
    pairs: Pairs,
    limits: Limits,
    bands: int,
) -> Squares:
    """|g|^2 of a general model, the lowest bands."""
    hamiltonian_pab = jax.vmap(bloch_sum, (0, None, None))(
        pairs.points_p3, electrons.cells_h3, electrons.energy_hab
    )
    energy_pn, vector_pan = jax.vmap(eigenpairs)(hamiltonian_pab)
    k_k3, initial_kan = pairs.points_p3[pairs.initial_k], vector_pan[pairs.initial_k]

    def couple_q(q_3, displacement_vsc, final_k):
        g_scrab = wannier.at_q(q_3, electrons.phonon_cells_p3, electrons.g_pscrab)
        over_k = jax.vmap(wannier.at_kq, (0, None, None))
        gradient_kscab = over_k(k_k3, electrons.electron_cells_r3, g_scrab)
        if dipoles is not None:
            field_sc = longrange.field(q_3, dipoles)
            gradient_kscab = jax.vmap(wannier.add_long_range, (0, None))(gradient_kscab, field_sc)
        return jax.vmap(band_coupling, (0, 0, 0, None))(
            gradient_kscab, vector_pan[final_k], initial_kan, displacement_vsc
        )

    phonons = _phonons(lattice, pairs, dipoles)
    return _over_q(couple_q, energy_pn, phonons, pairs, limits, bands, _Q_CHUNK)


def _phonons(lattice: Lattice, pairs: Pairs, dipoles: longrange.DipoleSum | None):
    """Energies and polarisations at every q, long range included."""

    def at_q(q_3):
        return modes(longrange.dynamical_matrix(q_3, *lattice, dipoles))

    energy_qv, polarisation_qvd = jax.vmap(at_q)(pairs.q_q3)
    return energy_qv, polarisation_qvd, lattice.mass_s


def _over_q(
    couple_q: Callable,
    energy_pn: Float[Array, "p n"],
    phonons: tuple,
    pairs: Pairs,
    limits: Limits,
    bands: int,
    chunk: int | None = None,
) -> Squares:
    """Apply couple_q(q, displacements, final points) -> g[k, v, m, n] and share |g|^2."""
    energy_qv, polarisation_qvd, mass_s = phonons
    displacement_qvsc = jax.vmap(displacements, (0, 0, None, None))(
        energy_qv, polarisation_qvd, mass_s, limits.soft_mode
    )
    sharing_pnn = jax.vmap(sharing, (0, None))(energy_pn, limits.degeneracy)

    def at_one_q(inputs):
        q_3, energy_v, displacement_vsc, final_k = inputs
        g_kvmn = couple_q(q_3, displacement_vsc, final_k)
        square_kvmn = jax.vmap(shared_square, (0, None, 0, 0))(
            g_kvmn,
            sharing(energy_v, limits.degeneracy),
            sharing_pnn[final_k],
            sharing_pnn[pairs.initial_k],
        )
        return square_kvmn[..., :bands, :bands]

    per_q = (pairs.q_q3, energy_qv, displacement_qvsc, pairs.final_qk)
    square_qkvmn = jax.lax.map(at_one_q, per_q, batch_size=chunk)
    return Squares(energy_pn, energy_qv, square_qkvmn)
