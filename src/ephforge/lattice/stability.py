"""Stability verdict: do all phonons of a mesh have a restoring force?

One q point of each symmetry orbit is enough.  In NumPy, because a compiled kernel for each
number of cells, atoms and points would cost more than the verdict.
"""

import numpy as np
from jaxtyping import Complex, Float

from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.realspace import Crystal, ForceConstants, LongRange
from ephforge.core.symmetry import reciprocal_operations
from ephforge.core.units import HBAR2_PER_DALTON, MEV
from ephforge.lattice.ewald import wave_force_constants
from ephforge.lattice.rejection import FLOPPY, IMAGINARY, Rejected

_POINTS = {1: 8, 2: 8, 3: 6, 4: 6, 5: 4, 6: 4}  # q points along a vector, by atoms in the cell


def stability_mesh(atoms: int, is_layer: bool) -> tuple[int, int, int]:
    """Mesh of the verdict: coarser for larger cells, whose zone is smaller."""
    points = _POINTS.get(atoms, 4)
    return (points, points, 1 if is_layer else points)


def require_stable(
    crystal: Crystal,
    force_constants: ForceConstants,
    tolerance: float,
    is_layer: bool = False,
    polar: LongRange | None = None,
) -> None:
    """Refuse a crystal with imaginary modes, or with zero modes away from Gamma.

    Args:
      tolerance: meV; a mode this close to zero counts as zero.
      polar: the dipole part, which the force constants lack.

    Raises:
      Rejected: a mode of the mesh is more imaginary than the tolerance, or does not exceed it
        at q != 0.
    """
    mesh = stability_mesh(len(crystal.masses), is_layer)
    q_q3 = irreducible(crystal, mesh)
    lowest_q = energies(q_q3, force_constants, crystal, polar)[:, 0] * MEV
    is_zone_centre_q = np.all(q_q3 == 0, axis=1)
    reason, is_bad_q = IMAGINARY, lowest_q < -tolerance
    if not is_bad_q.any():
        reason, is_bad_q = FLOPPY, ~is_zone_centre_q & (lowest_q < tolerance)
    if is_bad_q.any():
        worst = int(np.argmin(np.where(is_bad_q, lowest_q, np.inf)))
        place = ", ".join(f"{x:g}" for x in q_q3[worst])
        raise Rejected(
            reason,
            f"{lowest_q[worst]:.2f} meV at q = ({place}); {is_bad_q.sum()} of {len(q_q3)} q points",
        )


def irreducible(crystal: Crystal, mesh: tuple[int, int, int]) -> Float[np.ndarray, "q 3"]:
    """One point of each orbit of a mesh under the space group and time reversal."""
    index_q3 = mesh_indices(mesh)
    label_q = np.arange(len(index_q3))
    for operation_33 in reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers):
        image_q3 = index_q3 / np.array(mesh) @ operation_33.T * np.array(mesh)
        if np.allclose(image_q3, np.rint(image_q3), atol=1e-6):
            image_q = point_number(np.rint(image_q3).astype(int), mesh)
            label_q = np.minimum(label_q, image_q)
    return index_q3[label_q == np.arange(len(index_q3))] / np.array(mesh, dtype=float)


def energies(
    q_q3: Float[np.ndarray, "q 3"],
    force_constants: ForceConstants,
    crystal: Crystal,
    polar: LongRange | None = None,
) -> Float[np.ndarray, "q v"]:
    """Phonon energies at many q, eV, negative for imaginary ones; as phonons.modes."""
    matrix_qdd = dynamical_matrices(q_q3, force_constants, crystal, polar)
    eigenvalue_qv = np.linalg.eigvalsh(matrix_qdd)
    return np.sign(eigenvalue_qv) * np.sqrt(HBAR2_PER_DALTON * np.abs(eigenvalue_qv))


def dynamical_matrices(
    q_q3: Float[np.ndarray, "q 3"],
    force_constants: ForceConstants,
    crystal: Crystal,
    polar: LongRange | None = None,
) -> Complex[np.ndarray, "q d d"]:
    """sum_R e^{2 pi i q.R} Phi(R) / sqrt(M M') and the dipole part, eV/(angstrom^2 dalton)."""
    cells_r3, phi_rsctd = force_constants.cells, force_constants.phi
    size = 3 * len(crystal.masses)
    phase_qr = np.exp(2j * np.pi * (q_q3 @ cells_r3.T))
    matrix_qdd = (phase_qr @ phi_rsctd.reshape(len(cells_r3), -1)).reshape(-1, size, size)
    if polar is not None:
        matrix_qdd += wave_force_constants(polar, crystal, q_q3).reshape(matrix_qdd.shape)
    root_d = np.repeat(np.sqrt(crystal.masses), 3)
    matrix_qdd /= root_d[:, None] * root_d
    return (matrix_qdd + matrix_qdd.conj().swapaxes(-1, -2)) / 2
