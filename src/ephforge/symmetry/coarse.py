"""A model on the supercells of its coarse meshes: cells modulo a mesh, every number once.

A Fourier sum at the points of a mesh sees cells modulo that mesh only.  There the symmetry of
a crystal is exact; lists of cells, with a Wigner-Seitz cell for each pair of orbitals, need not
have it.  Cells modulo a mesh are numbered as its points in core/kpoints.py.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Inexact, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import point_number
from ephforge.core.realspace import ForceConstants, Model, WannierCoupling

Mesh = tuple[int, int, int]
LARGEST_IMAGINARY = 1e-3  # of the norm of H, Phi or g; above it functions are not real


class Coarse(NamedTuple):
    """H, Phi and g of one model, real; eV, eV/angstrom^2, eV/angstrom.

    Attributes:
      k_mesh, q_mesh: coarse meshes; that of q divides that of k.
      hopping_rab: H_ab(R), R modulo the k mesh.
      phi_rsctd: Phi(R), R modulo the q mesh.
      g_psrcab: <a,0|dV/du_sc(Rp)|b,Re>, Rp modulo the q mesh, Re modulo the k mesh.
    """

    k_mesh: Mesh
    q_mesh: Mesh
    hopping_rab: Float[np.ndarray, "r a a"]
    phi_rsctd: Float[np.ndarray, "x s 3 s 3"]
    g_psrcab: Float[np.ndarray, "p s r 3 a a"]


def coarse(model: Model, k_mesh: Mesh, q_mesh: Mesh) -> Coarse:
    """Fold a general model.

    Raises:
      EphforgeError: two-centre or overlapping, or its functions are not real.
    """
    hopping, force_constants, coupling = model.hopping, model.force_constants, model.coupling
    if not isinstance(coupling, WannierCoupling) or hopping.overlap is not None:
        raise EphforgeError(
            f"{model.name}: two-centre or overlapping orbitals, expected the general form "
            "<m|dV/du|n> in orthonormal functions; give a model of EPW, Perturbo or three-centre "
            "electrons"
        )
    if np.any(np.asarray(k_mesh) % np.asarray(q_mesh)):
        raise EphforgeError(
            f"{model.name}: q mesh {tuple(q_mesh)} does not divide k mesh {tuple(k_mesh)}; give "
            "the meshes of the run"
        )
    hopping_rab = folded(hopping.energy, hopping.cells, k_mesh)
    phi_rsctd = folded(force_constants.phi, force_constants.cells, q_mesh)
    g_psrcab = coarse_coupling(coupling, k_mesh, q_mesh)
    parts = {"H": hopping_rab, "Phi": phi_rsctd, "g": g_psrcab}
    for name, values in parts.items():
        share = np.linalg.norm(np.imag(values)) / max(np.linalg.norm(values), 1e-300)
        if share > LARGEST_IMAGINARY:
            raise EphforgeError(
                f"{model.name}: {share:.1e} of {name} is imaginary, expected real functions "
                f"(at most {LARGEST_IMAGINARY}); spin-orbit coupling is not handled here"
            )
    real = [np.ascontiguousarray(np.real(x)) for x in parts.values()]
    return Coarse(tuple(k_mesh), tuple(q_mesh), *real)


def coarse_coupling(
    coupling: WannierCoupling, k_mesh: Mesh, q_mesh: Mesh
) -> Complex[np.ndarray, "p s r 3 a a"]:
    """g folded on both meshes, complex as it is; eV/angstrom."""
    over_p = folded(coupling.g, coupling.phonon_cells, q_mesh)
    g_rpscab = folded(np.moveaxis(over_p, 3, 0), coupling.electron_cells, k_mesh)
    return g_rpscab.transpose(1, 2, 0, 3, 4, 5)


def refined(model: Model, values: Coarse) -> Model:
    """The model with these numbers on its own lists of cells, each shared as it was there."""
    hopping, force_constants, coupling = model.hopping, model.force_constants, model.coupling
    energy = unfolded(values.hopping_rab, hopping.energy, hopping.cells, values.k_mesh)
    phi = unfolded(values.phi_rsctd, force_constants.phi, force_constants.cells, values.q_mesh)
    is_there_p = (coupling.g != 0).any(axis=(2, 3))[:, :, None, None]
    is_there_r = (coupling.g != 0).any(axis=(0, 1, 2))
    class_p = point_number(coupling.phonon_cells, values.q_mesh)
    class_r = point_number(coupling.electron_cells, values.k_mesh)
    g = np.moveaxis(values.g_psrcab, 3, 2)[class_p][:, :, :, class_r].astype(complex)
    g *= _shares(is_there_p, class_p)
    g *= _shares(is_there_r, class_r)
    cells = (coupling.phonon_cells, coupling.electron_cells)
    return replace(
        model,
        hopping=replace(hopping, energy=energy),
        force_constants=ForceConstants(force_constants.cells, phi),
        coupling=WannierCoupling(*cells, g),
    )


def folded(
    values_r: Inexact[np.ndarray, "r ..."], cells_r3: Int[np.ndarray, "r 3"], mesh: Mesh
) -> Inexact[np.ndarray, "c ..."]:
    """Sums over the cells that are one modulo a mesh."""
    total = np.zeros((int(np.prod(mesh)), *values_r.shape[1:]), values_r.dtype)
    np.add.at(total, point_number(cells_r3, mesh), values_r)
    return total


def unfolded(
    values_c: Float[np.ndarray, "c ..."],
    like_r: Inexact[np.ndarray, "r ..."],
    cells_r3: Int[np.ndarray, "r 3"],
    mesh: Mesh,
) -> Float[np.ndarray, "r ..."]:
    """Inverse of `folded`, shared among the cells where another array on the list is not zero."""
    class_r = point_number(cells_r3, mesh)
    # an atom pair or orbital pair has a cell or has it not, whatever the direction
    is_there = like_r != 0
    if like_r.ndim == 5:
        is_there = is_there.any(axis=(2, 4), keepdims=True)
    return values_c[class_r] * _shares(is_there, class_r)


def _shares(is_there_r, class_r: Int[np.ndarray, " r"]) -> Float[np.ndarray, "r ..."]:
    """1/n where n cells of a class are there, 0 where a cell is not."""
    count = np.zeros((class_r.max() + 1, *is_there_r.shape[1:]))
    np.add.at(count, class_r, is_there_r)
    return np.where(is_there_r, 1 / np.maximum(count[class_r], 1), 0.0)
