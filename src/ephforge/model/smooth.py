"""What is expected of |g| on meshes and lattices that nothing was learned of: a smooth field.

Fourier coefficients on stars of lattice vectors (core/stars.py) are taken for independent, and
smaller the farther apart the three centres are: electrons at 0 and R, an atom that moves at R',

    <h(R, R')^2> ~ exp(-DECAY (|R| + |R'| + |R - R'|) / a),

a the shortest lattice vector; Hermiticity, R' -> R - R', leaves it as it is.  The mean, R = R' = 0,
has half of the whole, because |g| is not negative.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.blocks import Block
from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.stars import dual_orbits, lengths
from ephforge.core.symmetry import Orbits, pair_orbits, reciprocal_operations

DECAY = 1.0


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
    orbits = pair_orbits(operations_g33, k_mesh, q_mesh)
    moment_oo = _averaged(variance_s[stars.orbit_kq], orbits, k_mesh, q_mesh)
    return moment_oo / np.trace(moment_oo)


def _averaged(
    variance_rp: Float[np.ndarray, "r p"], orbits: Orbits, k_mesh, q_mesh
) -> Float[np.ndarray, "o o"]:
    """Moment of a field with independent coefficients, the kernel averaged over symmetry.

    K(x - y) = sum_RR' variance e^{i (R, R').(x - y)} with y any pair of the second orbit.
    """
    boxed = variance_rp.reshape(*k_mesh, *q_mesh)
    kernel_kq = np.fft.fftn(boxed).real.reshape(variance_rp.shape)  # real: -R, -R' is in a star
    k_kk, q_qq = (_differences(mesh) for mesh in (k_mesh, q_mesh))
    orbit, n_orbits = orbits.orbit_kq.ravel(), len(orbits.size_o)
    moment_oo = np.empty((n_orbits, n_orbits))
    for row_o, (k, q) in zip(moment_oo, orbits.representative_o2, strict=True):
        row_o[:] = np.bincount(orbit, kernel_kq[k_kk[k][:, None], q_qq[q]].ravel(), n_orbits)
    root_o = np.sqrt(orbits.size_o)
    moment_oo *= root_o[:, None] / root_o
    return (moment_oo + moment_oo.T) / 2


def _differences(mesh: tuple[int, int, int]) -> Int[np.ndarray, "x y"]:
    """Number of the point x - y."""
    points = mesh_indices(mesh)
    return point_number(points[:, None] - points, mesh)
