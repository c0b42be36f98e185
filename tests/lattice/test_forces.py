"""Forces and stresses of every potential against finite differences of its energy."""

import numpy as np
import pytest

from ephforge.lattice.asap import Potential
from ephforge.lattice.forces import energy, energy_forces_stress

STEP = 1e-3  # angstrom; smaller ones meet the rounding of asap3's Brenner tables, 1e-7 eV
PAIRS = {"epsilon": [[0.2, 0.8], [0.8, 0.3]], "cutoff": 6.1}
RGL = {
    "p": [[10.0, 11.0], [11.0, 12.0]],
    "q": [[2.5, 2.8], [2.8, 3.2]],
    "a": [[0.1, 0.12], [0.12, 0.15]],
    "xi": [[1.1, 1.3], [1.3, 1.5]],
    "r0": [[2.6, 2.7], [2.7, 2.8]],
}
MORSE = PAIRS | {"alpha": [[1.2, 1.7], [1.7, 1.3]], "r0": [[3.2, 2.7], [2.7, 3.3]]}
IONIC = {
    "charges": [1.4, -1.4],
    "dielectric": 2.3,
    "distance": [[2.6, 2.8], [2.8, 3.0]],
    "repulsion": 0.3,
    "rho": 0.31,
}
STILLINGER_WEBER = {
    "epsilon": [[2.0, 1.6], [1.6, 1.1]],
    "sigma": [[2.3, 2.1], [2.1, 2.0]],
    "bend": [40.0, 30.0],
    "cosine": [-0.33, -0.4],
}
TERSOFF = {
    "A": [[1830.8, 1597.3], [1597.3, 1393.6]],
    "B": [[471.18, 404.2], [404.2, 346.74]],
    "lambda": [[2.4799, 2.7], [2.7, 2.9]],
    "mu": [[1.7322, 1.8], [1.8, 1.9]],
    "chi": [[1.0, 0.98], [0.98, 1.0]],
    "R": [[2.7, 2.6], [2.6, 2.5]],
    "S": [[3.3, 3.2], [3.2, 3.1]],
    "beta": [1.1e-6, 1.5724e-7],
    "n": [0.78734, 0.72751],
    "c": [1.0039e5, 3.8049e4],
    "d": [16.217, 4.3484],
    "h": [-0.59825, -0.57058],
}
EAM = {
    "a": [[4.1, 4.0], [4.0, 3.9]],
    "epsilon": [[0.02, 0.025], [0.025, 0.03]],
    "n": 9.0,
    "m": 6.0,
    "c": [0.8, 0.9],
    "embedding": 0.45,
    "reach": 6.2,
}
CASES = {
    "emt": ([29, 79], 3.0, {}),
    "rgl": ([29, 79], 3.0, RGL),
    "lennard_jones": ([20, 8], 3.2, PAIRS | {"sigma": [[2.9, 2.5], [2.5, 3.0]]}),
    "morse": ([20, 8], 3.2, MORSE),
    "brenner": ([14, 14], 2.35, {}),
    "emt2013": ([29, 79], 3.0, {}),
    "emt_rasmussen": ([29, 79], 3.0, {}),
    "emt_glass": ([29, 40], 3.0, {}),
    "ionic": ([20, 8], 3.2, IONIC),
    "stillinger_weber": ([14, 6], 2.4, STILLINGER_WEBER),
    "tersoff": ([14, 6], 2.4, TERSOFF),
    "eam": ([29, 79], 3.0, EAM),
}


def triclinic(length):
    """A cell without symmetry with two atoms."""
    cell = length * np.array([[1.0, 0.05, 0.0], [0.1, 1.1, -0.05], [0.15, -0.1, 1.2]])
    return cell, np.array([[0.02, 0.0, 0.01], [0.48, 0.53, 0.46]]) @ cell


@pytest.mark.parametrize("name", CASES)
def test_forces_and_stress_are_derivatives_of_the_energy(name):
    numbers, length, parameters = CASES[name]
    numbers, potential = np.array(numbers), Potential(name, parameters)
    cell, positions = triclinic(length)
    value, forces, stress = energy_forces_stress(cell, positions, numbers, potential)
    assert value == energy(cell, positions, numbers, potential)
    expected_forces, expected_stress = np.zeros_like(forces), np.zeros((3, 3))
    for sign in (1, -1):
        for s, c in np.ndindex(positions.shape):
            moved = positions.copy()
            moved[s, c] += sign * STEP
            side = energy(cell, moved, numbers, potential)
            expected_forces[s, c] -= sign * side / (2 * STEP)
        for c, d in np.ndindex(3, 3):
            strain = np.eye(3)
            strain[c, d] += sign * STEP
            side = energy(cell @ strain.T, positions @ strain.T, numbers, potential)
            expected_stress[c, d] += sign * side / (2 * STEP)
    assert np.abs(forces).max() > 0.02
    np.testing.assert_allclose(forces, expected_forces, atol=1e-4 * np.abs(forces).max())
    np.testing.assert_allclose(stress, expected_stress, atol=5e-4 * np.abs(stress).max())
