"""Forces of every potential against finite differences of its energy, on distorted cells."""

import numpy as np
import pytest

from ephforge.lattice.forces import Potential, energy, energy_and_forces

STEP = 1e-3  # angstrom; smaller ones meet the rounding of asap3's Brenner tables, 1e-7 eV
PAIRS = {"epsilon": [[0.2, 0.8], [0.8, 0.3]], "cutoff": 6.1}
CASES = {
    "emt": ([29, 79], 3.0, {}),
    "rgl": (
        [29, 79],
        3.0,
        {
            "p": [[10.0, 11.0], [11.0, 12.0]],
            "q": [[2.5, 2.8], [2.8, 3.2]],
            "a": [[0.1, 0.12], [0.12, 0.15]],
            "xi": [[1.1, 1.3], [1.3, 1.5]],
            "r0": [[2.6, 2.7], [2.7, 2.8]],
        },
    ),
    "lennard_jones": ([20, 8], 3.2, PAIRS | {"sigma": [[2.9, 2.5], [2.5, 3.0]]}),
    "morse": (
        [20, 8],
        3.2,
        PAIRS | {"alpha": [[1.2, 1.7], [1.7, 1.3]], "r0": [[3.2, 2.7], [2.7, 3.3]]},
    ),
    "brenner": ([14, 14], 2.35, {}),
}


def triclinic(length):
    """A cell without symmetry with two atoms."""
    cell = length * np.array([[1.0, 0.05, 0.0], [0.1, 1.1, -0.05], [0.15, -0.1, 1.2]])
    return cell, np.array([[0.02, 0.0, 0.01], [0.48, 0.53, 0.46]]) @ cell


@pytest.mark.parametrize("name", CASES)
def test_forces_are_minus_the_gradient_of_the_energy(name):
    numbers, length, parameters = CASES[name]
    potential = Potential(name, parameters)
    cell, positions = triclinic(length)
    value, forces = energy_and_forces(cell, positions, np.array(numbers), potential)
    assert value == pytest.approx(energy(cell, positions, np.array(numbers), potential), abs=1e-12)
    expected = np.zeros_like(forces)
    for s, c in np.ndindex(positions.shape):
        for sign in (1, -1):
            moved = positions.copy()
            moved[s, c] += sign * STEP
            side = energy(cell, moved, np.array(numbers), potential)
            expected[s, c] -= sign * side / (2 * STEP)
    assert np.abs(forces).max() > 0.02
    np.testing.assert_allclose(forces, expected, atol=1e-4 * np.abs(forces).max())
