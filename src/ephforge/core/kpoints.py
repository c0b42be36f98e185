"""Gamma-centred meshes of fractional k points and their index arithmetic.

Points of a mesh (n1, n2, n3) are (i1/n1, i2/n2, i3/n3), numbered with i3 fastest.
"""

import numpy as np
from jaxtyping import Float, Int


def mesh_points(mesh: tuple[int, int, int]) -> Float[np.ndarray, "k 3"]:
    """Fractional coordinates in [0, 1) of the points of a Gamma-centred mesh."""
    return mesh_indices(mesh) / np.asarray(mesh, dtype=float)


def mesh_indices(mesh: tuple[int, int, int]) -> Int[np.ndarray, "k 3"]:
    """Integer coordinates (i1, i2, i3) of the points of a mesh."""
    return np.stack(np.unravel_index(np.arange(np.prod(mesh)), mesh), axis=-1)


def point_number(index_k3: Int[np.ndarray, "... 3"], mesh: tuple[int, int, int]):
    """Number of the mesh point with the given integer coordinates, folded into the zone."""
    folded = np.mod(index_k3, mesh)
    return np.ravel_multi_index(tuple(np.moveaxis(folded, -1, 0)), mesh)


def sum_index(k_mesh: tuple[int, int, int], q_mesh: tuple[int, int, int]) -> Int[np.ndarray, "k q"]:
    """Number, on the k mesh, of k+q for all k of one mesh and q of another.

    Raises:
      ValueError: the q mesh does not divide the k mesh, so that k+q would fall off it.
    """
    if any(nk % nq for nk, nq in zip(k_mesh, q_mesh, strict=True)):
        raise ValueError(f"q mesh {q_mesh} does not divide k mesh {k_mesh}")
    scale = np.asarray(k_mesh) // np.asarray(q_mesh)
    k_index, q_index = mesh_indices(k_mesh), mesh_indices(q_mesh) * scale
    return point_number(k_index[:, None] + q_index[None, :], k_mesh)


def negation_index(mesh: tuple[int, int, int]) -> Int[np.ndarray, " q"]:
    """Number of -q for each point q of a mesh."""
    return point_number(-mesh_indices(mesh), mesh)
