"""Small symmetric blocks for the tests of the learning stages: smooth, positive, hermitian."""

import numpy as np

from ephforge.core.blocks import Block
from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import Crystal
from ephforge.core.symmetry import pair_orbits, reciprocal_operations

FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
CUBIC = np.eye(3)

# prototype -> cell, fractional positions, atomic numbers
STRUCTURES = {
    "fcc": (FCC, [[0, 0, 0]], [13]),
    "diamond": (FCC, [[0, 0, 0], [0.25, 0.25, 0.25]], [14, 14]),
    "zincblende": (FCC, [[0, 0, 0], [0.25, 0.25, 0.25]], [13, 33]),
    "rocksalt": (FCC, [[0, 0, 0], [0.5, 0.5, 0.5]], [12, 8]),
    "cscl": (CUBIC, [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17]),
}


def make_block(
    prototype="fcc",
    seed=0,
    k_mesh=(4, 4, 4),
    q_mesh=(4, 4, 4),
    bands=2,
    family=None,
    name=None,
    noise=0.05,
) -> Block:
    """|g| of a made-up law: a smooth function of k and q, symmetrised over orbits and partners."""
    random = np.random.default_rng(seed)
    cell, fractional, numbers = STRUCTURES[prototype]
    positions, numbers = np.array(fractional) @ cell, np.array(numbers)
    modes = 3 * len(numbers)
    orbits = pair_orbits(reciprocal_operations(cell, positions, numbers), k_mesh, q_mesh)
    k, q = mesh_points(k_mesh), mesh_points(q_mesh)
    waves = np.cos(2 * np.pi * k).sum(1)[:, None], np.cos(2 * np.pi * q).sum(1)[None, :]
    final = np.cos(2 * np.pi * (k[:, None] + q)).sum(-1)
    a, b, c = random.normal(size=(3, bands, bands, modes, 1, 1))
    grid = 40 + 3 * (a * waves[0] + b * waves[1] + c * final)
    grid = np.abs(grid + 40 * noise * random.normal(size=grid.shape))
    flat = grid.reshape(bands, bands, modes, -1)
    sums = np.stack(
        [np.bincount(orbits.orbit_kq.ravel(), f) for f in flat.reshape(-1, k.shape[0] * q.shape[0])]
    )
    g = (sums / orbits.size_o).reshape(bands, bands, modes, -1)
    g = (g + g.swapaxes(0, 1)[..., orbits.partner_o]) / 2
    labels = dict(zip(("prototype", "potential", "basis"), (prototype, "morse", "s"), strict=True))
    labels["family"] = family or "/".join(labels.values())
    return Block(
        name or f"{seed:06d}",
        labels,
        g,
        None,
        np.sort(random.normal(size=(len(k), bands))),
        np.sort(np.abs(random.normal(size=(len(q), modes)))) * 0.02,
        orbits,
        k_mesh,
        q_mesh,
        Crystal(cell * 4.0, positions * 4.0, numbers, np.ones(len(numbers)) * 20.0),
    )
