"""Fourier stars: exact on band-limited maps, symmetric, exact with all stars."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.fft import dual_orbits, fft, star_distances
from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.core.blocks import on_grid
from ephforge.core.symmetry import reciprocal_operations


@pytest.mark.parametrize("q_mesh", [(4, 4, 4), (2, 2, 2)])
def test_error_falls_to_zero_and_the_budget_is_kept(q_mesh):
    block = make_block("zincblende", q_mesh=q_mesh)
    grid = on_grid(block)
    allowed = [0, *(allowed_bits(budget, grid) for budget in (0.002, 0.02, 1.0))]
    codes = fft(block, allowed)
    errors = [relative_error(code.g, grid) for code in codes]
    assert errors[0] == pytest.approx(1.0)
    assert errors[-1] < 1e-4
    assert errors == sorted(errors, reverse=True)
    assert all(code.bits <= limit for code, limit in zip(codes, allowed, strict=True))


def test_a_law_of_few_waves_needs_few_bits():
    """Constant + nearest-neighbour waves in k, q and k+q: at most four stars per band pair,
    where noise needs all of them."""
    block = make_block("cscl", noise=0.0, bands=1)
    assert block.g.min() > 1e-3  # the modulus in the made-up law must not have cut anything
    allowed = [30 * 6 * 4]
    (code,) = fft(block, allowed)
    rough = make_block("cscl", noise=0.3, bands=1)
    (noisy,) = fft(rough, allowed)
    error = relative_error(code.g, on_grid(block))
    assert error < 0.01
    assert 5 * error < relative_error(noisy.g, on_grid(rough))


def test_the_distance_of_a_star_is_that_of_its_nearest_cells():
    block = make_block("fcc")
    crystal = block.crystal
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    stars = dual_orbits(operations, block.k_mesh, block.q_mesh)
    distance_rp = star_distances(block, stars)[stars.orbit_kq]
    assert distance_rp[0, 0] == 0
    assert distance_rp[1, 0] == pytest.approx(1.0)  # a nearest neighbour of fcc
    # (3, 0, 0) is (-1, 0, 0) modulo 4, and R and R' add in squares
    number = 3 * 16
    assert distance_rp[number, number] <= np.sqrt(2) + 1e-12


def test_stars_are_as_many_as_orbits():
    for prototype in ("fcc", "cscl"):
        block = make_block(prototype)
        crystal = block.crystal
        operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
        stars = dual_orbits(operations, block.k_mesh, block.q_mesh)
        assert len(stars.size_o) == len(block.orbits.size_o)
        assert np.array_equal(stars.partner_o[stars.partner_o], np.arange(len(stars.size_o)))


def test_an_asymmetric_grid_is_approached_by_its_symmetric_part():
    block = make_block("fcc")
    noisy = on_grid(block) + np.random.default_rng(1).normal(size=on_grid(block).shape)
    kept = dataclasses.replace(block, g_grid=noisy)
    (code,) = fft(kept, [32 * noisy.size])
    assert 0 < relative_error(code.g, noisy) < relative_error(on_grid(block), noisy)
