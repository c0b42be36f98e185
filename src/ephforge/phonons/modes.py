"""Phonon energies and polarisations at one q from force constants.

Written for one q (and one material): map with `jax.vmap`, compile with `jax.jit`.

Axes   s,t atoms   c direction   d = (s, c) with c fastest   v mode   r cell vectors R
Units  eV, angstrom, dalton; q fractional (reciprocal basis)
Phase  e^{2 pi i q.R} of the cell, not of the atom: CONVENTIONS.md, "Phases"
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Int

from ephforge.core.realspace import ForceConstants
from ephforge.core.units import HBAR2_PER_DALTON

# On the diagonal of Phi(R=0) for padded atoms, with mass 1: their modes, near 2 eV, then lie
# above all others, which keep exactly no weight on the padding.  A zero there would mix
# them with the acoustic modes at q = 0.
PADDING_STIFFNESS = 1e3  # eV/angstrom^2


def dynamical_matrix(
    q_3: Float[Array, "3"],
    cells_r3: Int[Array, "r 3"],
    phi_rsctd: Inexact[Array, "r s 3 s 3"],
    mass_s: Float[Array, " s"],
) -> Complex[Array, "d d"]:
    r"""Mass-weighted Fourier sum of the force constants, d = 3 * atoms.

        D[sc, td](q) = sum_R e^{2 pi i q.R} Phi[R, sc, td] / sqrt(M[s] M[t])

    so that the displacement u_s(R) = e_s e^{2 pi i q.R} / sqrt(M_s) obeys D e = omega^2 e.

    Args:
      q_3: fractional.
      cells_r3: integer cell vectors R of the second atom; rows of padding may repeat any R
        as long as their Phi is zero.
      phi_rsctd: d2E / du_sc(0) du_td(R), eV/angstrom^2.
      mass_s: dalton; 1 for padded atoms (see `PADDING_STIFFNESS`).

    Returns:
      eV/(angstrom^2 dalton), hermitian.
    """
    phase_r = jnp.exp(2j * jnp.pi * (cells_r3 @ q_3))
    fourier_sctd = jnp.einsum("r,rsctd->sctd", phase_r, phi_rsctd)
    inverse_root_s = 1 / jnp.sqrt(mass_s)
    weighted = fourier_sctd * inverse_root_s[:, None, None, None] * inverse_root_s[:, None]
    size = 3 * mass_s.shape[0]
    matrix_dd = weighted.reshape(size, size)
    # Phi(R) = Phi(-R)^T makes it hermitian up to rounding; eigh reads one triangle only
    return (matrix_dd + matrix_dd.conj().T) / 2


def modes(
    dynamical_dd: Complex[Array, "d d"],
) -> tuple[Float[Array, " d"], Complex[Array, "d d"]]:
    r"""Eigenmodes of a dynamical matrix.

        D e_v = lambda_v e_v        hbar omega_v = sign(lambda_v) sqrt(hbar^2 |lambda_v|)

    Args:
      dynamical_dd: eV/(angstrom^2 dalton), hermitian.

    Returns:
      energies in eV, ascending, negative for imaginary omega; and polarisations, one mode
      per row (reshape to [v, s, c]), orthonormal, no mass factor.  Phases, and the basis
      within a degenerate subspace, are arbitrary.
    """
    eigenvalue_v, vector_dv = jnp.linalg.eigh(dynamical_dd)
    return energies(eigenvalue_v), vector_dv.T


def energies(eigenvalues: Float[Array | np.ndarray, "..."]) -> Float[Array, "..."]:
    """hbar omega (eV) of eigenvalues of the dynamical matrix; negative for imaginary omega."""
    return jnp.sign(eigenvalues) * jnp.sqrt(HBAR2_PER_DALTON * jnp.abs(eigenvalues))


def energies_at(
    q_q3: Float[np.ndarray, "q 3"],
    force_constants: ForceConstants,
    mass_s: Float[np.ndarray, " s"],
) -> Float[np.ndarray, "q v"]:
    """Phonon energies of one material at many q, eV (`modes`).

    Cells are padded to a power of two, so that a shard of materials compiles few kernels.
    """
    cells_r3, phi_rsctd = force_constants.cells, force_constants.phi
    missing = (1 << (len(cells_r3) - 1).bit_length()) - len(cells_r3)
    cells_r3 = np.pad(cells_r3, ((0, missing), (0, 0)))
    phi_rsctd = np.pad(phi_rsctd, ((0, missing), (0, 0), (0, 0), (0, 0), (0, 0)))
    found = _eigenvalues(*map(jnp.asarray, (q_q3, cells_r3, phi_rsctd, mass_s)))
    if jax.default_backend() == "cpu":
        # half the time of jax's eigvalsh, which computes vectors too (docs/notes/08)
        found = np.linalg.eigvalsh(found)
    return np.asarray(energies(found))


@jax.jit
def _eigenvalues(
    q_q3: Float[Array, "q 3"],
    cells_r3: Int[Array, "r 3"],
    phi_rsctd: Inexact[Array, "r s 3 s 3"],
    mass_s: Float[Array, " s"],
) -> Inexact[Array, "q ..."]:
    """Those of the dynamical matrices; on a CPU the matrices."""
    at = jax.vmap(dynamical_matrix, (0, None, None, None))
    matrix_qdd = at(q_q3, cells_r3, phi_rsctd, mass_s)
    return matrix_qdd if jax.default_backend() == "cpu" else jnp.linalg.eigvalsh(matrix_qdd)
