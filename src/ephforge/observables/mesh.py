"""Real-space sums on whole meshes by fast Fourier transform, and irreducible points of a mesh.

On a mesh of N points the sum over R costs log N instead of the number of cells per point; R
outside the mesh folds back into it, exactly, since e^{2 pi i k.R} has the period of the mesh.
"""

import numpy as np
import scipy.fft
from jaxtyping import Complex, Float, Inexact, Int

from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.realspace import Hopping


def on_mesh(
    cells_r3: Int[np.ndarray, "r 3"],
    values_rab: Inexact[np.ndarray, "r a b"],
    mesh: tuple[int, int, int],
) -> Complex[np.ndarray, "k a b"]:
    """sum_R e^{2 pi i k.R} values[R] at every point of a mesh (core/kpoints.py)."""
    shape = values_rab.shape[1:]
    folded = np.zeros((np.prod(mesh), int(np.prod(shape))), complex)
    np.add.at(folded, point_number(cells_r3, mesh), values_rab.reshape(len(values_rab), -1))
    # "forward" leaves the inverse transform, whose sign is plus, without a factor 1/N
    waves = scipy.fft.ifftn(
        folded.reshape(*mesh, -1), axes=(0, 1, 2), norm="forward", overwrite_x=True
    )
    return waves.reshape(-1, *shape)


def states(
    hopping: Hopping, mesh: tuple[int, int, int]
) -> tuple[Float[np.ndarray, "k n"], Complex[np.ndarray, "k a n"]]:
    """Band energies (eV, rising) and eigenvectors (columns) at every point of a mesh."""
    hamiltonian_kab = on_mesh(hopping.cells, hopping.energy, mesh)
    return np.linalg.eigh((hamiltonian_kab + hamiltonian_kab.conj().swapaxes(1, 2)) / 2)


def irreducible(
    operations_g33: Int[np.ndarray, "g 3 3"], mesh: tuple[int, int, int]
) -> tuple[Int[np.ndarray, " q"], Float[np.ndarray, " q"]]:
    """Numbers and weights (sum 1) of the points of a mesh that symmetry does not relate.

    Args:
      operations_g33: on fractional wave vectors (core/symmetry.py), in real arithmetic: those
        that do not map the mesh onto itself are left out.
    """
    index_q3, size_3 = mesh_indices(mesh), np.asarray(mesh)
    smallest_q = np.arange(len(index_q3))
    for operation_33 in operations_g33:
        scaled_33 = operation_33 * size_3[:, None] / size_3[None, :]
        if np.array_equal(scaled_33, np.rint(scaled_33)):
            image_q = point_number(index_q3 @ scaled_33.astype(int).T, mesh)
            smallest_q = np.minimum(smallest_q, image_q)
    first_q, count_q = np.unique(smallest_q, return_counts=True)
    return first_q, count_q / len(index_q3)
