"""Valence electrons by group, and gaps of models with flat bands and of shipped ones."""

import numpy as np
import pytest
from conftest import ROOT

from ephforge.core.netcdf import read
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    Model,
    WannierCoupling,
    read_model,
)
from ephforge.coverage.gaps import gap, valence_electrons


def crystal(*numbers):
    count = len(numbers)
    return Crystal(np.eye(3) * 4, np.zeros((count, 3)), np.array(numbers), np.ones(count))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((6, 6), 8),
        ((13, 33), 8),
        ((31, 15), 8),
        ((12, 8), 8),
        ((11, 17), 8),
        ((12, 12, 14), 8),
        ((13,), 3),
        ((82,), 4),
        ((1,), 1),
        ((36,), 8),
        ((29,), None),
        ((26, 8), None),
        ((58,), None),
    ],
)
def test_electrons_follow_from_the_group(numbers, expected):
    assert valence_electrons(crystal(*numbers)) == expected


def flat(levels, *numbers):
    hopping = Hopping(
        np.zeros((1, 3), int),
        np.diag(levels)[None],
        np.zeros(len(levels), int),
        np.zeros((len(levels), 3)),
    )
    phi = ForceConstants(np.zeros((1, 3), int), np.zeros((1, len(numbers), 3, len(numbers), 3)))
    home, size = np.zeros((1, 3), int), len(levels)
    coupling = WannierCoupling(home, home, np.zeros((1, len(numbers), 3, 1, size, size), complex))
    return Model("m", crystal(*numbers), hopping, phi, coupling)


@pytest.mark.parametrize(
    ("levels", "number", "expected"),
    [
        ([0.0, 1.5], 4, 1.5),  # two electrons, one band
        ([0.0, 1.5], 6, None),  # no empty band
        ([0.0], 82, None),  # four electrons do not fit
        ([0.0, 1.5], 13, 0.0),  # odd: a metal
        ([0.0, 1.5], 29, None),  # not counted
        ([0.0, 0.0, 0.0], 4, 0.0),  # no gap between equal bands
    ],
)
def test_gap_of_flat_bands(levels, number, expected):
    found = gap(flat(levels, number), (2, 2, 2))
    assert found == expected if expected is None else np.isclose(found, expected)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("al_4", 0, 0), ("si_4b8", 0.3, 1.2), ("si_4", None, None)]
)
def test_shipped_models(name, low, high):
    """Silicon by LDA has a gap of about half an eV; four valence bands alone have none."""
    model = read_model(read(ROOT / f"resources/first_principles/{name}.nc", "model"))
    found = gap(model, (4, 4, 4))
    assert found is None if low is None else low <= found <= high
