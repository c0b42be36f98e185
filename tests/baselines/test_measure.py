"""Budgets and the choice of coefficients, against brute force."""

import numpy as np
import pytest

from ephforge.baselines.measure import allowed_numbers, largest_mixture, relative_error


def test_allowed_numbers_is_the_floor():
    g = np.zeros((2, 2, 3, 5, 7))
    assert allowed_numbers(0.01, g) == 4  # 420 numbers
    assert allowed_numbers(1.0, g) == 420


def test_relative_error_of_a_known_pair():
    assert relative_error(np.array([3.0, 0.0]), np.array([3.0, 4.0])) == pytest.approx(0.8)
    assert relative_error(np.zeros(2), np.zeros(2)) == 0.0


@pytest.mark.parametrize("count", [0, 1, 2, 7, 20, 61, 200])
def test_mixture_never_stores_more_than_allowed_and_beats_its_parts(count):
    random = np.random.default_rng(3)
    energy = random.exponential(size=30) * np.exp(-np.arange(30) / 8)
    keep, stored = largest_mixture(energy, count, np.arange(30))
    assert stored <= count
    ordered_only = energy[: max(count - 1, 0)].sum()
    indexed_only = np.sort(energy)[::-1][: max(count - 1, 0) // 2].sum()
    assert energy[keep].sum() >= max(ordered_only, indexed_only) - 1e-12


def test_without_an_order_each_coefficient_costs_two():
    energy = np.array([1.0, 5.0, 3.0, 4.0])
    keep, stored = largest_mixture(energy, 5)
    assert keep.tolist() == [False, True, False, True]
    assert stored == 4
