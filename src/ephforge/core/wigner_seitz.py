"""Wigner-Seitz cells of a Born-von Karman supercell, centred on pairs of centres.

EPW 5.3 does not keep the lists of cell vectors that its files are written on; they are
rebuilt here from the centres, in EPW's order.
"""

import itertools

import numpy as np
from jaxtyping import Float, Int

SEARCH = 2  # supercells looked at in each direction
DISTANCE_TOLERANCE = 1e-6  # of the squared lattice unit, below which distances are equal


def images(
    cell: Float[np.ndarray, "3 3"],
    mesh: tuple[int, int, int],
    shift: Float[np.ndarray, " 3"],
    lattice_unit: float,
) -> dict[tuple[int, int, int], int]:
    """Cell vectors nearest to a shifted origin, with the number of equally near images.

    R belongs if |R + shift| is the smallest among its images R + shift - T, T on the
    supercell lattice (N1 a1, N2 a2, N3 a3); its degeneracy is the number of images T that
    reach that smallest distance.  Components of R go from -2 N to 2 N, as in EPW.

    Args:
      cell: lattice vectors as rows.
      mesh: (N1, N2, N3).
      shift: Cartesian vector between the two centres in one cell.
      lattice_unit: length in whose square the tolerance is meant; all in one unit.

    Returns:
      {R: degeneracy}, first component of R outermost.
    """
    # a class is a cell modulo the supercell; every class is looked at with all its images
    class_c3 = np.stack(np.unravel_index(np.arange(np.prod(mesh)), mesh), axis=-1)
    image_t3 = np.array(list(itertools.product(range(-SEARCH, SEARCH + 1), repeat=3)))
    vector_tc3 = image_t3[:, None] * np.asarray(mesh) + class_c3
    square_tc = np.sum((vector_tc3 @ cell + shift) ** 2, axis=-1)
    square_tc[np.any(vector_tc3 > SEARCH * np.asarray(mesh), axis=-1)] = np.inf
    smallest_c = square_tc.min(axis=0)
    is_near_tc = square_tc < smallest_c + DISTANCE_TOLERANCE * lattice_unit**2
    ties_c = np.count_nonzero(is_near_tc, axis=0)
    near_t, near_c = np.nonzero(is_near_tc)
    vector_r3 = vector_tc3[near_t, near_c]
    order_r = np.lexsort(vector_r3.T[::-1])
    return {
        (int(a), int(b), int(c)): int(n)
        for (a, b, c), n in zip(vector_r3[order_r], ties_c[near_c[order_r]], strict=True)
    }


def count(
    cell: Float[np.ndarray, "3 3"], mesh: tuple[int, int, int], shifts: Float[np.ndarray, "p 3"]
) -> int:
    """Length of the list that `weighted_list` would make of the images for all shifts.

    Lengths in lattice units.
    """
    distinct = np.unique(np.round(shifts, 9), axis=0)
    return len(set().union(*(images(cell, mesh, shift, 1.0) for shift in distinct)))


def weighted_list(
    pairs: list[dict[tuple[int, int, int], int]],
) -> tuple[Int[np.ndarray, "r 3"], Float[np.ndarray, "r p"]]:
    """One list of cell vectors for many pairs, with the weight of each cell for each pair.

    Args:
      pairs: for each pair of centres what `images` found.

    Returns:
      cell vectors in order of first appearance; weight 1 / degeneracy, or 0 where a pair
      does not have the cell.
    """
    number = {}
    for pair in pairs:
        for vector in pair:
            number.setdefault(vector, len(number))
    weight_rp = np.zeros((len(number), len(pairs)))
    for p, pair in enumerate(pairs):
        for vector, degeneracy in pair.items():
            weight_rp[number[vector], p] = 1 / degeneracy
    return np.array(list(number), dtype=np.int64), weight_rp
