"""Springs: Phi against second differences of the energy and against phonopy; no imaginary modes."""

import numpy as np
import pytest
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

from ephforge.core.realspace import ForceConstants
from ephforge.lattice import keating
from ephforge.lattice.neighbours import pairs_within
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import structure
from ephforge.lattice.spring_laws import keating as draw_keating
from ephforge.phonons.modes import energies_at
from ephforge.phonons.sum_rules import acoustic_sum

THZ = 4.135667696e-3  # eV
PARAMETERS = {
    "start": 2.4, "spring": [[5.0, 6.0], [6.0, 4.0]], "decay": 6.0, "reach": 2.3,
    "bend": [0.6, 0.4], "balance": [0.3, 0.2],
}  # fmt: skip
STEP = 1e-3


def case(name):
    prototype = PROTOTYPES[name]
    cell, positions = structure(prototype, 2.4 / prototype.neighbour)
    return cell, positions, np.array(prototype.species)


def forces(springs, cell, positions):
    found = np.empty_like(positions)
    for s, c in np.ndindex(positions.shape):
        sides = []
        for sign in (1, -1):
            moved = positions.copy()
            moved[s, c] += sign * STEP / 10
            sides.append(keating.energy(springs, cell, moved))
        found[s, c] = -(sides[0] - sides[1]) * 5 / STEP
    return found


@pytest.mark.parametrize("name", ["wurtzite", "honeycomb_layer", "triclinic_pair", "cuprite"])
def test_force_constants_are_second_differences_of_the_energy(name):
    """Of waves at q = 0, and of a strained crystal's energy at rest being lowest."""
    cell, positions, species = case(name)
    parameters = PARAMETERS
    if name == "triclinic_pair":
        parameters = PARAMETERS | {
            "spring": np.full((3, 3), 5.0).tolist(), "bend": [0.5] * 3, "balance": [0.2] * 3
        }  # fmt: skip
    springs = keating.network(cell, positions, species, parameters)
    assert keating.energy(springs, cell, positions) == pytest.approx(0, abs=1e-20)
    found, polar = keating.force_constants(cell, positions, species, parameters)
    assert polar is None
    assert np.abs(acoustic_sum(found)).max() < 1e-12
    total = found.phi.sum(axis=0)
    for t, d in list(np.ndindex(positions.shape))[:: max(1, len(positions) - 1)]:
        sides = []
        for sign in (1, -1):
            moved = positions.copy()
            moved[t, d] += sign * STEP
            sides.append(forces(springs, cell, moved))
        np.testing.assert_allclose(
            total[:, :, t, d], -(sides[0] - sides[1]) / (2 * STEP), atol=1e-4
        )


def test_turning_a_crystal_costs_nothing():
    cell, positions, species = case("honeycomb_layer")
    springs = keating.network(cell, positions, species, PARAMETERS)
    assert springs.balance_s.min() > 0
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    assert keating.energy(springs, cell @ turn, positions @ turn) == pytest.approx(0, abs=1e-18)


def test_diamond_against_phonopy():
    """phonopy's own displacements of a 3 x 3 x 3 supercell, with forces of the energy there."""
    cell, positions, species = case("diamond")
    short = PARAMETERS | {"reach": 2.0}
    masses = np.array([20.0, 20.0])
    unit = PhonopyAtoms(numbers=[14, 14], masses=masses, cell=cell, positions=positions)
    phonon = Phonopy(unit, supercell_matrix=np.eye(3, dtype=int) * 3, primitive_matrix=np.eye(3))
    phonon.generate_displacements(distance=STEP)
    large = phonon.supercell
    springs = keating.network(
        large.cell, large.positions, np.zeros(len(large.positions), int), short
    )
    phonon.forces = [
        forces(springs, large.cell, moved.positions)
        for moved in phonon.supercells_with_displacements
    ]
    phonon.produce_force_constants()
    phonon.symmetrize_force_constants()
    q = np.random.default_rng(1).uniform(-0.5, 0.5, size=(5, 3))
    phonon.run_qpoints(q)
    expected = np.sort(phonon.qpoints.frequencies, axis=1) * THZ
    found, _ = keating.force_constants(cell, positions, species, short)
    np.testing.assert_allclose(energies_at(q, found, masses), expected, atol=1e-5)


@pytest.mark.parametrize("name", sorted(PROTOTYPES))
def test_no_structure_has_imaginary_modes(name):
    prototype = PROTOTYPES[name]
    drawn = draw_keating(np.random.default_rng(2), prototype)
    cell, positions = structure(prototype, drawn["start"] / prototype.neighbour)
    found, _ = keating.force_constants(cell, positions, np.array(prototype.species), drawn)
    assert lowest(found) > -1e-9


def lowest(found: ForceConstants) -> float:
    q = np.random.default_rng(3).uniform(-0.5, 0.5, size=(6, 3))
    phase = np.exp(2j * np.pi * q @ found.cells.T)
    size = 3 * found.phi.shape[1]
    return np.linalg.eigvalsh(
        (phase @ found.phi.reshape(len(phase.T), -1)).reshape(-1, size, size)
    ).min()


def test_pairs_within_a_distance():
    """Against a plain search, on a skew cell with atoms outside it."""
    cell = np.array([[2.0, 0.3, 0.1], [0.5, 2.2, -0.4], [0.9, 0.8, 3.0]])
    positions = np.array([[0.1, 0.2, 0.3], [3.3, -1.2, 4.0]])
    found = pairs_within(cell, positions, 4.1)
    steps = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for i, j in np.ndindex(2, 2):
        vectors = positions[j] + steps @ cell - positions[i]
        r = np.linalg.norm(vectors, axis=1)
        mine = found.take((found.i == i) & (found.j == j))
        assert len(mine.i) == np.sum((r < 4.1) & (r > 1e-6)) > 10
        np.testing.assert_allclose(
            mine.vector, positions[j] + mine.cell @ cell - positions[i], atol=1e-12
        )
    assert np.all(np.diff(found.i) >= 0)
