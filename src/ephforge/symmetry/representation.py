"""How Wannier functions turn under the space group: found from H and g, and checked.

An operation takes the function b on site B of cell R to sum_a D_ab |a, cell W R + T_B>, a on the
site B' that is the image of B.  D is real and orthogonal, and is what makes H and g invariant:

    D^T H(R') D = H(R),   D^T (sum_d O_dc g_s'd(Rp', Re')) D = g_sc(Rp, Re)

for all cells, primes the images, O the Cartesian rotation.  The equations are linear in D once
multiplied by D from the left: D is the vector of the smallest eigenvalue of their normal matrix.
Its sign has no effect and is not determined, so that the representation is one up to signs.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.realspace import Crystal
from ephforge.symmetry.coarse import Coarse, Mesh
from ephforge.symmetry.group import SAME_CENTRE, Group, Images, images, products, space_group

LARGEST_CHANGE = 0.05  # of the norm of H or g; an operation that changes more is no symmetry
_POLISHED = 1e-12  # by which products of operations may differ from operations
_ROUNDS = 20
_STRONGEST = 16  # cells Rp whose g enters the equations; all enter the check


class Representation(NamedTuple):
    """Operations under which a model is invariant, and what they do.

    Attributes:
      group: the operations.
      atoms: what they do to atoms.
      site_a: site of each orbital.
      sites: what operations do to sites.
      orbital_gab: D_ab, zero where a is not on the image of the site of b.
      change_g: what remains of H and of g, relative, when an operation is taken off; the larger.
    """

    group: Group
    atoms: Images
    site_a: Int[np.ndarray, " a"]
    sites: Images
    orbital_gab: Float[np.ndarray, "g a a"]
    change_g: Float[np.ndarray, " g"]


def represent(
    values: Coarse,
    crystal: Crystal,
    centre_a3: Float[np.ndarray, "a 3"],
    atom_a: Int[np.ndarray, " a"],
    largest_change: float = LARGEST_CHANGE,
) -> Representation:
    """The representation with the most operations: sites are centres, or else atoms.

    Args:
      centre_a3: Wannier centres, Cartesian, angstrom.
      atom_a: atom that carries each orbital.

    Raises:
      EphforgeError: what was found is no group.
    """
    group = space_group(crystal, (values.k_mesh, values.q_mesh))
    atoms, _ = images(group, crystal.cell, crystal.positions, crystal.numbers, np.inf)
    carrier_x, on_atom_a = np.unique(atom_a, return_inverse=True)
    choices = (by_centre(centre_a3), (on_atom_a, crystal.positions[carrier_x]))
    found = []
    for site_a, point_x3 in choices:
        size_x = np.bincount(site_a, minlength=len(point_x3))
        sites, missed_g = images(group, crystal.cell, point_x3, size_x, SAME_CENTRE)
        possible_g = np.flatnonzero(np.isfinite(missed_g))
        own = Images(*(part[possible_g] for part in sites))
        atoms_here = Images(*(part[possible_g] for part in atoms))
        empty = np.zeros((len(possible_g), len(site_a), len(site_a)))
        trial = Representation(
            group.take(possible_g), atoms_here, site_a, own, empty, np.zeros(len(possible_g))
        )
        solved = _solved(values, trial)
        found.append(chosen(solved, np.flatnonzero(solved.change_g < largest_change)))
        if len(found[-1].change_g) == len(group.rotation_g33):
            break
    best = max(found, key=lambda one: len(one.change_g))
    return polished(best)


def by_centre(
    centre_a3: Float[np.ndarray, "a 3"],
) -> tuple[Int[np.ndarray, " a"], Float[np.ndarray, "x 3"]]:
    """Sites of orbitals with one centre, cell vectors included, and their places, Cartesian."""
    near_ab = np.linalg.norm(centre_a3[:, None] - centre_a3, axis=-1) < SAME_CENTRE
    first_a = np.argmax(near_ab, axis=1)
    kept_x, site_a = np.unique(first_a, return_inverse=True)
    points_x3 = np.stack([centre_a3[site_a == x].mean(axis=0) for x in range(len(kept_x))])
    return site_a, points_x3


def cells_after(
    rotation_33, cells_r3: Int[np.ndarray, "r 3"], shift_3, mesh
) -> Int[np.ndarray, " r"]:
    """Numbers of the cells W R + T modulo a mesh."""
    return point_number(cells_r3 @ rotation_33.T + shift_3, mesh)


def pulled_back(
    hopping_abr: Float[np.ndarray, "a a r"],
    g_absprc: Float[np.ndarray, "a a s p r 3"],
    meshes: tuple[Mesh, Mesh],
    found: Representation,
    g: int,
) -> tuple[Float[np.ndarray, "a a r"], Float[np.ndarray, "a a s p r 3"]]:
    """H and g where operation g takes each entry; orbitals still those of the image sites.

    Entry [a', b', R] belongs to sites A, B whose images carry a' and b': H_a'b'(W R + T_B - T_A).
    """
    rotation_33, turned_33 = found.group.rotation_g33[g], found.group.cartesian_g33[g]
    re_r3, rp_p3 = (mesh_indices(mesh) for mesh in meshes)
    site_of = {int(after): before for before, after in enumerate(found.sites.image_gx[g])}
    shift_a3 = np.array([found.sites.shift_gx3[g][site_of[int(x)]] for x in found.site_a])
    moved_abr, moved_absprc = np.empty_like(hopping_abr), np.empty_like(g_absprc)
    atoms = list(zip(found.atoms.image_gx[g], found.atoms.shift_gx3[g], strict=True))
    for a, own_3 in enumerate(shift_a3):
        to_sp = [cells_after(rotation_33, rp_p3, t_3 - own_3, meshes[1]) for _, t_3 in atoms]
        for b, other_3 in enumerate(shift_a3):
            to_r = cells_after(rotation_33, re_r3, other_3 - own_3, meshes[0])
            moved_abr[a, b] = hopping_abr[a, b, to_r]
            for s, (image, _) in enumerate(atoms):
                there_prc = g_absprc[a, b, image][to_sp[s][:, None], to_r]
                moved_absprc[a, b, s] = there_prc @ turned_33
    return moved_abr, moved_absprc


def _solved(values: Coarse, trial: Representation) -> Representation:
    """D of each operation, and by how much it misses."""
    size = len(trial.site_a)
    hopping_abr = np.moveaxis(values.hopping_rab, 0, 2).copy()
    hopping_abr[..., 0] -= np.trace(hopping_abr[..., 0]) / size * np.eye(size)
    g_absprc = np.ascontiguousarray(values.g_psrcab.transpose(4, 5, 1, 0, 2, 3))
    strength_p = np.linalg.norm(values.g_psrcab.reshape(len(values.g_psrcab), -1), axis=1)
    strong_p = np.argsort(-strength_p, kind="stable")[:_STRONGEST]
    orbital_gab, change_g = trial.orbital_gab.copy(), trial.change_g.copy()
    before = (hopping_abr, g_absprc)
    for g in range(len(change_g)):
        after = pulled_back(*before, (values.k_mesh, values.q_mesh), trial, g)
        goes_ab = trial.site_a[:, None] == trial.sites.image_gx[g][trial.site_a]
        told = [(x, y) for x, y in zip(after, before, strict=True) if np.any(y)]
        few = [
            (x[:, :, :, strong_p], y[:, :, :, strong_p]) if x.ndim > 3 else (x, y) for x, y in told
        ]
        orbital_gab[g] = _intertwiner(few, goes_ab)
        change_g[g] = max(_change(x, y, orbital_gab[g]) for x, y in told)
    return trial._replace(orbital_gab=orbital_gab, change_g=change_g)


def _change(after, before, orbital_ab) -> float:
    """|D^T X D - Y| / |Y|."""
    turned = np.tensordot(orbital_ab.T, after, axes=1)  # i b ...
    turned = np.tensordot(orbital_ab.T, turned, axes=(1, 1)).swapaxes(0, 1)
    return float(np.linalg.norm(turned - before) / np.linalg.norm(before))


def _intertwiner(pairs, goes_ab) -> Float[np.ndarray, "a a"]:
    """The orthogonal D, zero outside `goes_ab`, for which X D = D Y best, for all (X, Y)."""
    size = len(goes_ab)
    same = np.eye(size)
    normal = np.zeros((size, size, size, size))
    for x, y in pairs:
        wide_x, wide_y = (z.reshape(size**2, -1) / np.linalg.norm(y) for z in (x, y))
        shape = (size,) * 4
        own_x, own_y, cross = (
            (one @ two.T).reshape(shape)
            for one, two in ((wide_x, wide_x), (wide_y, wide_y), (wide_x, wide_y))
        )
        normal += np.einsum("cacb,ij->aibj", own_x, same)
        normal += np.einsum("icjc,ab->aibj", own_y, same)
        normal -= cross.transpose(1, 3, 0, 2) + cross.transpose(0, 2, 1, 3)
    chosen = np.flatnonzero(goes_ab)
    square = normal.reshape(size**2, size**2)[np.ix_(chosen, chosen)]
    flat = np.zeros(size**2)
    flat[chosen] = np.linalg.eigh((square + square.T) / 2)[1][:, 0]
    left, _, right = np.linalg.svd(flat.reshape(size, size))
    found_ab = left @ right
    return found_ab * np.sign(found_ab.flat[np.argmax(np.abs(found_ab))])


def chosen(found: Representation, kept_g) -> Representation:
    """Some of the operations."""
    return Representation(
        found.group.take(kept_g),
        Images(*(part[kept_g] for part in found.atoms)),
        found.site_a,
        Images(*(part[kept_g] for part in found.sites)),
        found.orbital_gab[kept_g],
        found.change_g[kept_g],
    )


def polished(found: Representation) -> Representation:
    """D made a representation to rounding: D(g) becomes the mean of D(gh) D(h)^T, made orthogonal.

    Raises:
      EphforgeError: the operations are no group, or their D do not multiply as they do.
    """
    after_gg = products(found.group)
    if np.any(after_gg < 0):
        raise EphforgeError(
            f"{len(found.change_g)} operations under which the model is invariant are no group, "
            "expected one; it is near a higher symmetry: change the tolerance"
        )
    orbital_gab = found.orbital_gab
    for _ in range(_ROUNDS):
        trials_ghab = orbital_gab[after_gg] @ orbital_gab.swapaxes(1, 2)
        sign_gh = np.sign(np.einsum("ghab,gab->gh", trials_ghab, orbital_gab))
        left, _, right = np.linalg.svd(np.einsum("ghab,gh->gab", trials_ghab, sign_gh))
        previous, orbital_gab = orbital_gab, left @ right
        if np.abs(orbital_gab - previous).max() < _POLISHED:
            return found._replace(orbital_gab=orbital_gab)
    raise EphforgeError(
        f"Wannier functions turn into each other as no group does (by "
        f"{np.abs(orbital_gab - previous).max():.1e} after {_ROUNDS} rounds); change the tolerance"
    )
