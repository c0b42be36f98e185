"""Cell vectors of Perturbo's files: they are not stored, and rebuilt here from the centres.

Every pair of centres has a list of its own. An epr.h5 file holds one number (or block) per
entry of the list, degeneracies divided out, in the order of wigner_seitz_cell.f90 of Perturbo:
first all cells of the supercell (first index fastest), each followed by its images (again
first index fastest); of these, the ones that put the second centre nearest to the first.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

SEARCH = 3  # images of a cell, in supercells, looked at in each direction
TOLERANCE = 1e-6  # of the lattice unit, below which two distances are equal
LARGEST_MESH = 12  # points in each direction; a file for more is refused

Mesh = tuple[int, int, int]
Vector = tuple[int, int, int]


class Images(NamedTuple):
    """Candidates of one mesh in Perturbo's order.

    Attributes:
      cell_n3: cell vectors. class_n: number of the supercell's cell that each is an image of.
    """

    cell_n3: Int[np.ndarray, "n 3"]
    class_n: Int[np.ndarray, " n"]


def images(at_33: Float[np.ndarray, "3 3"], mesh: Mesh) -> Images:
    """All cells within Perturbo's cut-off, the longest corner of a box of N/2 + 1 cells.

    Args:
      at_33: lattice vectors as rows, in units of alat.
    """
    corner_c3 = np.array(list(itertools.product((-1, 1), repeat=3))) * (np.array(mesh) // 2 + 1)
    cutoff = np.linalg.norm(corner_c3 @ at_33, axis=1).max()
    # the first index is the fastest in both loops
    home_r3 = np.array(list(itertools.product(*(range(n) for n in mesh[::-1]))))[:, ::-1]
    span = range(-SEARCH, SEARCH + 1)
    cells, classes, order = [], [], []
    for number, shift in enumerate(itertools.product(span, repeat=3)):
        cell_r3 = home_r3 + np.array(shift[::-1]) * np.array(mesh)
        near = np.flatnonzero(np.linalg.norm(cell_r3 @ at_33, axis=1) < cutoff)
        cells.append(cell_r3[near])
        classes.append(near)
        order.append(np.full(len(near), number))
    cell_n3, class_n = np.concatenate(cells), np.concatenate(classes)
    rank_n = np.lexsort((np.concatenate(order), class_n))
    return Images(cell_n3[rank_n], class_n[rank_n])


def pair_cells(
    at_33: Float[np.ndarray, "3 3"], found: Images, shift_3: Float[np.ndarray, "3"]
) -> tuple[Int[np.ndarray, "r 3"], Int[np.ndarray, " r"]]:
    """The list of one pair of centres.

    Args:
      shift_3: second centre minus first centre, both of cell 0, fractional.

    Returns:
      cell vectors R, those that make |R + shift| smallest among the images of a cell, and the
      number of images that reach it.
    """
    length_n = np.linalg.norm((found.cell_n3 + shift_3) @ at_33, axis=1)
    count = found.class_n[-1] + 1
    shortest_r = np.full(count, np.inf)
    np.minimum.at(shortest_r, found.class_n, length_n)
    chosen = np.flatnonzero(length_n - shortest_r[found.class_n] < TOLERANCE)
    ties_r = np.bincount(found.class_n[chosen], minlength=count)
    return found.cell_n3[chosen], ties_r[found.class_n[chosen]]


class Pair(NamedTuple):
    """A pair of centres and the cells at which a model has something for it.

    Attributes:
      name: for messages. shift_3: second centre minus first, fractional.
    """

    name: str
    shift_3: Float[np.ndarray, "3"]
    cell_r3: Int[np.ndarray, "r 3"]


def outside(at_33: Float[np.ndarray, "3 3"], mesh: Mesh, pairs: list[Pair]) -> str | None:
    """Name and cell of the first pair whose cells are not all in Perturbo's list, or None."""
    found = images(at_33, mesh)
    for pair in pairs:
        known = set(map(tuple, pair_cells(at_33, found, pair.shift_3)[0].tolist()))
        for cell in pair.cell_r3.tolist():
            if tuple(cell) not in known:
                return f"{pair.name} at cell {tuple(cell)}"
    return None


def smallest_mesh(
    at_33: Float[np.ndarray, "3 3"], pairs: list[Pair], preferred: Mesh | None = None
) -> tuple[Mesh | None, str]:
    """Mesh with the fewest points whose lists hold all cells of all pairs.

    Args:
      preferred: taken if it is large enough, whatever its size; if not, no direction where it
        has several points gets a single one.

    Returns:
      the mesh, or None if there is none up to `LARGEST_MESH` in each direction, and what lies
      outside that largest one.
    """
    if preferred is not None and outside(at_33, preferred, pairs) is None:
        return preferred, ""
    vector_p3 = np.concatenate([(pair.cell_r3 + pair.shift_3) @ at_33 for pair in pairs])
    vector_p3 = np.unique(np.round(vector_p3, 9), axis=0)
    # |v| <= |v -+ N a| bounds N from below in each direction
    reach_3 = np.abs(vector_p3 @ at_33.T).max(axis=0) / np.sum(at_33**2, axis=1)
    lowest_3 = np.maximum(np.minimum(preferred or 1, 2), np.ceil(2 * reach_3 - 1e-3).astype(int))
    ranges = [range(low, LARGEST_MESH + 1) for low in lowest_3]
    for mesh in sorted(itertools.product(*ranges), key=lambda mesh: (np.prod(mesh), mesh)):
        if _may_hold(at_33, mesh, vector_p3) and outside(at_33, mesh, pairs) is None:
            return mesh, ""
    return None, outside(at_33, (LARGEST_MESH,) * 3, pairs) or "its cells"


def _may_hold(at_33, mesh: Mesh, vector_p3) -> bool:
    """No vector is nearer to one of the 26 neighbouring supercells than to the central one."""
    step_t3 = np.array([t for t in itertools.product((-1, 0, 1), repeat=3) if any(t)])
    translation_t3 = (step_t3 * np.array(mesh)) @ at_33
    half_t = np.sum(translation_t3**2, axis=1) / 2
    slack = 10 * TOLERANCE * np.sqrt(2 * half_t.max())
    return bool(np.all(vector_p3 @ translation_t3.T <= half_t + slack))
