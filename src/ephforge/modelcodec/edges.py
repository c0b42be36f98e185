"""What slow carriers feel of a coupling: its elements within a band edge, at small q.

At an error of 2 % over all k and q a few elements may all be off by 2 % in one direction, and
the linewidths of carriers that live on them by 4 %.  The elements

    <m, k + q| sum_{Rp,Re} e^{2 pi i (q.Rp + k.Re)} g(Rp, Re) |n, k>

between the bands of an edge, at its k and the q nearest to zero, are linear in the coefficients.
Their errors can be weighed more than others when numbers are decided; a decoder need not know.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices, mesh_points
from ephforge.core.realspace import Crystal, Hopping, Mesh
from ephforge.modelcodec.header import Header
from ephforge.symmetry.reduction import Reduction

_SAME = 0.01  # eV: bands and k that share an edge
_NEAR = 1.2  # of the smallest |q| of the mesh
_NOTHING = 1e-10  # of the largest square, of combinations that are none


def rows(
    header: Header, hopping: Hopping, how: Reduction, place_xi: np.ndarray, filled: int
) -> Float[np.ndarray, "x n"]:
    """Combinations of the coefficients of g whose squares add up to those of the elements.

    Args:
      header: crystal and meshes.
      how, place_xi: the reduction of g, and orbitals on each site.
      filled: number of full bands.

    Returns:
      in units in which the norm of all coefficients is that of g on all k and q.
    """
    k_mesh, q_mesh = header.k_mesh, header.q_mesh
    near_q3 = _near(header.crystal, q_mesh)
    n_s, n_x = len(header.crystal.positions), len(place_xi)
    shape = (int(np.prod(q_mesh)), n_s, int(np.prod(k_mesh)), n_x, n_x)
    found = []
    for k_3, bands in edges(hopping, k_mesh, filled):
        ket_xin = _on_sites(hopping, k_3, bands, place_xi)
        for q_3 in near_q3:
            wave = _Wave(
                np.exp(2j * np.pi * mesh_indices(q_mesh) @ q_3),
                np.exp(2j * np.pi * mesh_indices(k_mesh) @ k_3),
                _on_sites(hopping, k_3 + q_3, bands, place_xi).conj(),
                ket_xin,
            )
            element_yn = _elements(how, shape, wave)
            found += [element_yn.real, element_yn.imag]
        found = [_fewest(np.concatenate(found))]
    return found[0] / np.sqrt(shape[0] * shape[2])


def edges(hopping: Hopping, k_mesh: Mesh, filled: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """k and bands of the highest full states and, where there are some, of the lowest empty ones.

    Raises:
      EphforgeError: no such band.
    """
    size = len(hopping.site)
    if not 1 <= filled <= size:
        raise EphforgeError(
            f"{filled} full bands: the model has {size}, expected 1 to {size} with --filled"
        )
    k_k3 = mesh_points(k_mesh)
    energy_kn = np.array([_states(hopping, k_3)[0] for k_3 in k_k3])
    found = []
    for band, sign in ((filled - 1, 1), (filled, -1)):
        if band == size:
            continue
        towards_kn = sign * energy_kn
        top = towards_kn[:, band].max()
        for k in np.flatnonzero(towards_kn[:, band] > top - _SAME):
            found.append((k_k3[k], np.flatnonzero(abs(towards_kn[k] - top) < _SAME)))
    return found


class _Wave(NamedTuple):
    """Phases of the cells Rp and Re, and states on the sites, of one k and q."""

    phase_p: Complex[np.ndarray, " p"]
    phase_r: Complex[np.ndarray, " r"]
    bra_xim: Complex[np.ndarray, "x i m"]
    ket_xin: Complex[np.ndarray, "x i n"]

    def of_blocks(self, block_b, shape) -> tuple[np.ndarray, np.ndarray]:
        """Atom of each block, and what its entries i = (direction, a, b) add to <m|..|n>."""
        p_b, s_b, r_b, x_b, y_b = np.unravel_index(block_b, shape)
        phase_b = self.phase_p[p_b] * self.phase_r[r_b]
        product = np.einsum("b,bim,bjn->bijmn", phase_b, self.bra_xim[x_b], self.ket_xin[y_b])
        return s_b, product.reshape(len(block_b), -1, *product.shape[3:])


def _elements(how: Reduction, shape, wave: _Wave) -> np.ndarray:
    """Elements [(s, direction, m, n), coefficient]."""
    type_o = how.action.type_b[how.first_o]
    n_s, n_m, n_n = shape[1], wave.bra_xim.shape[2], wave.ket_xin.shape[2]
    found_scmnoj = np.zeros((n_s, 3, n_m, n_n, *how.is_free_oj.shape), complex)
    for x in range(how.action.count):
        block_b = np.flatnonzero(how.operation_b == x)
        orbit_b = how.orbit_b[block_b]
        matrix_bij = how.action.matrix_xtij[x][type_o[orbit_b]] @ how.basis_oij[orbit_b]
        matrix_bij /= np.sqrt(how.size_o[orbit_b])[:, None, None]
        s_b, weight_bemn = wave.of_blocks(block_b, shape)
        matrix_bcej = matrix_bij.reshape(len(block_b), 3, -1, matrix_bij.shape[2])
        element_bcmnj = np.einsum("bemn,bcej->bcmnj", weight_bemn, matrix_bcej, optimize=True)
        # atom and orbit of a block are one index
        flat = np.zeros((n_s * len(type_o), *element_bcmnj.shape[1:]), complex)
        np.add.at(flat, s_b * len(type_o) + orbit_b, element_bcmnj)
        flat = flat.reshape(n_s, len(type_o), *element_bcmnj.shape[1:])
        found_scmnoj += np.moveaxis(flat, 1, 4)
    return found_scmnoj[..., how.is_free_oj].reshape(-1, how.size)


def _states(hopping: Hopping, k_3):
    phase_r = np.exp(2j * np.pi * hopping.cells @ k_3)
    return np.linalg.eigh(np.tensordot(phase_r, hopping.energy, 1))


def _on_sites(hopping: Hopping, k_3, bands, place_xi) -> Complex[np.ndarray, "x i n"]:
    """States of some bands; zero where a site has fewer orbitals than others."""
    vector_an = _states(hopping, k_3)[1][:, bands]
    return np.pad(vector_an, [(0, 1), (0, 0)])[place_xi]


def _near(crystal: Crystal, q_mesh: Mesh) -> Float[np.ndarray, "q 3"]:
    """q = 0 and the nearest others of a mesh."""
    q_q3 = mesh_points(q_mesh)
    q_q3 = q_q3 - np.rint(q_q3)
    reciprocal_33 = np.linalg.inv(crystal.cell).T
    shift_j3 = mesh_indices((3, 3, 3)) - 1
    length_q = np.linalg.norm((q_q3[:, None] + shift_j3) @ reciprocal_33, axis=-1).min(axis=1)
    return q_q3[length_q <= _NEAR * np.sort(length_q)[1]]


def _fewest(row_xn):
    """As few rows with the same sum of squares."""
    square_x, vector_xy = np.linalg.eigh(row_xn @ row_xn.T)
    return vector_xy[:, square_x > _NOTHING * square_x[-1]].T @ row_xn
