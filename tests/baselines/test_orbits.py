"""Orbit truncation against sorting by hand, and its limits."""

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.measure import relative_error
from ephforge.baselines.orbits import largest_orbits
from ephforge.core.blocks import on_grid

BLOCK = make_block("diamond", noise=0.4)
GRID = on_grid(BLOCK)


def independent_values():
    """Distinct (value, multiplicity) found by grouping equal numbers of the grid itself."""
    return np.unique(np.round(GRID, 9), return_counts=True)


def test_all_entries_are_exactly_the_distinct_numbers():
    values, _ = independent_values()
    (code,) = largest_orbits(GRID, BLOCK.orbits, [len(values)], indexed=False)
    assert relative_error(code.g, GRID) < 1e-12
    (short,) = largest_orbits(GRID, BLOCK.orbits, [len(values) - 5], indexed=False)
    assert relative_error(short.g, GRID) > 1e-6


def test_never_worse_than_dropping_the_weakest_to_zero():
    values, counts = independent_values()
    energy = np.sort(values**2 * counts)[::-1]
    for kept in (1, 30, 200):
        (code,) = largest_orbits(GRID, BLOCK.orbits, [kept], indexed=False)
        by_hand = np.sqrt(energy[kept:].sum() / energy.sum())
        assert relative_error(code.g, GRID) <= by_hand + 1e-12


def test_a_constant_costs_one_number():
    constant = np.full_like(GRID, 7.0)
    (code,) = largest_orbits(constant, BLOCK.orbits, [1], indexed=True)
    assert relative_error(code.g, constant) < 1e-12


def test_positions_are_paid_for():
    counts = [0, 100, 400, 1600]
    free = largest_orbits(GRID, BLOCK.orbits, counts, indexed=False)
    paid = largest_orbits(GRID, BLOCK.orbits, counts, indexed=True)
    free_error = [relative_error(code.g, GRID) for code in free]
    paid_error = [relative_error(code.g, GRID) for code in paid]
    assert all(f <= p for f, p in zip(free_error, paid_error, strict=True))
    assert paid_error == sorted(paid_error, reverse=True)
    assert all(code.stored <= c for code, c in zip(free + paid, counts * 2, strict=True))
    assert paid_error[0] == pytest.approx(1.0)
