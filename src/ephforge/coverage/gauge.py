"""g(Re,Rp) of any model between orthonormal orbitals, on the supercells of two meshes.

Wannier functions are orthonormal, atomic orbitals are not: a two-centre model is brought to
Loewdin's orbitals first, |a~> = sum_b |b> (S^{-1/2})_ba, where its coupling is no longer
two-centre and stands beside that of a real material.  With A, B, X the Bloch sums of
`TwoCentreCoupling` and E_m c_m^+ = c_m^+ H S^{-1},

    M_sc(k,q) = [s_b=s] (A - H S^-1 B)(k+q) - [s_a=s] (A - B S^-1 H)(k)
                + X_s(q) - [s_a=s] sum_t X_t(0)
    g~_sc(k,q) = S^{-1/2}(k+q) M_sc(k,q) S^{-1/2}(k)

and a Fourier transform over both meshes gives g~[Rp, s,c, Re, a, b].
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.kpoints import mesh_indices, mesh_points, point_number, sum_index
from ephforge.core.realspace import Hopping, Mesh, Model, TwoCentreCoupling, WannierCoupling

Displacement = tuple[int, int]  # atom, direction


def displacements(model: Model) -> list[Displacement]:
    """All (atom, direction) of a model."""
    return [(s, c) for s in range(len(model.crystal.masses)) for c in range(3)]


def real_space_coupling(
    model: Model, k_mesh: Mesh, q_mesh: Mesh, chosen: list[Displacement]
) -> Iterator[tuple[Displacement, Complex[np.ndarray, "P R a b"]]]:
    """g[Rp, Re, a, b] in eV/angstrom for each displacement in turn, cells numbered as mesh points.

    The dipole part of polar materials is left out, as it is in the files of real ones.
    """
    if isinstance(model.coupling, WannierCoupling):
        yield from _folded(model.coupling, k_mesh, q_mesh, chosen)
    else:
        yield from _two_centre(model.hopping, model.coupling, k_mesh, q_mesh, chosen)


def _folded(coupling: WannierCoupling, k_mesh: Mesh, q_mesh: Mesh, chosen):
    """Entries summed over cells that are equal modulo the meshes."""
    class_p = point_number(coupling.phonon_cells, q_mesh)
    class_r = point_number(coupling.electron_cells, k_mesh)
    shape = (int(np.prod(q_mesh)), int(np.prod(k_mesh)), *coupling.g.shape[-2:])
    for s, c in chosen:
        found = np.zeros(shape, complex)
        np.add.at(found, (class_p[:, None], class_r[None, :]), coupling.g[:, s, c])
        yield (s, c), found


class _Ends(NamedTuple):
    """What the points of the k mesh bring: S^{-1/2} and the two sides of the moving orbitals."""

    root_kab: np.ndarray
    final_kcab: np.ndarray
    initial_kcab: np.ndarray


def _two_centre(hopping: Hopping, coupling: TwoCentreCoupling, k_mesh: Mesh, q_mesh: Mesh, chosen):
    ends, site = _ends(hopping, coupling, k_mesh), hopping.site
    final_kq, q_q3 = sum_index(k_mesh, q_mesh), mesh_points(q_mesh)
    field = coupling.crystal_field
    for s, c in chosen:
        final_kab = ends.final_kcab[:, c] * (site == s)
        initial_kab = ends.initial_kcab[:, c] * (site == s)[:, None]
        g_qkab = np.swapaxes(final_kab[final_kq], 0, 1) - initial_kab
        if field is not None:
            own_ab = field[:, :, c].sum(axis=(0, 1)) * (site == s)[:, None]
            g_qkab = g_qkab + (_bloch(q_q3, hopping.cells, field[:, s, c]) - own_ab)[:, None]
        if hopping.overlap is not None:
            for q, found_kab in enumerate(g_qkab):
                g_qkab[q] = ends.root_kab[final_kq[:, q]] @ found_kab @ ends.root_kab
        boxed = g_qkab.reshape(*q_mesh, *k_mesh, *g_qkab.shape[2:])
        g_prab = np.fft.fftn(boxed, axes=range(6), norm="forward")
        yield (s, c), g_prab.reshape(g_qkab.shape)


def _ends(hopping: Hopping, coupling: TwoCentreCoupling, k_mesh: Mesh) -> _Ends:
    k_k3, cells = mesh_points(k_mesh), hopping.cells
    h_kab, a_kcab = (_bloch(k_k3, cells, x) for x in (hopping.energy, coupling.gradient))
    root_kab = inverse_kab = np.broadcast_to(np.eye(h_kab.shape[-1]), h_kab.shape)
    if hopping.overlap is not None:
        value_kn, vector_kan = np.linalg.eigh(_bloch(k_k3, cells, hopping.overlap))
        adjoint_kna = vector_kan.conj().swapaxes(1, 2)
        root_kab, inverse_kab = (
            (vector_kan * value_kn[:, None] ** p) @ adjoint_kna for p in (-0.5, -1.0)
        )
    if coupling.basis_derivative is None:
        return _Ends(root_kab, a_kcab, a_kcab)
    b_kcab = _bloch(k_k3, cells, coupling.basis_derivative)
    return _Ends(
        root_kab,
        a_kcab - (h_kab @ inverse_kab)[:, None] @ b_kcab,
        a_kcab - b_kcab @ (inverse_kab @ h_kab)[:, None],
    )


def _bloch(points_k3, cells_r3, values_r):
    return np.tensordot(np.exp(2j * np.pi * points_k3 @ cells_r3.T), values_r, axes=1)


def shortest(
    cells_r3: Int[np.ndarray, "r 3"],
    mesh: Mesh,
    cell_33: Float[np.ndarray, "3 3"],
    offset_x3: Float[np.ndarray, "*x 3"],
) -> Float[np.ndarray, "r *x"]:
    """Length of R + offset, the shortest over R modulo the mesh; angstrom."""
    counts = np.asarray(mesh)
    near_r3 = (cells_r3 + counts // 2) % counts - counts // 2
    image_ri3 = (near_r3[:, None] + (mesh_indices((3, 3, 3)) - 1) * counts) @ cell_33
    extra = (1,) * (offset_x3.ndim - 1)
    best = np.full((len(cells_r3), *offset_x3.shape[:-1]), np.inf)
    for i in range(image_ri3.shape[1]):
        vector = image_ri3[:, i].reshape(-1, *extra, 3) + offset_x3
        best = np.minimum(best, np.linalg.norm(vector, axis=-1))
    return best
