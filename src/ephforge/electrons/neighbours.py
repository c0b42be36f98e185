"""Pairs of atoms within a distance, over the periodic images."""

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.realspace import Crystal


def neighbours(
    crystal: Crystal, cutoff: float
) -> tuple[Int[np.ndarray, "p 5"], Float[np.ndarray, "p 3"]]:
    """Pairs closer than the cutoff: (first atom, second atom, R of the second), and vectors."""
    fractional_s3 = crystal.positions @ np.linalg.inv(crystal.cell)
    spread_3 = np.ptp(fractional_s3, axis=0)
    # 1 / height of the cell above each face = length of the reciprocal vector
    inverse_heights_3 = np.linalg.norm(np.linalg.inv(crystal.cell), axis=0)
    reach_3 = np.floor(cutoff * inverse_heights_3 + spread_3).astype(int)
    cells_r3 = np.stack(
        np.meshgrid(*(np.arange(-n, n + 1) for n in reach_3), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    positions = crystal.positions
    d_rst3 = (cells_r3 @ crystal.cell)[:, None, None] + positions[None, None] - positions[:, None]
    distance_rst = np.linalg.norm(d_rst3, axis=-1)
    is_self_rst = np.all(cells_r3 == 0, axis=1)[:, None, None] & np.eye(len(positions), dtype=bool)
    r, s, t = np.nonzero((distance_rst < cutoff) & ~is_self_rst)
    return np.column_stack([s, t, cells_r3[r]]), d_rst3[r, s, t]


def nearest_distance(crystal: Crystal) -> float:
    """Shortest distance between two atoms, angstrom."""
    shortest_vector = np.linalg.norm(crystal.cell, axis=1).min()
    _, d_p3 = neighbours(crystal, shortest_vector * (1 + 1e-9))
    return float(np.linalg.norm(d_p3, axis=1).min())
