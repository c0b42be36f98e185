"""Quantised orbits: what is independent, what a constant costs, budgets."""

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.orbits import distinct_entries, quantised_orbits
from ephforge.core.blocks import on_grid

BLOCK = make_block("diamond", noise=0.4)
GRID = on_grid(BLOCK)


def test_entries_are_the_distinct_numbers_of_the_grid():
    values, counts = np.unique(np.round(GRID, 9), return_counts=True)
    entries = distinct_entries(BLOCK.orbits, BLOCK.g.shape[:3])
    assert len(entries.first_e) == len(values)
    assert sorted(entries.weight_e) == sorted(counts)
    order = np.argsort(BLOCK.g.ravel()[entries.first_e])
    assert np.array_equal(entries.weight_e[order], counts)
    assert np.allclose(BLOCK.g.ravel()[entries.first_e][entries.entry_c], BLOCK.g.ravel())


def test_error_falls_and_the_budget_is_kept():
    allowed = [0, *(allowed_bits(budget, GRID) for budget in (0.001, 0.01, 0.1, 1.0))]
    codes = quantised_orbits(GRID, BLOCK.orbits, allowed)
    errors = [relative_error(code.g, GRID) for code in codes]
    assert errors[0] == pytest.approx(1.0)
    assert errors[-1] < 1e-4
    assert errors == sorted(errors, reverse=True)
    assert all(code.bits <= limit for code, limit in zip(codes, allowed, strict=True))


def test_a_constant_costs_little_more_than_its_channels():
    constant = np.full_like(GRID, 7.0)
    channels = 2 * 3 // 2 * 6
    (code,) = quantised_orbits(constant, BLOCK.orbits, [24 * channels + 200])
    assert relative_error(code.g, constant) < 0.03
