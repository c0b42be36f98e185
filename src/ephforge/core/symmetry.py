"""Orbits of (k, q) pairs under space group and time reversal.

|g_mnv(k, q)|, averaged over degenerate states, is the same at (S k, S q) for every point
operation S of the crystal, and at (-k, -q).  Pairs related that way form an orbit: one
number stands for all of them.  Hermiticity, |g_mn(k, q)| = |g_nm(k+q, -q)|, relates orbits
to partner orbits with bands exchanged.
"""

from typing import NamedTuple

import numpy as np
import spglib
from jaxtyping import Bool, Float, Int

from ephforge.core.kpoints import mesh_indices, negation_index, point_number, sum_index

SYMMETRY_TOLERANCE = 1e-4  # angstrom, distance below which atoms coincide (spglib symprec)


class Orbits(NamedTuple):
    """Orbits of pairs (k, q) of two meshes.

    Attributes:
      orbit_kq: number of the orbit of each pair, 0 to o-1, in order of first appearance.
      size_o: number of pairs in each orbit.
      representative_o2: (k, q) point numbers of the first pair of each orbit.
      partner_o: orbit of (k+q, -q), where bands m and n change places.
    """

    orbit_kq: Int[np.ndarray, "k q"]
    size_o: Int[np.ndarray, " o"]
    representative_o2: Int[np.ndarray, "o 2"]
    partner_o: Int[np.ndarray, " o"]


class Operations(NamedTuple):
    """Space group of a crystal: Cartesian rotations, where each takes each atom, the number.

    Pure translations by less than a cell are among them where the cell is not primitive.
    """

    rotation_g33: Float[np.ndarray, "g 3 3"]
    image_gs: Int[np.ndarray, "g s"]
    space_group: int


def operations(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    tolerance: float = SYMMETRY_TOLERANCE,
) -> Operations:
    """Space group of a crystal; tolerance in angstrom."""
    inverse_33 = np.linalg.inv(cell_33)
    fractional_s3 = positions_s3 @ inverse_33
    found = spglib.get_symmetry_dataset((cell_33, fractional_s3, species_s), symprec=tolerance)
    moved_gs3 = fractional_s3 @ found.rotations.swapaxes(-1, -2) + found.translations[:, None]
    between_gst3 = moved_gs3[:, :, None] - fractional_s3
    between_gst3 -= np.rint(between_gst3)
    distance_gst = np.linalg.norm(between_gst3 @ cell_33, axis=-1)
    is_like_st = species_s[:, None] == species_s[None, :]
    image_gs = np.argmin(np.where(is_like_st, distance_gst, np.inf), axis=-1)
    rotation_g33 = cell_33.T @ found.rotations @ inverse_33.T
    return Operations(rotation_g33, image_gs, int(found.number))


def reciprocal_operations(
    cell: Float[np.ndarray, "3 3"],
    positions: Float[np.ndarray, "s 3"],
    numbers: Int[np.ndarray, " s"],
) -> Int[np.ndarray, "g 3 3"]:
    """Point operations on fractional k, time reversal included.

    A space group operation x -> W x + w of fractional positions takes k (components on the
    reciprocal basis) to W^-T k.

    Args:
      cell: lattice vectors as rows, angstrom.
      positions: Cartesian, angstrom.
      numbers: one integer per atom; equal for equivalent species.
    """
    fractional = positions @ np.linalg.inv(cell)
    found = spglib.get_symmetry((cell, fractional, numbers), symprec=SYMMETRY_TOLERANCE)
    rotations = np.asarray(found["rotations"])
    reciprocal = np.rint(np.linalg.inv(rotations).swapaxes(-1, -2)).astype(int)
    return np.unique(np.concatenate([reciprocal, -reciprocal]), axis=0)


def space_group_operations(
    cell: Float[np.ndarray, "3 3"],
    positions: Float[np.ndarray, "s 3"],
    numbers: Int[np.ndarray, " s"],
) -> tuple[Int[np.ndarray, "g 3 3"], Float[np.ndarray, "g 3"]]:
    """W and w of the operations x -> W x + w of fractional positions; arguments as above."""
    fractional = positions @ np.linalg.inv(cell)
    found = spglib.get_symmetry((cell, fractional, numbers), symprec=SYMMETRY_TOLERANCE)
    return np.asarray(found["rotations"], dtype=int), np.asarray(found["translations"])


def space_group(
    cell: Float[np.ndarray, "3 3"],
    positions: Float[np.ndarray, "s 3"],
    numbers: Int[np.ndarray, " s"],
) -> str:
    """International symbol and number, e.g. "Fd-3m (227)"; arguments as above."""
    fractional = positions @ np.linalg.inv(cell)
    return spglib.get_spacegroup((cell, fractional, numbers), symprec=SYMMETRY_TOLERANCE)


def pair_orbits(
    operations_g33: Int[np.ndarray, "g 3 3"],
    k_mesh: tuple[int, int, int],
    q_mesh: tuple[int, int, int],
) -> Orbits:
    """Orbits of all pairs of a k mesh and a q mesh that divides it.

    Operations that do not map both meshes onto themselves are left out.
    """
    kept = [s for s in operations_g33 if _preserves(s, k_mesh) and _preserves(s, q_mesh)]
    image_gk = np.stack([_images(s, k_mesh) for s in kept])
    image_gq = np.stack([_images(s, q_mesh) for s in kept])
    n_q = int(np.prod(q_mesh))
    # the smallest pair number among the images labels the orbit
    label_kq = np.min(image_gk[:, :, None] * n_q + image_gq[:, None, :], axis=0)
    first_o, orbit, size_o = np.unique(label_kq, return_inverse=True, return_counts=True)
    orbit_kq = orbit.reshape(label_kq.shape)
    representative_o2 = np.stack([first_o // n_q, first_o % n_q], axis=-1)

    final_k, minus_q = sum_index(k_mesh, q_mesh), negation_index(q_mesh)
    k_o, q_o = representative_o2.T
    partner_o = orbit_kq[final_k[k_o, q_o], minus_q[q_o]]
    return Orbits(orbit_kq, size_o, representative_o2, partner_o)


def given_orbits(
    orbits: Orbits, q_mesh: tuple[int, int, int], coarse_q_mesh: tuple[int, int, int]
) -> Bool[np.ndarray, " o"]:
    """Orbits that a coarse q mesh, which divides the q mesh, gives away.

    An orbit is given only if the q of all its pairs lie on the coarse mesh.  Where the coarse
    mesh is less symmetric than the q mesh some orbits lie on it in part; they are not given.
    """
    stride = np.asarray(q_mesh) // np.asarray(coarse_q_mesh)
    hidden_q = np.any(mesh_indices(q_mesh) % stride != 0, axis=-1)
    given_o = np.ones(len(orbits.size_o), dtype=bool)
    given_o[orbits.orbit_kq[:, hidden_q]] = False
    return given_o


def _preserves(operation_33: Int[np.ndarray, "3 3"], mesh: tuple[int, int, int]) -> bool:
    scaled = operation_33 * np.asarray(mesh)[:, None] / np.asarray(mesh)[None, :]
    return bool(np.all(scaled == np.rint(scaled)))


def _images(operation_33: Int[np.ndarray, "3 3"], mesh: tuple[int, int, int]):
    scaled = operation_33 * np.asarray(mesh)[:, None] // np.asarray(mesh)[None, :]
    return point_number(mesh_indices(mesh) @ scaled.T, mesh)
