"""Relaxed lattice parameters against lattice sums and stationarity."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from ephforge.lattice.forces import Potential, energy
from ephforge.lattice.prototypes import PROTOTYPES, structure
from ephforge.lattice.rejection import OUT_OF_BOUNDS, SHELL_AT_CUTOFF, Rejected
from ephforge.lattice.relax import cutoff_between_shells, relax

LENNARD_JONES = {"epsilon": [[0.3]], "sigma": [[2.5]], "cutoff": 6.0}
ELEMENT = np.array([50])


def lennard_jones_sum(cell, positions):
    """Energy per atom by a plain sum over pairs, shifted to zero at the cutoff."""
    cells = np.array(list(itertools.product(range(-5, 6), repeat=3)))
    vectors = (cells @ cell)[:, None, None] + positions[None, :] - positions[:, None]
    r = np.linalg.norm(vectors, axis=-1)
    r = r[(r > 1e-9) & (r < LENNARD_JONES["cutoff"])]

    def pair(x):
        return 4 * 0.3 * ((2.5 / x) ** 12 - (2.5 / x) ** 6)

    return (pair(r) - pair(LENNARD_JONES["cutoff"])).sum() / (2 * len(positions))


@pytest.mark.parametrize("name", ["fcc", "hcp"])
def test_lennard_jones_against_a_lattice_sum(name):
    prototype = PROTOTYPES[name]
    start = 2.8 / prototype.neighbour
    numbers = np.repeat(ELEMENT, len(prototype.species))
    found = relax(prototype, numbers, Potential("lennard_jones", LENNARD_JONES), start)
    free = 1 if prototype.ratio is None else 2

    def total(x):
        return lennard_jones_sum(*structure(prototype, x[0], x[1] if free == 2 else None))

    options = {"xatol": 1e-7, "fatol": 1e-13}
    expected = minimize(
        total, [start, prototype.ratio][:free], method="Nelder-Mead", options=options
    )
    np.testing.assert_allclose([found.length, found.ratio][:free], expected.x, rtol=1e-4)


def test_l1_0_is_stationary_in_both_parameters():
    prototype, numbers, potential = PROTOTYPES["l1_0"], np.array([29, 79]), Potential("emt", {})
    length, ratio = relax(prototype, numbers, potential, 2.7)

    def total(a, x):
        return energy(*structure(prototype, a, x), numbers, potential)

    lowest = total(length, ratio)
    for factor in (0.995, 1.005):
        assert total(factor * length, ratio) > lowest
        assert total(length, factor * ratio) > lowest


def test_unbound_crystal_is_rejected():
    """The asap3 Brenner potential does not bind germanium."""
    with pytest.raises(Rejected) as caught:
        relax(PROTOTYPES["diamond"], np.array([32, 32]), Potential("brenner", {}), 5.6)
    assert caught.value.reason == OUT_OF_BOUNDS


def test_cutoff_falls_between_shells():
    cell, positions = structure(PROTOTYPES["fcc"], 4.0, None)
    shells = 4.0 * np.sqrt(np.arange(1, 20) / 2)
    cutoff = cutoff_between_shells(cell, positions, shells[3], 0.01)
    assert cutoff != shells[3]
    assert np.abs(shells - cutoff).min() > 0.1


def test_cutoff_without_a_gap_is_rejected():
    cell, positions = structure(PROTOTYPES["fcc"], 4.0, None)
    with pytest.raises(Rejected) as caught:
        cutoff_between_shells(cell, positions, 6.0, 0.2)
    assert caught.value.reason == SHELL_AT_CUTOFF
