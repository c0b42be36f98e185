"""Interpolation in q: constants, band-limited functions, given points, SciPy as oracle."""

import numpy as np
import pytest
from material_blocks import make_block
from scipy.interpolate import RegularGridInterpolator

from ephforge.baselines import interpolation
from ephforge.core.blocks import on_grid
from ephforge.core.kpoints import mesh_points
from ephforge.core.symmetry import given_orbits


@pytest.mark.parametrize("method", interpolation.METHODS)
@pytest.mark.parametrize("power", interpolation.POWERS)
@pytest.mark.parametrize(("coarse", "fine"), [((2, 2, 2), (4, 4, 4)), ((1, 3, 2), (2, 6, 6))])
def test_constants_and_given_points_come_back(method, power, coarse, fine):
    random = np.random.default_rng(0)
    g = random.uniform(1, 2, size=(1, 2, 1, 3, np.prod(coarse)))
    found = interpolation.interpolate(g, coarse, fine, method, power)
    assert np.allclose(found[..., interpolation.coarse_points(coarse, fine)], g)
    constant = interpolation.interpolate(np.full_like(g, 3.0), coarse, fine, method, power)
    assert np.allclose(constant, 3.0)


def test_fourier_is_exact_below_the_nyquist_frequency():
    def law(x):
        return 5 + np.cos(2 * np.pi * x[:, 0]) + np.sin(2 * np.pi * (x[:, 1] - x[:, 2]))

    given = law(mesh_points((3, 3, 3))).reshape(1, 1, 1, 1, -1)
    found = interpolation.interpolate(given, (3, 3, 3), (6, 6, 6), "fourier", 1.0)
    assert np.allclose(found.ravel(), law(mesh_points((6, 6, 6))))


def test_fourier_matrix_is_zero_padding():
    values = np.random.default_rng(2).normal(size=4)
    spectrum = np.fft.fft(values)
    padded = np.zeros(12, dtype=complex)
    padded[[0, 1, 11]] = spectrum[[0, 1, 3]]
    padded[[2, 10]] = spectrum[2] / 2
    expected = np.fft.ifft(padded).real * 3
    assert np.allclose(interpolation.axis_matrix("fourier", 4, 12) @ values, expected)


def test_trilinear_agrees_with_scipy():
    random = np.random.default_rng(1)
    values = random.uniform(1, 2, size=(2, 2, 2))
    closed = np.pad(values, ((0, 1),) * 3, mode="wrap")
    axis = np.linspace(0, 1, 3)
    oracle = RegularGridInterpolator((axis, axis, axis), closed)(mesh_points((4, 4, 4)))
    found = interpolation.interpolate(
        values.reshape(1, 1, 1, 1, -1), (2, 2, 2), (4, 4, 4), "trilinear", 1.0
    )
    assert np.allclose(found.ravel(), oracle)


def test_given_orbits_lie_wholly_on_the_coarse_mesh():
    block = make_block("fcc")
    given = given_orbits(block.orbits, block.q_mesh, (2, 2, 2))
    on_coarse = np.zeros(64, dtype=bool)
    on_coarse[interpolation.coarse_points((2, 2, 2), block.q_mesh)] = True
    assert np.array_equal(given[block.orbits.orbit_kq], np.broadcast_to(on_coarse, (64, 64)))


def test_symmetrising_brings_an_interpolation_closer():
    block = make_block("fcc", noise=0.2)
    grid = on_grid(block)
    coarse = interpolation.coarse_points((2, 2, 2), block.q_mesh)
    raw = interpolation.interpolate(grid[..., coarse], (2, 2, 2), (4, 4, 4), "trilinear", 1.0)
    better = interpolation.symmetrised(raw, block.orbits)
    assert np.linalg.norm(better - grid) < np.linalg.norm(raw - grid)
