"""The dipole part of polar materials: dynamical matrix and coupling, at one q.

Both are sums over G of the field of a dipole lattice in the medium of the dielectric tensor,
damped by a Gaussian; the short-range models are what remained when the same sums were
subtracted, so the damping does not show in the result.  The sums are cut in different ways:

"epw-5.3"   EPW 5.3.1: in the coupling G limited by the coarse mesh, and a damping exponent
            that carries a factor 2 pi / alat (alat in bohr) too much.
"perturbo"  Perturbo (polar_correction.f90): an Ewald parameter each for Phi and for g, G within
            a box that holds K.eps.K < 56 alpha along the axes (for Phi: K.K), and no coupling
            field at all at q = 0.
"ewald"     synthetic ionic materials: all G whose terms exceed e^-34 = 2e-15, damped by
            e^{-K.eps.K / 4 alpha} with one alpha each for Phi and for g.  Phi(R) holds Ewald's
            real-space sum of that alpha (lattice/ewald.py), so that phonons are those of the ions
            and independent of it; in the coupling alpha says how far an orbital spreads.

Lengths are in alat of the code, K = q + G.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Crystal, LongRange
from ephforge.core.units import BOHR, COULOMB
from ephforge.phonons import modes

_LARGEST_EXPONENT = 14.0  # terms damped by more than e^-14 are left out, as in both codes
_COMPLETE_EXPONENT = 34.0  # the same for "ewald"
_FEWEST_WAVES = 512  # of "ewald": padded to a power of two, so that few kernels are compiled
_GAMMA = 1e-8  # |q|, fractional, below which Perturbo's coupling field is zero


class Waves(NamedTuple):
    """Which reciprocal vectors a sum runs over and how it is damped; s = K.eps.K.

    Attributes:
      vector_g3: in 2 pi / alat.
      damping: the weight of a term is e^{-damping s / 4} / s.
      largest: terms with s above it are left out.
    """

    vector_g3: Float[Array, "g 3"]
    damping: float
    largest: float


class DipoleSum(NamedTuple):
    """A polar material in the units of the sums: lengths in alat, wave vectors in 2 pi / alat.

    Attributes:
      reciprocal_33: reciprocal vectors, rows.
      position_s3: atoms.
      born_s33, dielectric_33: as in core.realspace.LongRange.
      lattice, coupling: the sums of the force constants and of the coupling field.
      stiffness: 4 pi e^2 / volume, eV/angstrom^2.
      force: the same times alat / 2 pi, eV/angstrom.
      at_gamma: what multiplies the coupling field at q = 0.
      folds: 1 where q is taken to the cell around 0 before the sum, else 0.
    """

    reciprocal_33: Float[Array, "3 3"]
    position_s3: Float[Array, "s 3"]
    born_s33: Float[Array, "s 3 3"]
    dielectric_33: Float[Array, "3 3"]
    lattice: Waves
    coupling: Waves
    stiffness: float
    force: float
    at_gamma: float
    folds: float


def dipole_sum(long_range: LongRange, crystal: Crystal) -> DipoleSum:
    """Everything the sums need that does not depend on q.

    Raises:
      EphforgeError: the convention is not known here.
    """
    if long_range.convention not in _WAVES:
        raise EphforgeError(
            f"long range '{long_range.convention}': unknown convention, expected one of "
            f"{', '.join(sorted(_WAVES))}; import the model again"
        )
    unit = long_range.lattice_unit
    reciprocal_33 = np.linalg.inv(crystal.cell).T * unit
    stiffness = 4 * np.pi * COULOMB / abs(np.linalg.det(crystal.cell))
    return DipoleSum(
        jnp.asarray(reciprocal_33),
        jnp.asarray(crystal.positions / unit),
        jnp.asarray(long_range.born),
        jnp.asarray(long_range.dielectric),
        *_WAVES[long_range.convention](long_range, reciprocal_33),
        stiffness,
        stiffness * unit / (2 * np.pi),
        0.0 if long_range.convention == "perturbo" else 1.0,
        1.0 if long_range.convention == "ewald" else 0.0,
    )


def _epw_waves(long_range: LongRange, reciprocal_33: np.ndarray) -> tuple[Waves, Waves]:
    largest = 4 * _LARGEST_EXPONENT
    # as rgd_blk has it: one more than fits the sphere, none along a direction with one q
    reach_3 = (np.sqrt(largest) / np.linalg.norm(reciprocal_33, axis=1)).astype(int) + 1
    reach_3[np.asarray(long_range.q_mesh) < 2] = 0
    unneeded_factor = 2 * np.pi * BOHR / long_range.lattice_unit
    return (
        Waves(_box(reach_3, reciprocal_33), 1.0, largest),
        # rgd_blk_epw sums over the coarse mesh instead
        Waves(_box(long_range.q_mesh, reciprocal_33), unneeded_factor, largest),
    )


def _perturbo_waves(long_range: LongRange, reciprocal_33: np.ndarray) -> tuple[Waves, Waves]:
    found = []
    for alpha, metric_33 in zip(long_range.ewald, (np.eye(3), long_range.dielectric), strict=True):
        largest = 4 * _LARGEST_EXPONENT * alpha
        square_3 = np.einsum("ri,ij,rj->r", reciprocal_33, metric_33, reciprocal_33)
        reach_3 = np.ceil(np.sqrt(largest / square_3)).astype(int)
        # a direction with one q point is that of a layer or a wire: no sum over its G
        reach_3[np.asarray(long_range.q_mesh) < 2] = 0
        found.append(Waves(_box(reach_3, reciprocal_33), 1 / alpha, largest))
    return found[0], found[1]


def _ewald_waves(long_range: LongRange, reciprocal_33: np.ndarray) -> tuple[Waves, Waves]:
    corners_k3 = np.array(list(itertools.product((-0.5, 0.5), repeat=3))) @ reciprocal_33
    farthest_q = np.linalg.norm(corners_k3, axis=1).max()
    smallest = np.linalg.eigvalsh(long_range.dielectric)[0]
    found = []
    for alpha in long_range.ewald:
        largest = 4 * _COMPLETE_EXPONENT * alpha
        radius = np.sqrt(largest / smallest) + farthest_q
        reach_3 = np.floor(radius * np.linalg.norm(np.linalg.inv(reciprocal_33), axis=0))
        vector_g3 = np.asarray(_box(reach_3.astype(int), reciprocal_33))
        length_g = np.linalg.norm(vector_g3, axis=1)
        near_g3 = vector_g3[np.argsort(length_g, kind="stable")[: np.sum(length_g < radius)]]
        size = max(_FEWEST_WAVES, 1 << (len(near_g3) - 1).bit_length())
        beyond = np.array([[2 * radius, 0.0, 0.0]])  # padding that no q brings inside
        padding_g3 = np.repeat(beyond, size - len(near_g3), axis=0)
        waves_g3 = jnp.asarray(np.concatenate([near_g3, padding_g3]))
        found.append(Waves(waves_g3, 1 / alpha, largest))
    return found[0], found[1]


_WAVES = {"epw-5.3": _epw_waves, "ewald": _ewald_waves, "perturbo": _perturbo_waves}


def _box(reach_3, reciprocal_33: np.ndarray) -> Float[Array, "g 3"]:
    """All G with indices from -n to n in each direction."""
    steps = [np.arange(-n, n + 1) for n in reach_3]
    index_g3 = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return jnp.asarray(index_g3 @ reciprocal_33)


def dynamical_matrix(
    q_3: Float[Array, "3"],
    cells_r3: Int[Array, "r 3"],
    phi_rsctd: Inexact[Array, "r s 3 s 3"],
    mass_s: Float[Array, " s"],
    dipoles: DipoleSum | None,
) -> Complex[Array, "d d"]:
    """Dynamical matrix with the dipole part where there is one; eV/(angstrom^2 dalton)."""
    matrix_dd = modes.dynamical_matrix(q_3, cells_r3, phi_rsctd, mass_s)
    if dipoles is None:
        return matrix_dd
    root_d = jnp.repeat(jnp.sqrt(mass_s), 3)
    polar_dd = force_constants(q_3, dipoles).reshape(matrix_dd.shape)
    return matrix_dd + polar_dd / (root_d[:, None] * root_d[None, :])


def force_constants(q_3: Float[Array, "3"], dipoles: DipoleSum) -> Complex[Array, "s 3 s 3"]:
    """What to add to sum_R e^{2 pi i q.R} Phi(R), eV/angstrom^2.

    The q = 0 sum is taken off the diagonal blocks, so that the acoustic sum rule holds.
    """
    count = len(dipoles.position_s3)
    waves_sctd = _stiffness(q_3, dipoles)
    rest_scd = jnp.sum(jnp.real(_stiffness(jnp.zeros_like(q_3), dipoles)), axis=2)
    same_st = jnp.eye(count, dtype=rest_scd.dtype)
    return waves_sctd - rest_scd[:, :, None, :] * same_st[:, None, :, None]


def field(q_3: Float[Array, "3"], dipoles: DipoleSum) -> Complex[Array, "s 3"]:
    """What to add to the diagonal of dH/du_sc in the orbitals, eV/angstrom.

    i (4 pi e^2 / volume) sum_K e^{-d K.eps.K/4} (K.Z_s)_c e^{-i K.tau_s} / K.eps.K, K = q + G,
    the energy of an electron in the potential of a dipole wave; d is the damping of the code.
    """
    wave_g3, weight_g = _wave_vectors(q_3, dipoles, dipoles.coupling)
    charge_gsc = jnp.einsum("gf,sfc->gsc", wave_g3, dipoles.born_s33)
    phase_gs = jnp.exp(-2j * jnp.pi * wave_g3 @ dipoles.position_s3.T)
    factor = dipoles.force * jnp.where(jnp.sum(q_3**2) < _GAMMA**2, dipoles.at_gamma, 1.0)
    return 1j * factor * jnp.einsum("g,gs,gsc->sc", weight_g, phase_gs, charge_gsc)


def field_at_atoms(q_3: Float[Array, "3"], dipoles: DipoleSum) -> Complex[Array, "s 3 t"]:
    """What to add to dH/du_sc of the orbitals of atom t, eV/angstrom.

    The codes take the field to be the same for all orbitals; what that leaves out is in their
    short-range part.  "ewald" has no such part: each term of the sum in `field` is taken where
    the orbital is, e^{i K.tau_t}.  Orbitals move with their atoms through the field at rest of all
    ions, so that the sum over s at q = 0, a crystal moved as a whole, is taken off s = t.
    """
    rigid_ct = jnp.sum(_field_at_atoms(jnp.zeros_like(q_3), dipoles), axis=0)
    own_sct = jnp.eye(len(dipoles.position_s3))[:, None, :] * rigid_ct
    return _field_at_atoms(q_3, dipoles) - dipoles.folds * own_sct


def _field_at_atoms(q_3, dipoles: DipoleSum) -> Complex[Array, "s 3 t"]:
    wave_g3, weight_g = _wave_vectors(q_3, dipoles, dipoles.coupling)
    charge_gsc = jnp.einsum("gf,sfc->gsc", wave_g3, dipoles.born_s33)
    phase_gs = jnp.exp(-2j * jnp.pi * wave_g3 @ dipoles.position_s3.T)
    place_gt = jnp.exp(2j * jnp.pi * dipoles.folds * wave_g3 @ dipoles.position_s3.T)
    factor = dipoles.force * jnp.where(jnp.sum(q_3**2) < _GAMMA**2, dipoles.at_gamma, 1.0)
    return 1j * factor * jnp.einsum("g,gs,gsc,gt->sct", weight_g, phase_gs, charge_gsc, place_gt)


def on_points(
    long_range: LongRange, crystal: Crystal, q_q3: Float[np.ndarray, "q 3"]
) -> tuple[Complex[np.ndarray, "q s 3 s 3"], Complex[np.ndarray, "q s 3"]]:
    """`force_constants` and `field` of a list of q points."""
    dipoles = dipole_sum(long_range, crystal)
    both = jax.lax.map(lambda q_3: (force_constants(q_3, dipoles), field(q_3, dipoles)), q_q3)
    return np.asarray(both[0]), np.asarray(both[1])


def field_at_atoms_of(
    long_range: LongRange, crystal: Crystal, q_q3: Float[np.ndarray, "q 3"]
) -> Complex[np.ndarray, "q s 3 t"]:
    """`field_at_atoms` of a list of q points."""
    dipoles = dipole_sum(long_range, crystal)
    return np.asarray(jax.lax.map(lambda q_3: field_at_atoms(q_3, dipoles), jnp.asarray(q_q3)))


def _stiffness(q_3, dipoles: DipoleSum) -> Complex[Array, "s 3 s 3"]:
    """Force constants of the dipole lattices at q, before the acoustic sum rule."""
    wave_g3, weight_g = _wave_vectors(q_3, dipoles, dipoles.lattice)
    phase_gs = jnp.exp(2j * jnp.pi * wave_g3 @ dipoles.position_s3.T)
    charge_gsc = phase_gs[:, :, None] * jnp.einsum("gf,sfc->gsc", wave_g3, dipoles.born_s33)
    return dipoles.stiffness * jnp.einsum(
        "g,gsc,gtd->sctd", weight_g, charge_gsc, charge_gsc.conj()
    )


def _wave_vectors(
    q_3: Float[Array, "3"], dipoles: DipoleSum, waves: Waves
) -> tuple[Float[Array, "g 3"], Float[Array, " g"]]:
    """K = q + G, and the weight of each in the sum, 0 for those that it leaves out."""
    near_3 = q_3 - dipoles.folds * jnp.round(q_3)
    wave_g3 = near_3 @ dipoles.reciprocal_33 + waves.vector_g3
    strength_g = jnp.einsum("gi,ij,gj->g", wave_g3, dipoles.dielectric_33, wave_g3)
    is_kept_g = (strength_g > 0) & (strength_g < waves.largest)
    safe_g = jnp.where(strength_g > 0, strength_g, 1)
    return wave_g3, jnp.where(is_kept_g, jnp.exp(-waves.damping * safe_g / 4) / safe_g, 0)
