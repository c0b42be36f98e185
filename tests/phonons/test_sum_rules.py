"""The sum rules, imposed on random numbers."""

import itertools

import numpy as np
import pytest

from ephforge.core.realspace import ForceConstants
from ephforge.phonons.modes import energies_at
from ephforge.phonons.sum_rules import acoustic, acoustic_sum, permutation_symmetric


@pytest.fixture
def random():
    rng = np.random.default_rng(11)
    cells = np.array(list(itertools.product((0, 1), (-1, 0, 1), (-2, 0))))
    return ForceConstants(cells, rng.normal(size=(len(cells), 2, 3, 2, 3)))


def test_permutation_symmetry_adds_the_missing_cells(random):
    found = permutation_symmetric(random)
    number = {tuple(cell): i for i, cell in enumerate(found.cells.tolist())}
    assert set(number) >= {tuple(cell) for cell in random.cells.tolist()}
    for cell, i in number.items():
        partner = number[tuple(-x for x in cell)]
        np.testing.assert_array_equal(found.phi[i], found.phi[partner].transpose(2, 3, 0, 1))


def test_permutation_symmetry_keeps_what_is_symmetric(random):
    once = permutation_symmetric(random)
    twice = permutation_symmetric(once)
    np.testing.assert_array_equal(once.cells, twice.cells)
    np.testing.assert_allclose(once.phi, twice.phi, atol=1e-15)


def test_acoustic_sum_rule_gives_three_zero_modes(random):
    """The rows of each atom sum to zero once torque-free; checked on isotropic blocks."""
    isotropic = random.phi[..., :1, :, :1] * np.eye(3)[None, None, :, None, :]
    symmetric = permutation_symmetric(ForceConstants(random.cells, isotropic))
    assert np.abs(acoustic_sum(symmetric)).max() > 0.1
    found = acoustic(symmetric)
    np.testing.assert_allclose(acoustic_sum(found), 0, atol=1e-13)
    energies = energies_at(np.zeros((1, 3)), found, np.array([5.0, 90.0]))[0]
    assert np.sum(np.abs(energies) < 1e-8) == 3


def test_home_cell_must_be_there():
    with pytest.raises(ValueError, match="R = 0"):
        acoustic(ForceConstants(np.array([[1, 0, 0]]), np.zeros((1, 1, 3, 1, 3))))
