"""|g|^2 of one material over many pairs (k, q): the loop over q, the same for both couplings.

Pairs are given by number on one list of points, so that k+q costs a look-up and no second
diagonalisation.  Memory is that of a chunk of q; see `jax.lax.map`.  Points off a mesh:
points.py.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Int

from ephforge.core.kpoints import mesh_points, sum_index
from ephforge.coupling import longrange, two_centre, wannier
from ephforge.coupling.degeneracy import shared_square, sharing
from ephforge.coupling.matrix_elements import band_coupling, displacements
from ephforge.electrons.bloch import bloch_sum, eigenpairs
from ephforge.phonons.modes import modes

Q_CHUNK = 8  # q points at once in the general coupling: its first step reads all g once for them


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


class Wannier(NamedTuple):
    """Electrons of a general model: H_ab(R) (eV), g[Rp, s,c, Re, a,b] (eV/angstrom), atoms."""

    cells_h3: Int[Array, "h 3"]
    energy_hab: Complex[Array, "h a a"]
    phonon_cells_p3: Int[Array, "p 3"]
    electron_cells_r3: Int[Array, "r 3"]
    g_pscrab: Complex[Array, "p s 3 r a a"]
    site_a: Int[Array, " a"]


class Waves(NamedTuple):
    """A two-centre model at every q, before modes are known; None where it has no such part.

    Attributes:
      dynamical_qdd: eV/(angstrom^2 dalton).
      field_qtcsoo, rigid_csoo: crystal field, X(q) and sum_t X^t(0), eV/angstrom.
      dipole_qsct: field of dipole waves at every atom t, eV/angstrom.
    """

    dynamical_qdd: Complex[Array, "q d d"]
    field_qtcsoo: Complex[Array, "q t 3 s o o"] | None
    rigid_csoo: Inexact[Array, "3 s o o"] | None
    dipole_qsct: Complex[Array, "q s 3 t"] | None

    def couplings(self, q) -> tuple:
        """The last three at one q, as `two_centre.wave` takes them."""
        field_tcsoo = None if self.field_qtcsoo is None else self.field_qtcsoo[q]
        dipole_sct = None if self.dipole_qsct is None else self.dipole_qsct[q]
        return field_tcsoo, self.rigid_csoo, dipole_sct


class Numbers(NamedTuple):
    """Pairs by number: points of k and of k+q; how many q, of the rows of final_qk, count."""

    initial_k: Int[Array, " k"]
    final_qk: Int[Array, "q k"]
    count: Int[Array, ""]


class Limits(NamedTuple):
    """Degeneracy tolerance and soft-mode energy, eV."""

    degeneracy: float
    soft_mode: float


class Squares(NamedTuple):
    """Bands at the points (eV), phonon energies (eV), shared |g|^2 (eV^2)."""

    energy_pn: Float[Array, "p n"]
    energy_qv: Float[Array, "q v"]
    square_qkvmn: Float[Array, "q k v m n"]


def mesh_pairs(
    k_mesh: tuple[int, int, int],
    q_mesh: tuple[int, int, int],
    chosen_q: Int[np.ndarray, " q"] | None = None,
) -> Pairs:
    """Pairs of a k mesh and a q mesh that divides it, or of some of its q; points: the k mesh."""
    points_p3, q_q3 = mesh_points(k_mesh), mesh_points(q_mesh)
    final_qk = sum_index(k_mesh, q_mesh).T
    if chosen_q is not None:
        final_qk, q_q3 = final_qk[chosen_q], q_q3[chosen_q]
    return Pairs(points_p3, np.arange(len(points_p3)), final_qk, q_q3)


def bloch_matrices(
    points_p3: Float[Array, "p 3"], electrons: two_centre.Electrons
) -> two_centre.Matrices:
    """Matrices of a two-centre model at every point."""
    return jax.vmap(two_centre.matrices, (0, None))(points_p3, electrons)


def waves(
    q_q3: Float[Array, "q 3"],
    lattice: Lattice,
    dipoles: longrange.DipoleSum | None,
    electrons: two_centre.Electrons,
) -> Waves:
    """What a two-centre model needs at every q; sums over cells only."""

    def at_q(q_3):
        dynamical_dd = longrange.dynamical_matrix(q_3, *lattice, dipoles)
        dipole_sct = None if dipoles is None else longrange.field_at_atoms(q_3, dipoles)
        field_tcsoo = None
        if electrons.field_rtcsoo is not None:
            field_tcsoo = bloch_sum(q_3, electrons.cells_r3, electrons.field_rtcsoo)
        return dynamical_dd, field_tcsoo, dipole_sct

    dynamical_qdd, field_qtcsoo, dipole_qsct = jax.vmap(at_q)(q_q3)
    rigid_csoo = None
    if electrons.field_rtcsoo is not None:
        rigid_csoo = jnp.sum(electrons.field_rtcsoo, axis=(0, 1))
    return Waves(dynamical_qdd, field_qtcsoo, rigid_csoo, dipole_qsct)


def two_centre_ends(
    at_points: two_centre.Matrices, slot_so: Int[Array, "s o"], kept: int, is_polar: bool
) -> tuple[Float[Array, "p a"], two_centre.Ends]:
    """All bands at every point, and what its lowest `kept` bring to pairs."""
    over_points = jax.vmap(two_centre.ends, (0, None, None, None))
    return over_points(at_points, slot_so, kept, is_polar)


def two_centre_squares(
    ends_p: two_centre.Ends,
    at_q: Waves,
    mass_s: Float[Array, " s"],
    numbers: Numbers,
    limits: Limits,
    bands: int,
) -> tuple[Float[Array, "q v"], Float[Array, "q k v m n"]]:
    """Phonon energies (eV) and shared |g|^2 (eV^2) of a two-centre model, the lowest bands.

    Args:
      ends_p: of the points; their bands may be more than are wanted.
      numbers: of the pairs; as many q as `numbers.count` are computed, the rest stays zero.
    """
    sharing_pnn = jax.vmap(sharing, (0, None))(ends_p.energy_n, limits.degeneracy)
    sharing_pnn = sharing_pnn[:, :bands]
    pick = partial(jax.tree.map, lambda x: x[numbers.initial_k])
    initial_k, initial_sharing_knn = pick(ends_p), pick(sharing_pnn)

    def at_one_q(q, found):
        energy_v, polarisation_vd = modes(at_q.dynamical_qdd[q])
        displacement_vsc = displacements(energy_v, polarisation_vd, mass_s, limits.soft_mode)
        wave = two_centre.wave(displacement_vsc, *at_q.couplings(q))
        final_k = jax.tree.map(lambda x: x[numbers.final_qk[q]], ends_p)
        g_kvmn = jax.vmap(two_centre.couple, (0, 0, None))(initial_k, final_k, wave)
        square_kvmn = jax.vmap(shared_square, (0, None, 0, 0))(
            g_kvmn,
            sharing(energy_v, limits.degeneracy),
            sharing_pnn[numbers.final_qk[q]],
            initial_sharing_knn.swapaxes(1, 2),
        )
        return found[0].at[q].set(energy_v), found[1].at[q].set(square_kvmn)

    n_q, n_modes = at_q.dynamical_qdd.shape[:2]
    shape = (n_q, len(numbers.initial_k), n_modes, bands, bands)
    nothing = (jnp.zeros((n_q, n_modes)), jnp.zeros(shape))
    return jax.lax.fori_loop(0, numbers.count, at_one_q, nothing)


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
            field_sca = longrange.field_at_atoms(q_3, dipoles)[:, :, electrons.site_a]
            gradient_kscab = jax.vmap(wannier.add_long_range, (0, None))(gradient_kscab, field_sca)
        return jax.vmap(band_coupling, (0, 0, 0, None))(
            gradient_kscab, vector_pan[final_k], initial_kan, displacement_vsc
        )

    phonons = _phonons(lattice, pairs, dipoles)
    return _over_q(couple_q, energy_pn, phonons, pairs, limits, bands, Q_CHUNK)


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
