"""Force constants from a coarse q mesh, and phonons from them.

The dipole part is taken out before and added back after.  Phi[R, s, t] of a coarse mesh is shared
among the images R + N T in proportion to e^{-2 d/length}, d = |R + tau_t - tau_s|, or given to
the nearest (length 0, as codes do).  Shares are the same for Phi(R)_st and Phi(-R)_ts, so that
Phi stays symmetric; the acoustic sum rule is one of q = 0, which every mesh has.
"""

import numpy as np
from jaxtyping import Complex, Float

from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import ForceConstants, Mesh, Model
from ephforge.refinement import images
from ephforge.refinement.coarse import dipole_part, dynamical, pair_centred, to_cells

_SMALLEST_SHARE = 1e-4  # images with less are left out


def force_constants(model: Model, coarse: Mesh, length: float) -> ForceConstants:
    """Phi(R), dipole part out, from the q of a coarse mesh alone.

    Args:
      model: its dynamical matrices are taken at the q of the mesh, where they are exact.
      length: angstrom; 0 takes the nearest images alone.
    """
    q_q3 = mesh_points(coarse)
    phi_qsctd = dynamical(model, q_q3) - dipole_part(model, q_q3)
    if length == 0:
        return pair_centred(model, phi_qsctd, coarse)
    tau, cell = model.crystal.positions, model.crystal.cell
    cells_tp3 = images.phonon_images(coarse)
    away_tpst3 = (cells_tp3 @ cell)[:, :, None, None] + tau[None] - tau[:, None]
    share_tpst, _ = images.shares(np.linalg.norm(away_tpst3, axis=-1), length, 0.0)
    share_tpst = np.where(share_tpst < _SMALLEST_SHARE, 0.0, share_tpst)
    share_tpst = share_tpst / share_tpst.sum(axis=0)
    phi_psctd = to_cells(phi_qsctd, coarse).real
    is_kept_tp = share_tpst.any(axis=(2, 3))
    class_r = np.nonzero(is_kept_tp)[1]
    phi_rsctd = phi_psctd[class_r] * share_tpst[is_kept_tp][:, :, None, :, None]
    return ForceConstants(cells_tp3[is_kept_tp], np.ascontiguousarray(phi_rsctd))


def modes(
    phi_qsctd: Complex[np.ndarray, "q s 3 s 3"], masses: Float[np.ndarray, " s"]
) -> tuple[Float[np.ndarray, "q v"], Complex[np.ndarray, "q d v"]]:
    """Eigenvalues (eV/angstrom^2/dalton) and polarisations, columns, at some q."""
    root_d = np.repeat(np.sqrt(masses), 3)
    matrix_qdd = phi_qsctd.reshape(len(phi_qsctd), len(root_d), len(root_d))
    matrix_qdd = (matrix_qdd + matrix_qdd.conj().swapaxes(1, 2)) / 2
    return np.linalg.eigh(matrix_qdd / root_d[:, None] / root_d)
