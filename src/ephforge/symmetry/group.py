"""Space group operations and what they do to cells, atoms and sites of orbitals.

x -> W x + w of fractional positions takes the atom s of cell R to the atom s' of cell W R + T_s,
where W tau_s + w = tau_s' + T_s.  Sites are sets of orbitals with one centre, or of one atom.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.realspace import Crystal
from ephforge.core.symmetry import space_group_operations

SAME_CENTRE = 0.1  # angstrom, within which Wannier centres are one, or symmetric images


class Group(NamedTuple):
    """Operations, and where each takes points that it maps onto one another.

    Attributes:
      rotation_g33: W, on fractional coordinates.
      translation_g3: w.
      cartesian_g33: the same rotations on Cartesian vectors, orthogonal.
    """

    rotation_g33: Int[np.ndarray, "g 3 3"]
    translation_g3: Float[np.ndarray, "g 3"]
    cartesian_g33: Float[np.ndarray, "g 3 3"]

    def take(self, chosen_g) -> "Group":
        """Some of the operations."""
        return Group(*(part[chosen_g] for part in self))


class Images(NamedTuple):
    """Where operations take points: to point `image`, `shift` cells away."""

    image_gx: Int[np.ndarray, "g x"]
    shift_gx3: Int[np.ndarray, "g x 3"]


def space_group(crystal: Crystal, meshes: tuple[tuple[int, int, int], ...]) -> Group:
    """Operations of a crystal that map the supercells of all meshes onto themselves."""
    rotation_g33, translation_g3 = space_group_operations(
        crystal.cell, crystal.positions, crystal.numbers
    )
    found = Group(rotation_g33, translation_g3, cartesian(rotation_g33, crystal.cell))
    keeps_g = np.ones(len(rotation_g33), bool)
    for mesh in meshes:
        scaled_g33 = rotation_g33 * np.asarray(mesh)
        keeps_g &= np.all(scaled_g33 % np.asarray(mesh)[:, None] == 0, axis=(1, 2))
    return found.take(keeps_g)


def cartesian(
    rotation_g33: Int[np.ndarray, "g 3 3"], cell_33: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "g 3 3"]:
    """Rotations of Cartesian vectors, made exactly orthogonal."""
    turned_g33 = cell_33.T @ rotation_g33 @ np.linalg.inv(cell_33).T
    left, _, right = np.linalg.svd(turned_g33)
    return left @ right


def images(
    group: Group,
    cell_33: Float[np.ndarray, "3 3"],
    point_x3: Float[np.ndarray, "x 3"],
    kind_x: Int[np.ndarray, " x"],
    tolerance: float,
) -> tuple[Images, Float[np.ndarray, " g"]]:
    """Where operations take Cartesian points, and by how much each misses, angstrom.

    Args:
      kind_x: points go to points of one kind only.
      tolerance: angstrom; an operation that misses by more has no meaning for these points.
    """
    fractional_x3 = point_x3 @ np.linalg.inv(cell_33)
    moved_gx3 = fractional_x3 @ group.rotation_g33.swapaxes(1, 2) + group.translation_g3[:, None]
    between_gxy3 = moved_gx3[:, :, None] - fractional_x3
    away_gxy = np.linalg.norm((between_gxy3 - np.rint(between_gxy3)) @ cell_33, axis=-1)
    away_gxy[:, kind_x[:, None] != kind_x] = np.inf
    image_gx = np.argmin(away_gxy, axis=-1)
    missed_g = away_gxy.min(axis=-1).max(axis=-1)
    is_twofold_g = np.array([len(set(row)) < len(row) for row in image_gx])
    missed_g[is_twofold_g] = np.inf
    shift_gx3 = np.rint(np.take_along_axis(between_gxy3, image_gx[:, :, None, None], 2))[:, :, 0]
    missed_g[missed_g > tolerance] = np.inf
    return Images(image_gx, shift_gx3.astype(int)), missed_g


def products(group: Group) -> Int[np.ndarray, "g g"]:
    """Number of the operation that is g after h, -1 where it is not among them."""
    place_g3 = np.rint(group.translation_g3 * 4096) % 4096
    keys_g12 = np.concatenate([group.rotation_g33.reshape(-1, 9), place_g3], axis=1).astype(int)
    number = {tuple(key): i for i, key in enumerate(keys_g12)}
    found_gg = np.empty((len(keys_g12), len(keys_g12)), int)
    for g, (rotation_33, translation_3, _) in enumerate(zip(*group, strict=True)):
        turned_h33 = rotation_33 @ group.rotation_g33
        moved_h3 = group.translation_g3 @ rotation_33.T + translation_3
        place_h3 = np.rint(moved_h3 * 4096) % 4096
        keys_h12 = np.concatenate([turned_h33.reshape(-1, 9), place_h3], axis=1).astype(int)
        found_gg[g] = [number.get(tuple(key), -1) for key in keys_h12]
    return found_gg
