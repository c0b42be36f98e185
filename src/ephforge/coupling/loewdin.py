"""Overlapping orbitals made orthonormal: the general form of a two-centre model on a mesh.

Loewdin's orbitals |a~> = sum_b |b> (S^{-1/2})_ba stay as close to the atomic ones as orthonormal
orbitals can, and keep their symmetry.  In them H~ = S^{-1/2} H S^{-1/2}, states are S^{1/2} c, and
what stands between the states (two_centre.py) is, with c_m^+ E_m = c_m^+ H S^{-1} and
E_n c_n = S^{-1} H c_n,

    M~^{sc}(k,q) = S^{-1/2}(k+q) { [s_b = s] (A - H S^{-1} B)(k+q) - [s_a = s] (A - B S^{-1} H)(k)
                                   + X^{sc}(q) - [s_a = s] X^c } S^{-1/2}(k)

S^{-1/2} joins all orbitals, so that M~ has three centres: the atom that moves need not be that
of either orbital.  It has no finite range, but decays as fast as S^{-1/2} does, exponentially
with a length that grows as the smallest eigenvalue of S(k) goes to zero.  On a mesh of N points
g(Re, Rp) is that of a ring of N cells: at its points exact, between them as good as the tails
beyond it are small.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Complex, Float, Inexact

from ephforge.core.kpoints import mesh_points, sum_index
from ephforge.core.realspace import Model
from ephforge.threecentre.cells import models


def orthonormal(model: Model, mesh: tuple[int, int, int]) -> Model:
    """The model in Loewdin's orbitals and the general form, from one mesh for k and q.

    Memory is that of the couplings on it: points^2 x 3 atoms x orbitals^2 complex numbers.
    """
    hopping, coupling = model.hopping, model.coupling
    k_k3, size = mesh_points(mesh), len(hopping.site)
    n_atoms = len(model.crystal.masses)

    def on_mesh(values_r):
        return _bloch(k_k3, hopping.cells, values_r)

    root_kab = np.broadcast_to(np.eye(size), (len(k_k3), size, size))
    if hopping.overlap is not None:
        square_kn, axes_kan = np.linalg.eigh(on_mesh(hopping.overlap))
        adjoint_kna = axes_kan.conj().swapaxes(1, 2)
        root_kab = (axes_kan / np.sqrt(square_kn)[:, None]) @ adjoint_kna
    energy_kab, moved_kcab = on_mesh(hopping.energy), on_mesh(coupling.gradient)
    ket_kcab = bra_kcab = moved_kcab
    if coupling.basis_derivative is not None:
        basis_kcab = on_mesh(coupling.basis_derivative)
        inverse_kab = root_kab @ root_kab
        ket_kcab = moved_kcab - (energy_kab @ inverse_kab)[:, None] @ basis_kcab
        bra_kcab = moved_kcab - basis_kcab @ (inverse_kab @ energy_kab)[:, None]

    g_qsckab = np.empty((len(k_k3), n_atoms, 3, len(k_k3), size, size), complex)
    for q, final_k in enumerate(sum_index(mesh, mesh).T):
        for s in range(n_atoms):
            own_a = (hopping.site == s).astype(float)
            change_kcab = ket_kcab[final_k] * own_a - own_a[:, None] * bra_kcab
            if coupling.crystal_field is not None:
                change_kcab = change_kcab + _field(k_k3[q], s, model)
            turned = root_kab[final_k][:, None] @ change_kcab @ root_kab[:, None]
            g_qsckab[q, s] = np.moveaxis(turned, 1, 0)
    energy_kab = root_kab @ energy_kab @ root_kab
    found, general = models(model.crystal, mesh, hopping.centres, energy_kab, g_qsckab)
    return replace(model, hopping=replace(found, site=hopping.site), coupling=general)


def _field(q_3: Float[np.ndarray, "3"], s: int, model: Model) -> Complex[np.ndarray, "3 a a"]:
    """Change of the levels of all atoms with the displacement of atom s."""
    field = model.coupling.crystal_field
    own_a = (model.hopping.site == s)[:, None]
    seen_cab = _bloch(q_3[None], model.hopping.cells, field[:, s])[0]
    return seen_cab - own_a * field.sum(axis=(0, 1))


def _bloch(
    k_k3: Float[np.ndarray, "k 3"], cells_r3: np.ndarray, values_r: Inexact[np.ndarray, "r ..."]
) -> Complex[np.ndarray, "k ..."]:
    return np.tensordot(np.exp(2j * np.pi * k_k3 @ cells_r3.T), values_r, axes=1)
