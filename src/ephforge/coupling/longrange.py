"""The dipole part of polar materials: dynamical matrix and coupling, at one q.

Both are sums over G of the field of a dipole lattice in the medium of the dielectric tensor,
damped by a Gaussian; the short-range models are what remained when the same sums were
subtracted, so the damping does not show in the result.  Convention "epw-5.3" repeats the
sums of EPW 5.3.1: lengths in its alat, G limited by the coarse mesh, and, in the coupling, a
damping exponent that carries a factor 2 pi / alat (alat in bohr) too much.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Crystal, LongRange
from ephforge.core.units import BOHR, COULOMB
from ephforge.phonons import modes

_LARGEST_EXPONENT = 14.0  # terms damped by more than e^-14 are left out, as in EPW


class DipoleSum(NamedTuple):
    """A polar material in the units of the sums: lengths in alat, wave vectors in 2 pi / alat.

    Attributes:
      reciprocal_33: reciprocal vectors, rows.
      vector_g3: reciprocal lattice vectors of the sums.
      position_s3: atoms.
      born_s33, dielectric_33: as in core.realspace.LongRange.
      stiffness: 4 pi e^2 / volume, eV/angstrom^2.
      force: the same times alat / 2 pi, eV/angstrom.
      damping: what multiplies K.eps.K / 4 in the exponent of the coupling.
    """

    reciprocal_33: Float[Array, "3 3"]
    vector_g3: Float[Array, "g 3"]
    position_s3: Float[Array, "s 3"]
    born_s33: Float[Array, "s 3 3"]
    dielectric_33: Float[Array, "3 3"]
    stiffness: float
    force: float
    damping: float


def dipole_sum(long_range: LongRange, crystal: Crystal) -> DipoleSum:
    """Everything the sums need that does not depend on q.

    Raises:
      EphforgeError: the convention is not known here.
    """
    if long_range.convention != "epw-5.3":
        raise EphforgeError(
            f"long range '{long_range.convention}': unknown convention, expected 'epw-5.3'; "
            "import the model again"
        )
    unit = long_range.lattice_unit
    reciprocal_33 = np.linalg.inv(crystal.cell).T * unit
    steps = [np.arange(-n, n + 1) for n in long_range.q_mesh]
    index_g3 = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    stiffness = 4 * np.pi * COULOMB / abs(np.linalg.det(crystal.cell))
    return DipoleSum(
        jnp.asarray(reciprocal_33),
        jnp.asarray(index_g3 @ reciprocal_33),
        jnp.asarray(crystal.positions / unit),
        jnp.asarray(long_range.born),
        jnp.asarray(long_range.dielectric),
        stiffness,
        stiffness * unit / (2 * np.pi),
        2 * np.pi * BOHR / unit,
    )


def dynamical_matrix(
    q_3: Float[Array, "3"],
    cells_r3: Int[Array, "r 3"],
    phi_rsctd: Float[Array, "r s 3 s 3"],
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

    i (4 pi e^2 / volume) sum_K e^{-K.eps.K/4} (K.Z_s)_c e^{-i K.tau_s} / K.eps.K, K = q + G,
    the energy of an electron in the potential of a dipole wave, with the exponent of EPW.
    """
    wave_g3, strength_g, is_kept_g = _wave_vectors(q_3, dipoles)
    charge_gsc = jnp.einsum("gf,sfc->gsc", wave_g3, dipoles.born_s33)
    phase_gs = jnp.exp(-2j * jnp.pi * wave_g3 @ dipoles.position_s3.T)
    weight_g = jnp.where(is_kept_g, jnp.exp(-dipoles.damping * strength_g / 4) / strength_g, 0)
    return 1j * dipoles.force * jnp.einsum("g,gs,gsc->sc", weight_g, phase_gs, charge_gsc)


def _stiffness(q_3, dipoles: DipoleSum) -> Complex[Array, "s 3 s 3"]:
    """Force constants of the dipole lattices at q, before the acoustic sum rule."""
    wave_g3, strength_g, is_kept_g = _wave_vectors(q_3, dipoles)
    phase_gs = jnp.exp(2j * jnp.pi * wave_g3 @ dipoles.position_s3.T)
    charge_gsc = phase_gs[:, :, None] * jnp.einsum("gf,sfc->gsc", wave_g3, dipoles.born_s33)
    weight_g = jnp.where(is_kept_g, jnp.exp(-strength_g / 4) / strength_g, 0)
    return dipoles.stiffness * jnp.einsum(
        "g,gsc,gtd->sctd", weight_g, charge_gsc, charge_gsc.conj()
    )


def _wave_vectors(
    q_3: Float[Array, "3"], dipoles: DipoleSum
) -> tuple[Float[Array, "g 3"], Float[Array, " g"], Bool[Array, " g"]]:
    """K = q + G, K.eps.K (1 where it vanishes), and which terms the sums keep."""
    wave_g3 = q_3 @ dipoles.reciprocal_33 + dipoles.vector_g3
    strength_g = jnp.einsum("gi,ij,gj->g", wave_g3, dipoles.dielectric_33, wave_g3)
    is_kept_g = (strength_g > 0) & (strength_g / 4 < _LARGEST_EXPONENT)
    return wave_g3, jnp.where(strength_g > 0, strength_g, 1), is_kept_g
