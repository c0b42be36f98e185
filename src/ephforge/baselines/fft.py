"""Quantised Fourier coefficients of the maps, on stars of lattice vectors.

f(k, q) = sum_RR' h(R, R') e^{2 pi i (k.R + q.R')}.  What the point group, time reversal and
hermiticity do to (k, q) they do to (R, R') as well, so h is real, and constant on stars:
    S:            f(k, q) = f(S k, S q)   =>  h(R, R') = h(S^T R, S^T R')
    hermiticity:  f_mn(k, q) = f_nm(k+q, -q)  =>  h_mn(R, R') = h_nm(R, R - R')
A generic basis: nothing is learned, and no lattice is unknown to it.
"""

import numpy as np
from jaxtyping import Float

from ephforge.baselines import coder
from ephforge.baselines.budget import Rebuilt, quantised
from ephforge.baselines.measure import Code
from ephforge.baselines.orbits import distinct_entries
from ephforge.baselines.symmetric import hermitian_mean, orbit_mean, spread
from ephforge.core.blocks import Block, on_grid
from ephforge.core.kpoints import mesh_indices
from ephforge.core.stars import dual_orbits, lengths
from ephforge.core.symmetry import Orbits, reciprocal_operations

Mesh = tuple[int, int, int]
DECAYS = (1.0, 0.5, 1.5, 2.0)  # the usual one first


def fft(block: Block, allowed: list[int]) -> list[Code]:
    """Quantised coefficients of all stars; their scale falls as exp(-decay * distance).

    The distance of a star is that of its nearest cells, sqrt(|R|^2 + |R'|^2) over the shortest
    lattice vector.  The one of `DECAYS` that suits the material costs a byte; the coder learns
    the rest.
    """
    crystal = block.crystal
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    stars = dual_orbits(operations, block.k_mesh, block.q_mesh)
    g_mnvo = hermitian_mean(orbit_mean(on_grid(block), block.orbits), block.orbits)
    h = _transform(spread(g_mnvo, block.orbits), block.k_mesh, block.q_mesh, np.fft.ifftn)
    entries = distinct_entries(stars, g_mnvo.shape[:3])
    value_e = hermitian_mean(orbit_mean(h, stars), stars).ravel()[entries.first_e]
    distance_e = star_distances(block, stars)[entries.first_e % len(stars.size_o)]
    coefficient_e = value_e * np.sqrt(entries.weight_e)
    tables = [entries.table(np.exp(-decay * distance_e)) for decay in DECAYS]
    limits = [limit - 8 for limit in allowed]
    codes = []
    for found in _best_tables(coefficient_e, tables, limits):
        value_e = found.value_e / np.sqrt(entries.weight_e)
        h_mnvo = value_e[entries.entry_c].reshape(*g_mnvo.shape[:3], -1)
        g = _transform(spread(h_mnvo, stars), block.k_mesh, block.q_mesh, np.fft.fftn)
        codes.append(Code(g, found.bits and found.bits + 8))
    return codes


def _best_tables(value_e, tables: list[coder.Table], limits: list[int]) -> list[Rebuilt]:
    """Codes by the table that is best at the step that the first one can afford."""
    found = quantised(value_e, tables[0], limits)
    norm = float(np.linalg.norm(value_e))
    scaled = [table.times(norm) for table in tables]
    chosen = [
        int(np.argmin([_cost(value_e, table, code.step) for table in scaled])) if code.bits else 0
        for code in found
    ]
    for choice in set(chosen) - {0}:
        mine = [i for i, other in enumerate(chosen) if other == choice]
        better = quantised(value_e, tables[choice], [limits[i] for i in mine])
        found = [better[mine.index(i)] if i in mine else code for i, code in enumerate(found)]
    return found


def _cost(value_e, known: coder.Table, step: float) -> float:
    """Distortion in squared steps, plus what the bits are worth."""
    found = coder.estimate(value_e, known, step)
    return float(((found.value_e - value_e) ** 2).sum()) / step**2 + coder.PRICE * found.bits


def star_distances(block: Block, stars: Orbits) -> Float[np.ndarray, " o"]:
    """sqrt(|R|^2 + |R'|^2) of the nearest members of each star, over the shortest vector."""
    cell = block.crystal.cell
    r, p = (lengths(mesh_indices(mesh), mesh, cell) for mesh in (block.k_mesh, block.q_mesh))
    distance_rp = np.sqrt(r[:, None] ** 2 + p**2)
    distance_o = np.full(len(stars.size_o), np.inf)
    np.minimum.at(distance_o, stars.orbit_kq.ravel(), distance_rp.ravel())
    return distance_o / np.linalg.norm(block.crystal.cell, axis=1).min()


def _transform(f: Float[np.ndarray, "m n v k q"], k_mesh: Mesh, q_mesh: Mesh, transform):
    """Unitary six-dimensional transform; real because -k, -q is an operation."""
    boxed = f.reshape(*f.shape[:3], *k_mesh, *q_mesh)
    return transform(boxed, axes=range(3, 9), norm="ortho").real.reshape(f.shape)
