"""Budgets and errors of known pairs."""

import numpy as np
import pytest

from ephforge.baselines.measure import allowed_bits, relative_error


def test_allowed_bits_is_the_floor():
    g = np.zeros((2, 2, 3, 5, 7))
    assert allowed_bits(0.01, g) == 134  # 420 numbers of 32 bits
    assert allowed_bits(1.0, g) == 420 * 32


def test_relative_error_of_a_known_pair():
    assert relative_error(np.array([3.0, 0.0]), np.array([3.0, 4.0])) == pytest.approx(0.8)
    assert relative_error(np.zeros(2), np.zeros(2)) == 0.0
