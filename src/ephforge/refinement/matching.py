"""Where one crystal's atoms and Wannier functions stand in another one of the same shape.

A relative's point x, in units of its cell, is carried to y = W x + w in units of the own cell: W
whole numbers that carry one lattice onto the other but for its size, w a shift of the origin.
An own atom s in cell 0 then is the relative's atom j in the cell R' with W R' + N_s = 0, an own
function a its function a' with W R' + M_a = 0, and

    g[Rp,s,c,Re,a,b] = sum_c' Q_cc' g'[W^-1 (Rp - N_s + M_a), j,c', W^-1 (Re - M_b + M_a), a',b']

with Q the rotation that W is, but for a sign of each function.  Kinds of atoms do not matter.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.realspace import Crystal, Mesh, Model

_SHAPE = 0.1  # of the longest vector's square: lattices whose metrics differ by more are others
_ATOM = 0.1  # of |a_1|: atoms farther from where they should be are others
_EQUAL = 1e-4  # of |a_1|: fits of functions that differ by less are equally good


class Matching(NamedTuple):
    """How a relative lies on a crystal.

    Attributes:
      atom_s, atom_cell_s3: j and N_s; which_a, cell_a3: a' and M_a. turn_33: W. rotation_33: Q.
    """

    atom_s: Int[np.ndarray, " s"]
    atom_cell_s3: Int[np.ndarray, "s 3"]
    which_a: Int[np.ndarray, " a"]
    cell_a3: Int[np.ndarray, "a 3"]
    turn_33: Int[np.ndarray, "3 3"]
    rotation_33: Float[np.ndarray, "3 3"]


def turns(own: Crystal, other: Crystal) -> Int[np.ndarray, "w 3 3"]:
    """Every W that carries the lattice of `other`, stretched, onto that of `own`; 1 first."""
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    steps = steps[np.abs(np.rint(np.linalg.det(steps))) == 1]
    metric_33, other_33 = (crystal.cell @ crystal.cell.T for crystal in (own, other))
    stretch = np.cbrt(np.linalg.det(metric_33) / np.linalg.det(other_33))
    apart = steps.swapaxes(1, 2) @ metric_33 @ steps - stretch * other_33
    found = steps[np.abs(apart).max(axis=(1, 2)) < _SHAPE * np.diag(metric_33).max()]
    return found[np.argsort(np.abs(found - np.eye(3)).sum(axis=(1, 2)), kind="stable")]


def matchings(own: Model, other: Model) -> list[Matching]:
    """The best one for every way in which the relative's atoms take the places of the own ones.

    Operations that exchange no atoms differ by a symmetry of the relative and count once.
    """
    best: dict[tuple, tuple[float, Matching]] = {}
    for turn_33 in turns(own.crystal, other.crystal):
        for start in range(len(other.crystal.positions)):
            found = _placed(own, other, turn_33, start)
            if found is None:
                continue
            apart, matching = found
            key = tuple(matching.atom_s.tolist())
            if key not in best or apart < best[key][0] - _EQUAL:
                best[key] = apart, matching
    return [matching for _, matching in best.values()]


def moved(
    g_pscrab: Float[np.ndarray, "p s 3 r a a"], matching: Matching, k_mesh: Mesh, q_mesh: Mesh
) -> Float[np.ndarray, "p s 3 r a a"]:
    """The module's equation, cells counted modulo the meshes."""
    back_33 = np.rint(np.linalg.inv(matching.turn_33)).astype(int)
    rp_p3, re_r3 = mesh_indices(q_mesh), mesh_indices(k_mesh)
    turned = np.einsum("cd,psdrab->pscrab", matching.rotation_33, g_pscrab)
    found = np.empty_like(g_pscrab)
    pairs = list(zip(matching.which_a, matching.cell_a3, strict=True))
    for s, (j, n_3) in enumerate(zip(matching.atom_s, matching.atom_cell_s3, strict=True)):
        for (a, (first, m_3)), (b, (second, other_3)) in itertools.product(
            enumerate(pairs), repeat=2
        ):
            p = point_number((rp_p3 - n_3 + m_3) @ back_33.T, q_mesh)
            r = point_number((re_r3 - other_3 + m_3) @ back_33.T, k_mesh)
            found[:, s, :, :, a, b] = turned[:, j, :, :, first, second][p][:, :, r]
    return found


def _placed(own: Model, other: Model, turn_33, start: int) -> tuple[float, Matching] | None:
    """With the relative's atom `start` on the own atom 0; how far functions are apart, |a_1|."""
    cell, unit = own.crystal.cell, float(np.linalg.norm(own.crystal.cell[0]))
    inverse, other_inverse = np.linalg.inv(cell), np.linalg.inv(other.crystal.cell)
    atom_j3 = other.crystal.positions @ other_inverse @ turn_33.T
    shift_3 = own.crystal.positions[0] @ inverse - atom_j3[start]
    functions_b3 = other.hopping.centres @ other_inverse @ turn_33.T + shift_3
    w = own.hopping.centres
    atoms = _nearest(own.crystal.positions, atom_j3 + shift_3, cell, _ATOM * unit)
    functions = _nearest(w, functions_b3, cell, _half_apart(w, cell))
    if atoms is None or functions is None:
        return None
    left, _, right = np.linalg.svd(other_inverse @ turn_33.T @ cell)
    rotation_33 = (left @ right).T
    return functions[2] / unit, Matching(*atoms[:2], *functions[:2], turn_33, rotation_33)


def _nearest(own_x3, other_y3, cell, limit: float):
    """Which y is at each x, cells between them, the sum of distances; None if it is not clear."""
    away_xy3 = other_y3 - (own_x3 @ np.linalg.inv(cell))[:, None]
    cells_xy3 = np.rint(away_xy3)
    distance_xy = np.linalg.norm((away_xy3 - cells_xy3) @ cell, axis=-1)
    which_x = np.argmin(distance_xy, axis=1)
    distance_x = distance_xy[np.arange(len(which_x)), which_x]
    if len(set(which_x.tolist())) < len(other_y3) or np.any(distance_x > limit):
        return None
    return which_x, cells_xy3[np.arange(len(which_x)), which_x].astype(int), distance_x.sum()


def _half_apart(w, cell) -> float:
    """Half of the shortest distance between two functions, images among them."""
    away = w[:, None] - w
    shift = np.array(list(itertools.product((-1, 0, 1), repeat=3))) @ cell
    distance = np.linalg.norm(away[:, :, None] + shift, axis=-1)
    return float(distance[distance > 0].min()) / 2
