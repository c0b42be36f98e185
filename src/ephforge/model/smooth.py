"""What is expected of |g| on meshes and lattices that nothing was learned of: a smooth field.

Fourier coefficients on stars of lattice vectors (core/stars.py) are taken for independent, and
smaller the farther apart the three centres are: electrons at 0 and R, an atom that moves at R',

    <h(R, R')^2> ~ exp(-DECAY (|R| + |R'| + |R - R'|) / a),

a the shortest lattice vector; Hermiticity, R' -> R - R', leaves it as it is.  The mean, R = R' = 0,
has half of the whole, because |g| is not negative.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.core.kpoints import mesh_indices
from ephforge.core.stars import dual_orbits, lengths
from ephforge.core.symmetry import Orbits, pair_orbits, reciprocal_operations

DECAY = 1.0
_AT_ONCE = 1 << 24  # numbers of waves on the full grid held at once


def smooth_moment(block: Block) -> Float[np.ndarray, "o o"]:
    """Second moment over orbits, times roots of their shares of pairs; trace 1.

    Of the block its lattice and meshes are used, nothing else.
    """
    crystal = block.crystal
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    shape = crystal.cell / np.cbrt(abs(np.linalg.det(crystal.cell)))
    key = np.round(shape, 6).tobytes()  # equal for lattices that differ in size only
    return _moment(key, operations.tobytes(), tuple(block.k_mesh), tuple(block.q_mesh))


@lru_cache(maxsize=8)
def _moment(shape: bytes, operations: bytes, k_mesh, q_mesh) -> Float[np.ndarray, "o o"]:
    cell_33 = np.frombuffer(shape).reshape(3, 3)
    operations_g33 = np.frombuffer(operations, dtype=int).reshape(-1, 3, 3)
    stars = dual_orbits(operations_g33, k_mesh, q_mesh)
    r_s, p_s = stars.representative_o2.T
    r_s3, p_s3 = mesh_indices(k_mesh)[r_s], mesh_indices(q_mesh)[p_s]
    apart_s = lengths(r_s3, k_mesh, cell_33)
    apart_s = apart_s + lengths(p_s3, q_mesh, cell_33) + lengths(r_s3 - p_s3, q_mesh, cell_33)
    variance_s = np.exp(-DECAY * apart_s / np.linalg.norm(cell_33, axis=1).min())
    variance_s[apart_s == 0] = variance_s[apart_s > 0].sum()
    wave_os = _waves(stars, pair_orbits(operations_g33, k_mesh, q_mesh), k_mesh, q_mesh)
    moment_oo = (wave_os * variance_s) @ wave_os.T
    return moment_oo / np.trace(moment_oo)


def _waves(stars: Orbits, orbits: Orbits, k_mesh, q_mesh) -> Float[np.ndarray, "o s"]:
    """Sums of plane waves over each star, at the orbits; of norm 1."""
    k_o, q_o = orbits.representative_o2.T
    n_stars, pairs = len(stars.size_o), stars.orbit_kq.size
    found_os = np.empty((len(k_o), n_stars))
    for first in range(0, n_stars, max(_AT_ONCE // pairs, 1)):
        own_s = np.arange(first, min(first + max(_AT_ONCE // pairs, 1), n_stars))
        is_in_srp = stars.orbit_kq == own_s[:, None, None]
        boxed = (is_in_srp / np.sqrt(stars.size_o[own_s])[:, None, None]).reshape(
            len(own_s), *k_mesh, *q_mesh
        )
        # real, because -k, -q is an operation
        f_skq = np.fft.fftn(boxed, axes=range(1, 7), norm="ortho").real
        found_os[:, own_s] = f_skq.reshape(len(own_s), *stars.orbit_kq.shape)[:, k_o, q_o].T
    return found_os * np.sqrt(orbits.size_o)[:, None]
