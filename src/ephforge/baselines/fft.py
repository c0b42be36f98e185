"""Largest Fourier coefficients of the maps, on stars of lattice vectors.

f(k, q) = sum_RR' h(R, R') e^{2 pi i (k.R + q.R')}.  What the point group, time reversal and
hermiticity do to (k, q) they do to (R, R') as well, so h is real, and constant on stars:
    S:            f(k, q) = f(S k, S q)   =>  h(R, R') = h(S^T R, S^T R')
    hermiticity:  f_mn(k, q) = f_nm(k+q, -q)  =>  h_mn(R, R') = h_nm(R, R - R')
A generic basis: nothing is learned, and no lattice is unknown to it.
"""

import numpy as np
from jaxtyping import Float, Int

from ephforge.baselines.measure import Code
from ephforge.baselines.orbits import largest_orbits
from ephforge.baselines.symmetric import hermitian_mean, orbit_mean, spread
from ephforge.core.blocks import Block, on_grid
from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.symmetry import Orbits, reciprocal_operations

Mesh = tuple[int, int, int]


def fft(block: Block, counts: list[int]) -> list[Code]:
    """Stars of Fourier coefficients with the largest energy, a position charged for each."""
    crystal = block.crystal
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    stars = dual_orbits(operations, block.k_mesh, block.q_mesh)
    g_mnvo = hermitian_mean(orbit_mean(on_grid(block), block.orbits), block.orbits)
    h = _transform(spread(g_mnvo, block.orbits), block.k_mesh, block.q_mesh, np.fft.ifftn)
    codes = largest_orbits(h, stars, counts, indexed=True)
    return [
        Code(_transform(code.g, block.k_mesh, block.q_mesh, np.fft.fftn), code.stored)
        for code in codes
    ]


def dual_orbits(operations_g33: Int[np.ndarray, "g 3 3"], k_mesh: Mesh, q_mesh: Mesh) -> Orbits:
    """Stars of (R, R'), R modulo the k mesh and R' modulo the q mesh."""
    meshes = (np.asarray(k_mesh), np.asarray(q_mesh))
    kept = [
        s for s in operations_g33 if all(np.all(s * n[:, None] % n[None, :] == 0) for n in meshes)
    ]
    r, p = mesh_indices(k_mesh), mesh_indices(q_mesh)
    image_gr = np.stack([point_number(r @ s, k_mesh) for s in kept])
    image_gp = np.stack([point_number(p @ s, q_mesh) for s in kept])
    label_rp = np.min(image_gr[:, :, None] * len(p) + image_gp[:, None, :], axis=0)
    first_o, orbit, size_o = np.unique(label_rp, return_inverse=True, return_counts=True)
    orbit_rp = orbit.reshape(label_rp.shape)
    r_o, p_o = first_o // len(p), first_o % len(p)
    partner_o = orbit_rp[r_o, point_number(r[r_o] - p[p_o], q_mesh)]
    return Orbits(orbit_rp, size_o, np.stack([r_o, p_o], axis=-1), partner_o)


def _transform(f: Float[np.ndarray, "m n v k q"], k_mesh: Mesh, q_mesh: Mesh, transform):
    """Unitary six-dimensional transform; real because -k, -q is an operation."""
    boxed = f.reshape(*f.shape[:3], *k_mesh, *q_mesh)
    return transform(boxed, axes=range(3, 9), norm="ortho").real.reshape(f.shape)
