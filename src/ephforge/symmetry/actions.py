"""What the group, with Hermiticity, does to H(R), Phi(R) and g(Rp, Re) on coarse meshes.

    H_ab(R)             -> D_a'a D_b'b H_ab(R)                  at W R + T_B - T_A
    Phi_sc,td(R)        -> O_c'c O_d'd Phi_sc,td(R)             at W R + T_t - T_s
    g_sc,ab(Rp, Re) -> O_c'c D_a'a D_b'b g_sc,ab(Rp, Re) at W Rp + T_s - T_A, W Re + T_B - T_A
     H_ab(R) = H_ba(-R),  Phi_sc,td(R) = Phi_td,sc(-R),  g_sc,ab(Rp, Re) = g_sc,ba(Rp - Re, -Re)

(all real).  Orbitals of a site are filled up with zeros to the largest number of any site.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.realspace import Crystal
from ephforge.symmetry.coarse import Coarse, Mesh
from ephforge.symmetry.group import Images
from ephforge.symmetry.reduction import Action, Reduction, reduction
from ephforge.symmetry.representation import Representation

_IMAGES = np.stack(np.meshgrid(*[[0, -1, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
_TIE = 1e-7  # angstrom: of equally near images the first one is taken


class Reductions(NamedTuple):
    """How H, Phi and g reduce, and which orbitals stand at which places of a site."""

    hopping: Reduction
    phi: Reduction
    g: Reduction
    place_xi: Int[np.ndarray, "x i"]

    def coefficients(self, values: Coarse) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of H, Phi and g: eV, eV/angstrom^2, eV/angstrom."""
        return (
            self.hopping.coefficients(_orbital_blocks(values.hopping_rab, self.place_xi)),
            self.phi.coefficients(_phi_blocks(values.phi_rsctd)),
            self.g.coefficients(_orbital_blocks(values.g_psrcab, self.place_xi)),
        )

    def values(self, hopping_n, phi_n, g_n, meshes: tuple[Mesh, Mesh]) -> Coarse:
        """Symmetric H, Phi and g from their coefficients."""
        n_k, n_q = (int(np.prod(mesh)) for mesh in meshes)
        n_s = round((len(self.phi.orbit_b) / n_q) ** 0.5)
        phi_bi = self.phi.entries(phi_n).reshape(n_q, n_s, n_s, 3, 3)
        return Coarse(
            *meshes,
            _from_blocks(self.hopping.entries(hopping_n), (n_k,), (), self.place_xi),
            np.ascontiguousarray(phi_bi.transpose(0, 1, 3, 2, 4)),
            _from_blocks(self.g.entries(g_n), (n_q, n_s, n_k), (3,), self.place_xi),
        )


def reductions(
    found: Representation,
    crystal: Crystal,
    centre_a3: Float[np.ndarray, "a 3"],
    meshes: tuple[Mesh, Mesh],
) -> Reductions:
    """How H, Phi and g on a k mesh and a q mesh reduce under a representation."""
    k_mesh, q_mesh = meshes
    place_xi = _places(found.site_a)
    inside_gxij = _inside(found, place_xi)
    site_x3 = site_places(centre_a3, place_xi)
    geometry = Geometry(crystal.cell, crystal.positions, site_x3, k_mesh, q_mesh)
    width = place_xi.shape[1]
    return Reductions(
        reduction(_hopping_action(found, inside_gxij, k_mesh), lambda o: _units(o, width**2)),
        reduction(_phi_action(found, q_mesh), geometry.phi_directions),
        reduction(
            _g_action(found, inside_gxij, k_mesh, q_mesh),
            lambda first_o: geometry.g_directions(first_o, width),
        ),
        place_xi,
    )


class Geometry(NamedTuple):
    """Where atoms and sites of a block stand, Cartesian, nearest images.

    Of all images of Re the nearest pair of sites is taken, of all images of Rp that with the
    smallest d1 + d2, the distances of the atom from the two sites.
    """

    cell_33: Float[np.ndarray, "3 3"]
    position_s3: Float[np.ndarray, "s 3"]
    site_x3: Float[np.ndarray, "x 3"]
    k_mesh: Mesh
    q_mesh: Mesh

    def pairs(self, cells_o, start_o3, end_o3, mesh: Mesh) -> Float[np.ndarray, "o 3"]:
        """Nearest vectors from a point of cell 0 to points of cells modulo a mesh."""
        cells_o3 = mesh_indices(mesh)[cells_o]
        to_oj3 = (cells_o3[:, None] + _IMAGES * np.asarray(mesh)) @ self.cell_33
        to_oj3 += (end_o3 - start_o3)[:, None]
        length_oj = np.linalg.norm(to_oj3, axis=-1) + _TIE * np.arange(len(_IMAGES))
        return np.take_along_axis(to_oj3, np.argmin(length_oj, 1)[:, None, None], 1)[:, 0]

    def triples(self, block_o) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of blocks of g: vectors between sites, from the first to the atom; sites; atoms."""
        n_x, n_s, n_k = len(self.site_x3), len(self.position_s3), int(np.prod(self.k_mesh))
        shape = (int(np.prod(self.q_mesh)), n_s, n_k, n_x, n_x)
        p_o, s_o, r_o, a_o, b_o = np.unravel_index(block_o, shape)
        between_o3 = self.pairs(r_o, self.site_x3[a_o], self.site_x3[b_o], self.k_mesh)
        start_o3 = self.position_s3[s_o] - self.site_x3[a_o]
        shifts_j3 = (_IMAGES * np.asarray(self.q_mesh)) @ self.cell_33
        cells_o3 = mesh_indices(self.q_mesh)[p_o] @ self.cell_33
        atom_oj3 = (cells_o3 + start_o3)[:, None] + shifts_j3
        length_oj = np.linalg.norm(atom_oj3, axis=-1)
        length_oj += np.linalg.norm(atom_oj3 - between_o3[:, None], axis=-1)
        nearest_o = np.argmin(length_oj + _TIE * np.arange(len(_IMAGES)), axis=1)
        atom_o3 = np.take_along_axis(atom_oj3, nearest_o[:, None, None], 1)[:, 0]
        return between_o3, atom_o3, np.stack([a_o, b_o], axis=1), s_o

    def g_directions(self, first_o, width: int) -> Float[np.ndarray, "o i j"]:
        """Displacement to the middle of the sites, along their vector, the rest."""
        between_o3, atom_o3, _, _ = self.triples(first_o)
        frame_ocj = _frame(atom_o3 - between_o3 / 2, between_o3)
        same = np.eye(width**2)
        wide = np.einsum("ocj,xy->ocxjy", frame_ocj, same)
        return wide.reshape(len(first_o), 3 * width**2, -1)

    def phi_directions(self, first_o) -> Float[np.ndarray, "o i j"]:
        """Both displacements along the bond, then across it."""
        n_s = len(self.position_s3)
        r_o, s_o, t_o = np.unravel_index(first_o, (int(np.prod(self.q_mesh)), n_s, n_s))
        start_o3, end_o3 = self.position_s3[s_o], self.position_s3[t_o]
        bond_o3 = self.pairs(r_o, start_o3, end_o3, self.q_mesh)
        frame_ocj = _frame(bond_o3, np.zeros_like(bond_o3))
        found = np.einsum("oci,odj->ocdij", frame_ocj, frame_ocj)
        return found.reshape(len(first_o), 9, -1)


def site_places(
    centre_a3: Float[np.ndarray, "a 3"], place_xi: Int[np.ndarray, "x i"]
) -> Float[np.ndarray, "x 3"]:
    """Mean Wannier centre of each site, Cartesian."""
    return np.stack([centre_a3[row[row >= 0]].mean(axis=0) for row in place_xi])


def _frame(first_o3, second_o3) -> Float[np.ndarray, "o 3 6"]:
    """Unit vectors along both, along their product, and the axes; zero where there is none."""
    vectors = np.stack([first_o3, second_o3, np.cross(first_o3, second_o3)], axis=-1)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 1e-4)
    axes = np.broadcast_to(np.eye(3), (len(first_o3), 3, 3))
    return np.concatenate([units, axes], axis=-1)


def _units(first_o, size: int) -> Float[np.ndarray, "o i j"]:
    return np.broadcast_to(np.eye(size), (len(first_o), size, size))


def _places(site_a: Int[np.ndarray, " a"]) -> Int[np.ndarray, "x i"]:
    """Orbitals of each site, -1 where it has fewer than the largest number."""
    n_x, width = site_a.max() + 1, np.bincount(site_a).max()
    place_xi = np.full((n_x, width), -1)
    for x in range(n_x):
        own = np.flatnonzero(site_a == x)
        place_xi[x, : len(own)] = own
    return place_xi


def _inside(found: Representation, place_xi) -> Float[np.ndarray, "g x i j"]:
    """D of one site: from place j on x to place i on its image."""
    n_g, (n_x, width) = len(found.orbital_gab), place_xi.shape
    padded_gab = np.pad(found.orbital_gab, ((0, 0), (0, 1), (0, 1)))
    inside_gxij = np.empty((n_g, n_x, width, width))
    for g, image_x in enumerate(found.sites.image_gx):
        to_xi = place_xi[image_x]
        inside_gxij[g] = padded_gab[g][to_xi[:, :, None], place_xi[:, None, :]]
    return inside_gxij


def _hopping_action(found: Representation, inside_gxij, k_mesh: Mesh) -> Action:
    n_g, n_x, width = inside_gxij.shape[:3]
    cells_r3 = mesh_indices(k_mesh)
    images_x, shift_gx3 = found.sites
    shape = (len(cells_r3), n_x, n_x)

    def image(x: int):
        turned_r3 = cells_r3 @ found.group.rotation_g33[x % n_g].T
        shift_x3, to_x = shift_gx3[x % n_g], images_x[x % n_g]
        cell_rab3 = turned_r3[:, None, None] + shift_x3 - shift_x3[:, None]
        first, second = np.broadcast_arrays(to_x[:, None], to_x)
        if x >= n_g:
            cell_rab3, first, second = -cell_rab3, second, first
        number_rab = point_number(cell_rab3, k_mesh)
        return np.ravel_multi_index(np.broadcast_arrays(number_rab, first, second), shape).ravel()

    plain = np.einsum("gxij,gykl->gxyikjl", inside_gxij, inside_gxij)
    partner = plain.swapaxes(3, 4)
    size = width**2
    matrix = np.concatenate([plain, partner]).reshape(2 * n_g, n_x**2, size, size)
    return Action(2 * n_g, image, matrix, np.tile(np.arange(n_x**2), len(cells_r3)))


def _phi_action(found: Representation, q_mesh: Mesh) -> Action:
    atoms = Images(*found.atoms)
    n_g, n_s = atoms.image_gx.shape
    own = found._replace(sites=atoms)
    inside_gsij = np.broadcast_to(found.group.cartesian_g33[:, None], (n_g, n_s, 3, 3))
    return _hopping_action(own, inside_gsij, q_mesh)


def _g_action(found: Representation, inside_gxij, k_mesh: Mesh, q_mesh: Mesh) -> Action:
    n_g, n_x, width = inside_gxij.shape[:3]
    n_s = found.atoms.image_gx.shape[1]
    re_r3, rp_p3 = mesh_indices(k_mesh), mesh_indices(q_mesh)
    shape = (len(rp_p3), n_s, len(re_r3), n_x, n_x)

    def image(x: int):
        g = x % n_g
        rotation_33, shift_x3 = found.group.rotation_g33[g], found.sites.shift_gx3[g]
        to_x, to_s = found.sites.image_gx[g], found.atoms.image_gx[g]
        re_rab3 = (re_r3 @ rotation_33.T)[:, None, None] + shift_x3 - shift_x3[:, None]
        moved_ps3 = (rp_p3 @ rotation_33.T)[:, None] + found.atoms.shift_gx3[g]
        first, second = to_x[:, None], to_x
        if x < n_g:
            rp_psa3 = moved_ps3[:, :, None] - shift_x3
            rp = point_number(rp_psa3, q_mesh)[:, :, None, :, None]
            re = point_number(re_rab3, k_mesh)
        else:
            # Rp - Re modulo the q mesh, which divides the k mesh
            ahead_ps, behind_rab = moved_ps3 % q_mesh, (re_rab3 + shift_x3[:, None]) % q_mesh
            rp = _differences(ahead_ps, behind_rab, q_mesh)
            re = point_number(-re_rab3, k_mesh)
            first, second = second, first
        parts = np.broadcast_arrays(rp, to_s[:, None, None, None], re, first, second)
        return np.ravel_multi_index(parts, shape).ravel()

    turned_gcd = found.group.cartesian_g33
    plain = np.einsum("gcd,gxij,gykl->gxycikdjl", turned_gcd, inside_gxij, inside_gxij)
    partner = plain.swapaxes(4, 5)
    size = 3 * width**2
    matrix = np.concatenate([plain, partner]).reshape(2 * n_g, n_x**2, size, size)
    types = np.tile(np.arange(n_x**2), len(rp_p3) * n_s * len(re_r3))
    return Action(2 * n_g, image, matrix, types)


def _differences(ahead_ps3, behind_rab3, mesh: Mesh) -> Int[np.ndarray, "p s r a b"]:
    """Numbers of cells modulo a mesh, one minus the other, from a table of all differences."""
    points_x3 = mesh_indices(mesh)
    table_xy = point_number(points_x3[:, None] - points_x3, mesh)
    ahead_ps, behind_rab = point_number(ahead_ps3, mesh), point_number(behind_rab3, mesh)
    return table_xy[ahead_ps[:, :, None, None, None], behind_rab]


def _orbital_blocks(values, place_xi) -> Float[np.ndarray, "b i"]:
    """[..., a, b] -> blocks of two sites; directions c, if there are any, go inside."""
    padded = np.pad(values, [(0, 0)] * (values.ndim - 2) + [(0, 1), (0, 1)])
    there = padded[..., place_xi[:, None, :, None], place_xi[None, :, None, :]]  # ... x y i j
    if values.ndim == 6:
        there = np.moveaxis(there, 3, 5)  # p s r x y c i j
        return there.reshape(-1, 3 * place_xi.shape[1] ** 2)
    return there.reshape(-1, place_xi.shape[1] ** 2)


def _phi_blocks(phi_rsctd) -> Float[np.ndarray, "b i"]:
    return phi_rsctd.transpose(0, 1, 3, 2, 4).reshape(-1, 9)


def _from_blocks(entry_bi, lead: tuple, inner: tuple, place_xi) -> Float[np.ndarray, "..."]:
    """Inverse of `_orbital_blocks`."""
    n_x, width = place_xi.shape
    there = entry_bi.reshape(*lead, n_x, n_x, *inner, width, width)
    if inner:
        there = np.moveaxis(there, -3, len(lead))
    size = place_xi.max() + 1
    found = np.zeros((*there.shape[:-4], size + 1, size + 1))
    found[..., place_xi[:, None, :, None], place_xi[None, :, None, :]] = there
    return np.ascontiguousarray(found[..., :size, :size])
