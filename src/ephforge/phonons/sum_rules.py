"""Exact properties of force constants, imposed on numbers that have them only nearly.

Phi[R, s,c, t,d] as in core/realspace.py.  Apply `permutation_symmetric` first: the acoustic
sum rule below keeps that symmetry.
"""

import numpy as np
from jaxtyping import Float

from ephforge.core.realspace import ForceConstants


def permutation_symmetric(force_constants: ForceConstants) -> ForceConstants:
    """Mean of Phi(R) and Phi(-R)^T: second derivatives do not depend on their order.

    Cells whose partner -R is missing get it; the result is sorted by R.
    """
    cells_r3 = np.unique(np.concatenate([force_constants.cells, -force_constants.cells]), axis=0)
    number = {tuple(cell): i for i, cell in enumerate(cells_r3.tolist())}
    phi_rsctd = np.zeros((len(cells_r3), *force_constants.phi.shape[1:]))
    for cell, phi_sctd in zip(force_constants.cells, force_constants.phi, strict=True):
        phi_rsctd[number[tuple(cell.tolist())]] += phi_sctd / 2
        phi_rsctd[number[tuple((-cell).tolist())]] += phi_sctd.transpose(2, 3, 0, 1) / 2
    return ForceConstants(cells_r3, phi_rsctd)


def acoustic_sum(force_constants: ForceConstants) -> Float[np.ndarray, "s 3 3"]:
    """Force on each atom when the whole crystal moves: sum_{R,t} Phi[R, s,c, t,d]; to be zero."""
    return force_constants.phi.sum(axis=(0, 3))


def acoustic(force_constants: ForceConstants) -> ForceConstants:
    """Impose the acoustic sum rule by changing the on-site blocks Phi[0, s,:, s,:] only.

    The symmetric part of the defect is taken off, so that a permutation-symmetric Phi stays
    so.  The antisymmetric part of the sum is a net torque on the crystal; it vanishes for an
    atom on a site of cubic, hexagonal or tetragonal symmetry.

    Raises:
      ValueError: the cell R = 0 is missing.
    """
    home_r = np.flatnonzero(np.all(force_constants.cells == 0, axis=1))
    if len(home_r) != 1:
        raise ValueError("force constants need the cell R = 0 exactly once")
    defect_scd = acoustic_sum(force_constants)
    phi_rsctd = force_constants.phi.copy()
    for s, defect_cd in enumerate(defect_scd):
        phi_rsctd[home_r[0], s, :, s, :] -= (defect_cd + defect_cd.T) / 2
    return ForceConstants(force_constants.cells, phi_rsctd)
