"""Stars of lattice vectors: what the symmetry orbits of (k, q) are for Fourier coefficients.

f(k, q) = sum_RR' h(R, R') e^{2 pi i (k.R + q.R')}.  What the point group and time reversal do to
(k, q) they do to (R, R') as well; hermiticity, f_mn(k, q) = f_nm(k+q, -q), is
h_mn(R, R') = h_nm(R, R - R').
"""

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.symmetry import Orbits

Mesh = tuple[int, int, int]


def dual_orbits(operations_g33: Int[np.ndarray, "g 3 3"], k_mesh: Mesh, q_mesh: Mesh) -> Orbits:
    """Stars of (R, R'), R modulo the k mesh and R' modulo the q mesh."""
    meshes = (np.asarray(k_mesh), np.asarray(q_mesh))
    kept = [
        s for s in operations_g33 if all(np.all(s * n[:, None] % n[None, :] == 0) for n in meshes)
    ]
    r, p = mesh_indices(k_mesh), mesh_indices(q_mesh)
    image_gr = np.stack([point_number(r @ s, k_mesh) for s in kept])
    image_gp = np.stack([point_number(p @ s, q_mesh) for s in kept])
    label_rp = np.min(image_gr[:, :, None] * len(p) + image_gp[:, None, :], axis=0)
    first_o, orbit, size_o = np.unique(label_rp, return_inverse=True, return_counts=True)
    orbit_rp = orbit.reshape(label_rp.shape)
    r_o, p_o = first_o // len(p), first_o % len(p)
    partner_o = orbit_rp[r_o, point_number(r[r_o] - p[p_o], q_mesh)]
    return Orbits(orbit_rp, size_o, np.stack([r_o, p_o], axis=-1), partner_o)


def lengths(
    vector_x3: Int[np.ndarray, "*x 3"], mesh: Mesh, cell_33: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "*x"]:
    """Length of the shortest lattice vector among those equal modulo the mesh, as the cell's."""
    wrapped_x3 = (vector_x3 + np.asarray(mesh) // 2) % mesh - np.asarray(mesh) // 2
    images_i3 = mesh_indices((3, 3, 3)) - 1
    vectors_xi3 = wrapped_x3[..., None, :] + images_i3 * np.asarray(mesh)
    return np.linalg.norm(vectors_xi3 @ cell_33, axis=-1).min(axis=-1)
