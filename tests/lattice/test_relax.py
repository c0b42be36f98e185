"""Relaxed structures against lattice sums, stationarity in every free parameter, and bounds."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from ephforge.core.symmetry import operations
from ephforge.lattice.forces import Potential, energy, energy_and_forces
from ephforge.lattice.freedom import freedom
from ephforge.lattice.potentials import draw_parameters
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import structure
from ephforge.lattice.rejection import OUT_OF_BOUNDS, SHELL_AT_CUTOFF, Rejected
from ephforge.lattice.relax import cutoff_between_shells, relax, settle

LENNARD_JONES = {"epsilon": [[0.3]], "sigma": [[2.5]], "cutoff": 6.0}
BINARY = {"epsilon": [[0.2, 0.5], [0.5, 0.25]], "sigma": [[3.7, 2.4], [2.4, 3.75]], "cutoff": 6.4}
# structure type, potential, elements of the species, first guess of the shortest distance
# None: parameters are drawn
CASES = {
    "l1_0 emt": ("l1_0", "emt", {}, (29, 79), 2.7),
    "b19 emt": ("b19", "emt", {}, (29, 79), 2.7),
    "mopt2 emt": ("mopt2", "emt", {}, (28, 78), 2.7),
    "wurtzite lennard_jones": ("wurtzite", "lennard_jones", BINARY, (30, 16), 2.7),
    "cdi2 lennard_jones": ("cdi2", "lennard_jones", BINARY, (30, 16), 2.7),
    "rutile ionic": ("rutile", "ionic", None, (22, 8), None),
    "wurtzite tersoff": ("wurtzite", "tersoff", None, (31, 7), None),
    "mopt2 eam": ("mopt2", "eam", None, (42, 78), None),
    "black_phosphorus stillinger_weber": (
        "black_phosphorus",
        "stillinger_weber",
        None,
        (15,),
        None,
    ),
    "wc morse": ("wc", "morse", None, (30, 16), None),
    "mos2_layer lennard_jones": ("mos2_layer", "lennard_jones", BINARY, (30, 16), 2.7),
}


def relaxed(name, size=1.0):
    key, law, parameters, elements, start = CASES[name]
    prototype = PROTOTYPES[key]
    if parameters is None:
        parameters = draw_parameters(np.random.default_rng(1), law, prototype)
        start = parameters["start"]
    numbers = np.array(elements)[list(prototype.species)]
    guess = structure(prototype, size * start / prototype.neighbour)
    free = freedom(operations(*guess, np.array(prototype.species)), prototype.is_layer)
    potential = Potential(law, parameters)
    return *relax(*guess, numbers, potential, free), numbers, potential, free


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
    guess = structure(prototype, 2.8 / prototype.neighbour)
    free = freedom(operations(*guess, np.array(prototype.species)), False)
    numbers = np.repeat(50, len(prototype.species))
    cell, _ = relax(*guess, numbers, Potential("lennard_jones", LENNARD_JONES), free)

    def total(x):
        stretch = np.diag([x[0], x[0], x[-1]])
        return lennard_jones_sum(guess[0] @ stretch, guess[1] @ stretch)

    options = {"xatol": 1e-7, "fatol": 1e-13}
    expected = minimize(total, [1.0] * len(free.strain_f33), method="Nelder-Mead", options=options)
    stretch = np.diag([expected.x[0], expected.x[0], expected.x[-1]])
    np.testing.assert_allclose(cell, guess[0] @ stretch, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_energy_is_lowest_in_every_free_parameter(name):
    cell, positions, numbers, potential, free = relaxed(name)
    lowest = energy(cell, positions, numbers, potential)
    assert len(free.strain_f33) + len(free.displacement_fs3) > 0
    for strain in free.strain_f33:
        sides = []
        for sign in (-1, 1):
            change = np.eye(3) + sign * 4e-3 * strain
            sides.append(energy(cell @ change, positions @ change, numbers, potential) - lowest)
        assert min(sides) > 0
        # the minimum of the parabola through the three points lies here
        assert abs(sides[0] - sides[1]) < 0.05 * sum(sides)
    for shift in free.displacement_fs3:
        for sign in (-1, 1):
            moved = positions + sign * 0.02 * shift
            assert energy(cell, moved, numbers, potential) > lowest


@pytest.mark.parametrize("name", ["b19 emt", "wurtzite lennard_jones", "mos2_layer lennard_jones"])
def test_no_forces_are_left_after_settling_in_a_strained_cell(name):
    cell, positions, numbers, potential, free = relaxed(name)
    cell, positions = 1.01 * cell, 1.01 * positions
    _, before = energy_and_forces(cell, positions, numbers, potential)
    settled = settle(cell, positions, numbers, potential, free)
    _, after = energy_and_forces(cell, settled, numbers, potential)
    assert np.abs(before).max() > 1e-3
    assert np.abs(after).max() < 1e-6


def test_first_guess_does_not_matter():
    one, other = relaxed("b19 emt"), relaxed("b19 emt", 1.06)
    np.testing.assert_allclose(one[0], other[0], atol=1e-3)
    np.testing.assert_allclose(one[1] - one[1][0], other[1] - other[1][0], atol=1e-3)


def test_layers_do_not_relax_their_vacuum():
    cell, *_ = relaxed("mos2_layer lennard_jones")
    ratio = cell[2, 2] / cell[0, 0]
    assert abs(cell[2, 0]) + abs(cell[2, 1]) < 1e-12
    assert ratio > 3


def test_unbound_crystal_is_rejected():
    """The asap3 Brenner potential does not bind germanium."""
    guess = structure(PROTOTYPES["diamond"], 5.6)
    free = freedom(operations(*guess, np.array([0, 0])), False)
    with pytest.raises(Rejected) as caught:
        relax(*guess, np.array([32, 32]), Potential("brenner", {}), free)
    assert caught.value.reason == OUT_OF_BOUNDS


def test_cutoff_falls_between_shells():
    cell, positions = structure(PROTOTYPES["fcc"], 4.0)
    shells = 4.0 * np.sqrt(np.arange(1, 20) / 2)
    cutoff = cutoff_between_shells(cell, positions, shells[3], 0.01)
    assert cutoff != shells[3]
    assert np.abs(shells - cutoff).min() > 0.1


def test_cutoff_without_a_gap_is_rejected():
    cell, positions = structure(PROTOTYPES["fcc"], 4.0)
    with pytest.raises(Rejected) as caught:
        cutoff_between_shells(cell, positions, 6.0, 0.2)
    assert caught.value.reason == SHELL_AT_CUTOFF
