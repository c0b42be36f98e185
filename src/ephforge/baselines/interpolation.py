"""Interpolation of |g| in q on periodic meshes, k fixed: trilinear, cubic, Fourier.

A method is a matrix per axis (fine points x coarse points); the three axes multiply.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import CubicSpline

from ephforge.baselines.symmetric import hermitian_mean, orbit_mean, spread
from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.symmetry import Orbits

METHODS = ("trilinear", "cubic", "fourier")
POWERS = (0.5, 1.0, 2.0)  # interpolated is |g|^power; the best on validation materials is used

Mesh = tuple[int, int, int]


def coarse_points(coarse: Mesh, fine: Mesh) -> Int[np.ndarray, " Q"]:
    """Numbers, on the fine mesh, of the points of a coarse mesh that divides it."""
    ratio = np.asarray(fine) // np.asarray(coarse)
    return point_number(mesh_indices(coarse) * ratio, fine)


def interpolate(
    g_mnvkq: Float[np.ndarray, "m n v k Q"], coarse: Mesh, fine: Mesh, method: str, power: float
) -> Float[np.ndarray, "m n v k q"]:
    """|g| on the fine q mesh from the coarse one.

    Args:
      g_mnvkq: meV, on the coarse mesh only.
      method: one of `METHODS`.
      power: interpolate |g|^power; negative overshoots count as zero.
    """
    boxed = (g_mnvkq**power).reshape(*g_mnvkq.shape[:4], *coarse)
    axes = [axis_matrix(method, c, f) for c, f in zip(coarse, fine, strict=True)]
    found = np.einsum("mnvkxyz,Xx,Yy,Zz->mnvkXYZ", boxed, *axes, optimize=True)
    return np.maximum(found.reshape(*g_mnvkq.shape[:4], -1), 0.0) ** (1 / power)


def symmetrised(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits
) -> Float[np.ndarray, "m n v k q"]:
    """Mean over orbits and hermitian partners: interpolation along skewed axes breaks both."""
    return spread(hermitian_mean(orbit_mean(g_mnvkq, orbits), orbits), orbits)


def axis_matrix(method: str, coarse: int, fine: int) -> Float[np.ndarray, "f c"]:
    """Weights of the coarse points i/coarse at the fine points j/fine of a period 1."""
    x_f = np.arange(fine) / fine
    if coarse == 1:
        return np.ones((fine, 1))
    if method == "trilinear":
        distance = np.abs(x_f[:, None] * coarse - np.arange(coarse))
        return np.maximum(1 - np.minimum(distance, coarse - distance), 0)
    if method == "cubic":
        closed = np.vstack([np.eye(coarse), np.eye(coarse)[:1]])
        return CubicSpline(np.arange(coarse + 1) / coarse, closed, bc_type="periodic")(x_f)
    # trigonometric: all frequencies below coarse/2, the one at coarse/2 shared by both signs
    phase = 2 * np.pi * (x_f[:, None] - np.arange(coarse) / coarse)
    frequency = np.arange(1, coarse // 2 + 1)
    weight = np.where(2 * frequency == coarse, 1.0, 2.0)
    return (1 + (weight * np.cos(phase[..., None] * frequency)).sum(axis=-1)) / coarse
