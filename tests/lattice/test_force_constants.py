"""Force constants against phonopy, a closed form, and brute-force minimum images."""

import itertools

import numpy as np
import pytest
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

from ephforge.core.units import MEV
from ephforge.lattice.asap import Potential, forces, repeats, supercell
from ephforge.lattice.force_constants import (
    SMALLEST_SUPERCELL,
    finite_differences,
    fold,
    force_constants,
)
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import structure
from ephforge.lattice.rejection import RESIDUAL_FORCES, Rejected
from ephforge.phonons.modes import energies_at
from ephforge.phonons.sum_rules import acoustic_sum

STEP = 1e-3  # angstrom; both codes displace along other directions, so third order must be small
THZ = 4.135667696e-3  # eV
LENNARD_JONES = {"epsilon": [[0.3]], "sigma": [[2.5]], "cutoff": 5.9}
MORSE = {
    "epsilon": [[0.2, 0.8], [0.8, 0.3]],
    "alpha": [[1.2, 1.7], [1.7, 1.3]],
    "r0": [[3.8, 2.7], [2.7, 3.9]],
    "cutoff": 6.1,
}
# structure type, a, c/a, elements, masses, potential
CASES = {
    "hcp lennard_jones": ("hcp", 2.75, 1.62, [50, 50], [80.0, 80.0], LENNARD_JONES),
    "rocksalt morse": ("rocksalt", 5.3, None, [20, 8], [40.0, 16.0], MORSE),
    "l1_0 emt": ("l1_0", 2.75, 1.38, [29, 79], [63.5, 197.0], {}),
    "diamond brenner": ("diamond", 5.45, None, [14, 14], [28.0, 28.0], {}),
}


def case(name):
    prototype, length, ratio, numbers, masses, parameters = CASES[name]
    cell, positions = structure(PROTOTYPES[prototype], length)
    if ratio is not None:
        stretch = np.diag([1, 1, ratio * length / cell[2, 2]])
        cell, positions = cell @ stretch, positions @ stretch
    potential = Potential(name.split()[1], parameters)
    return cell, positions, np.array(numbers), np.array(masses), potential


def phonopy_energies(cell, positions, numbers, masses, potential, q):
    """eV, from phonopy's own displacements and images, forces from the same calculator."""
    unit = PhonopyAtoms(numbers=numbers, masses=masses, cell=cell, positions=positions)
    counts, _ = repeats(cell, positions, potential, SMALLEST_SUPERCELL)
    phonon = Phonopy(unit, supercell_matrix=np.diag(counts), primitive_matrix=np.eye(3))
    phonon.generate_displacements(distance=STEP)
    atoms, _ = supercell(cell, positions, numbers, potential, SMALLEST_SUPERCELL)
    atoms.set_atomic_numbers(phonon.supercell.numbers)
    found = []
    for displaced in phonon.supercells_with_displacements:
        atoms.set_positions(displaced.positions)
        found.append(forces(atoms).copy())
    phonon.forces = found
    phonon.produce_force_constants()
    phonon.symmetrize_force_constants()
    phonon.run_qpoints(q)
    return np.sort(phonon.qpoints.frequencies, axis=1) * THZ


@pytest.mark.parametrize("name", CASES)
def test_energies_against_phonopy(name):
    cell, positions, numbers, masses, potential = case(name)
    q = np.random.default_rng(1).uniform(-0.5, 0.5, size=(6, 3))
    ours, _ = force_constants(cell, positions, numbers, potential, STEP)
    energies = energies_at(q, ours, masses)
    oracle = phonopy_energies(cell, positions, numbers, masses, potential, q)
    assert energies.max() * MEV > 5
    np.testing.assert_allclose(energies * MEV, oracle * MEV, atol=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_sum_rules(name):
    cell, positions, numbers, masses, potential = case(name)
    found, _ = force_constants(cell, positions, numbers, potential, 0.01)
    np.testing.assert_allclose(acoustic_sum(found), 0, atol=1e-9 * np.abs(found.phi).max() * 10)
    assert np.abs(energies_at(np.zeros((1, 3)), found, masses)[0, :3]).max() * MEV < 0.01
    number = {tuple(cell): i for i, cell in enumerate(found.cells.tolist())}
    opposite = [number[tuple((-cell).tolist())] for cell in found.cells]
    np.testing.assert_array_equal(found.phi, found.phi[opposite].transpose(0, 3, 4, 1, 2))


def test_pair_potential_in_closed_form():
    """Phi(R) = -(V'' - V'/r) n n^T - (V'/r) 1 between the atoms of a pair."""
    cell, positions = structure(PROTOTYPES["fcc"], 3.95)
    potential = Potential("lennard_jones", LENNARD_JONES)
    found, _ = force_constants(cell, positions, np.array([50]), potential, STEP)
    epsilon, sigma, cutoff = 0.3, 2.5, LENNARD_JONES["cutoff"]
    compared = 0
    for vector, phi in zip(found.cells @ cell, found.phi[:, 0, :, 0, :], strict=True):
        r = np.linalg.norm(vector)
        if r < 1e-9:
            continue
        assert r < cutoff
        first = 4 * epsilon * (-12 * sigma**12 / r**13 + 6 * sigma**6 / r**7)
        second = 4 * epsilon * (156 * sigma**12 / r**14 - 42 * sigma**6 / r**8)
        unit = np.outer(vector, vector) / r**2
        expected = -(second - first / r) * unit - first / r * np.eye(3)
        np.testing.assert_allclose(phi, expected, atol=2e-5)
        compared += 1
    assert compared == 12 + 6 + 24 + 12


def test_hexagonal_pairs_go_to_their_shortest_images():
    """Against a wider search over images, on a hexagonal cell, where ties abound."""
    cell, positions, *_ = case("hcp lennard_jones")
    counts = (4, 4, 2)
    cells = np.array(list(itertools.product(*map(range, counts))))
    phi = np.ones((len(cells), 2, 3, 2, 3))
    found = fold(phi, cells, cell, positions, counts)
    shift = np.array(list(itertools.product(range(-3, 4), repeat=3))) * counts
    for s, t in itertools.product(range(2), repeat=2):
        expected = {}
        for home in cells:
            images = home + shift
            r = np.linalg.norm(images @ cell + positions[t] - positions[s], axis=1)
            shortest = images[r < r.min() + 1e-6]
            expected |= {tuple(image): 1 / len(shortest) for image in shortest.tolist()}
        for image, block in zip(found.cells.tolist(), found.phi[:, s, :, t, :], strict=True):
            np.testing.assert_allclose(block, expected.pop(tuple(image), 0.0), atol=1e-15)
        assert not expected
    assert np.any(found.phi < 1)


def test_folding_keeps_the_supercell_forces():
    """Summed over images, Phi is what the supercell gave."""
    cell, positions, numbers, _, potential = case("l1_0 emt")
    atoms, cells = supercell(cell, positions, numbers, potential, SMALLEST_SUPERCELL)
    raw = finite_differences(atoms, 2, 0.01).transpose(0, 3, 4, 1, 2)
    counts, _ = repeats(cell, positions, potential, SMALLEST_SUPERCELL)
    found = fold(raw, cells, cell, positions, counts)
    summed = np.zeros_like(raw)
    home = np.ravel_multi_index(tuple(np.mod(found.cells, counts).T), counts)
    np.add.at(summed, home, found.phi)
    np.testing.assert_allclose(summed, raw, atol=1e-8)


def test_atoms_off_their_sites_are_rejected():
    cell, positions, numbers, _, potential = case("hcp lennard_jones")
    positions[1, 2] += 0.05
    with pytest.raises(Rejected) as caught:
        force_constants(cell, positions, numbers, potential, 0.01)
    assert caught.value.reason == RESIDUAL_FORCES
