"""Wigner-Seitz cells of a Born-von Karman supercell, centred on pairs of centres.

EPW does not keep the lists of cell vectors that its files are written on when it runs with
use_ws = .true.; they are rebuilt here from the centres, in EPW's order.
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
    reach that smallest distance.

    Args:
      cell: lattice vectors as rows.
      mesh: (N1, N2, N3).
      shift: Cartesian vector between the two centres in one cell.
      lattice_unit: length in whose square the tolerance is meant; all in one unit.

    Returns:
      {R: degeneracy}, first component of R outermost.
    """
    ranges = [np.arange(-SEARCH * n, SEARCH * n + 1) for n in mesh]
    cell_r3 = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    position_r3 = cell_r3 @ cell + shift
    span = range(-SEARCH, SEARCH + 1)
    squares_tr = np.stack(
        [
            np.sum((position_r3 - (np.asarray(t) * mesh) @ cell) ** 2, axis=1)
            for t in itertools.product(span, repeat=3)
        ]
    )
    tolerance = DISTANCE_TOLERANCE * lattice_unit**2
    smallest_r = squares_tr.min(axis=0)
    own_r = np.sum(position_r3**2, axis=1)
    ties_r = np.count_nonzero(squares_tr < smallest_r + tolerance, axis=0)
    return {
        tuple(int(i) for i in cell_r3[r]): int(ties_r[r])
        for r in np.flatnonzero(own_r < smallest_r + tolerance)
    }


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
