"""What the network knows about a material's (k, q) mesh: steps between orbits, and places.

A convolution over a periodic mesh whose kernel depends on the length of the step only
commutes with every symmetry of the crystal.  It can therefore be evaluated on one pair per
orbit: row o of a move matrix sums the kernel over all steps from the representative pair of
orbit o and books each end point under its orbit.  Nothing is approximated by that, the
result is the full periodic convolution restricted to representatives.

With k' = k+q the final electron, three kinds of step are used: k moves, k' moves, and both
move together at fixed q.  Lengths are in units of the mesh's own spacing, the cube root of zone
volume over points, so that one set of weights serves every lattice and every mesh.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.blocks import Block
from ephforge.core.kpoints import mesh_indices, mesh_points, point_number
from ephforge.core.symmetry import Orbits, pair_orbits, reciprocal_operations

MOVE_CENTRE = 1.08  # spacings of the mesh: the first shell of all cubic lattices
MOVE_WIDTH = 0.32
HARMONIC_SHELLS = 4
N_HARMONICS = 3 * HARMONIC_SHELLS  # of k, k', q
KINDS = ("initial", "final", "both")  # which electron moves


class Geometry(NamedTuple):
    """Matrices of one material; o counts orbits.

    Attributes:
      moves_roo: convolution matrices, one per kind of step; rows sum to one.
      harmonics_oh: invariant plane-wave sums of k, k', q: where in the zone an orbit lies.
      weight_o: pairs per orbit / pairs.
      partner_o: orbit of (k+q, -q), bands exchanged.
    """

    moves_roo: Float[np.ndarray, "r o o"]
    harmonics_oh: Float[np.ndarray, "o h"]
    weight_o: Float[np.ndarray, " o"]
    partner_o: Int[np.ndarray, " o"]


def geometry_of(block: Block) -> Geometry:
    """Geometry of a block; cached, since materials of one cubic lattice share it."""
    crystal = block.crystal
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    shape = crystal.cell / np.cbrt(abs(np.linalg.det(crystal.cell)))
    # equal bytes for lattices that differ in size only
    key = np.round(shape, 6).tobytes()
    return _geometry(key, operations.tobytes(), block.k_mesh, block.q_mesh)


@lru_cache(maxsize=256)
def _geometry(shape: bytes, operations: bytes, k_mesh, q_mesh) -> Geometry:
    cell_33 = np.frombuffer(shape).reshape(3, 3)
    operations_g33 = np.frombuffer(operations, dtype=int).reshape(-1, 3, 3)
    orbits = pair_orbits(operations_g33, k_mesh, q_mesh)
    reciprocal_33 = np.linalg.inv(cell_33).T  # rows; zone volume 1
    return Geometry(
        moves_roo=_moves(reciprocal_33, orbits, k_mesh, q_mesh),
        harmonics_oh=_harmonics(cell_33, orbits, k_mesh, q_mesh).astype(np.float32),
        weight_o=(orbits.size_o / orbits.size_o.sum()).astype(np.float32),
        partner_o=orbits.partner_o,
    )


def periodic_length(
    difference_x3: Float[np.ndarray, "*x 3"], reciprocal_33: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "*x"]:
    """Length of the shortest periodic image of fractional differences."""
    shift_i3 = mesh_indices((3, 3, 3)) - 1
    wrapped = difference_x3 - np.rint(difference_x3)
    images = wrapped[..., None, :] + shift_i3
    return np.linalg.norm(images @ reciprocal_33, axis=-1).min(axis=-1)


def _moves(reciprocal_33, orbits: Orbits, k_mesh, q_mesh) -> Float[np.ndarray, "r o o"]:
    """Step sums of the three kinds, float32."""
    n_orbits = len(orbits.size_o)
    k_o, q_o = orbits.representative_o2.T
    ratio = np.asarray(k_mesh) // np.asarray(q_mesh)
    k_index, q_index = mesh_indices(k_mesh), mesh_indices(q_mesh)
    found_roo = np.zeros((len(KINDS), n_orbits, n_orbits), np.float32)
    for matrix_oo, kind in zip(found_roo, KINDS, strict=True):
        step_mesh = k_mesh if kind == "both" else q_mesh
        step = mesh_indices(step_mesh)[1:]  # all but the zero step
        length_d = periodic_length(step / np.asarray(step_mesh), reciprocal_33)
        length_d *= np.cbrt(np.prod(step_mesh))
        weight_d = np.exp(-(((length_d - MOVE_CENTRE) / MOVE_WIDTH) ** 2) / 2)
        k_end, q_end = k_index[k_o][:, None], q_index[q_o][:, None]
        if kind == "initial":
            k_end, q_end = k_end + step * ratio, q_end - step
        elif kind == "final":
            q_end = q_end + step
        else:
            k_end = k_end + step
        k_od, q_od = np.broadcast_arrays(point_number(k_end, k_mesh), point_number(q_end, q_mesh))
        for row_o, end_d in zip(matrix_oo, orbits.orbit_kq[k_od, q_od], strict=True):
            sum_o = np.bincount(end_d, weight_d, n_orbits)
            row_o[:] = sum_o / max(sum_o.sum(), 1e-12)
    return found_roo


def _harmonics(cell_33, orbits, k_mesh, q_mesh) -> Float[np.ndarray, "o h"]:
    """Sums of cos 2 pi p.R over the first shells of lattice vectors R, for p = k, k', q."""
    cells = mesh_indices((7, 7, 7)) - 3
    length = np.round(np.linalg.norm(cells @ cell_33, axis=-1), 4)
    shells = [cells[length == value] for value in np.unique(length)[1 : HARMONIC_SHELLS + 1]]
    k_o, q_o = orbits.representative_o2.T
    initial_o3, q_o3 = mesh_points(k_mesh)[k_o], mesh_points(q_mesh)[q_o]
    points = (initial_o3, initial_o3 + q_o3, q_o3)
    return np.stack(
        [np.cos(2 * np.pi * p @ shell.T).mean(axis=-1) for p in points for shell in shells], axis=-1
    )
