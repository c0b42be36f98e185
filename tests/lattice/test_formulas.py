"""Potentials with formulas: Phi against displaced supercells, energies against other codes."""

import warnings

import numpy as np
import pytest
from ase import Atoms
from matscipy.calculators.manybody import Manybody
from matscipy.calculators.manybody.explicit_forms import stillinger_weber, tersoff_brenner
from test_forces import CASES, triclinic

from ephforge.core.realspace import Crystal
from ephforge.lattice import spring_laws
from ephforge.lattice.asap import Potential
from ephforge.lattice.ewald import wave_force_constants
from ephforge.lattice.force_constants import FORMULAS
from ephforge.lattice.forces import energy, energy_and_forces, species_of
from ephforge.phonons.sum_rules import acoustic_sum

STEP = 1e-4  # angstrom
LOCAL = ("stillinger_weber", "tersoff", "eam", "ionic")
SILICON = {"epsilon": [[2.1683]], "sigma": [[2.0951]], "bend": [21 * 2.1683], "cosine": [-1 / 3]}


def at_q(found, polar, cell, positions, q):
    """sum_R e^{2 pi i q.R} Phi(R), and the dipole part."""
    total = np.einsum("r,rsctd->sctd", np.exp(2j * np.pi * found.cells @ q), found.phi)
    if polar is not None:
        crystal = Crystal(cell, positions, np.ones(len(positions), int), np.ones(len(positions)))
        total = total + wave_force_constants(polar, crystal, np.array([q], dtype=float))[0]
    return total


def frozen_wave(cell, positions, numbers, potential):
    """-dF/du of a wave at q = (1/2, 0, 0), by forces of a doubled cell."""
    doubled = np.diag([2, 1, 1]) @ cell
    both = np.concatenate([positions, positions + cell[0]])
    expected = np.zeros((len(numbers), 3, len(numbers), 3))
    for t, d in np.ndindex(positions.shape):
        for sign in (1, -1):
            moved = both.copy()
            moved[t, d] += sign * STEP
            moved[len(numbers) + t, d] -= sign * STEP
            forces = energy_and_forces(doubled, moved, np.tile(numbers, 2), potential)[1]
            expected[:, :, t, d] -= sign * forces[: len(numbers)] / (2 * STEP)
    return expected


@pytest.mark.parametrize("name", LOCAL)
def test_force_constants_against_a_frozen_wave(name):
    numbers, length, parameters = CASES[name]
    cell, positions = triclinic(length)
    species = species_of(np.array(numbers))
    found, polar = FORMULAS[name].force_constants(cell, positions, species, parameters)
    expected = frozen_wave(cell, positions, np.array(numbers), Potential(name, parameters))
    ours = at_q(found, polar, cell, positions, [0.5, 0, 0])
    assert np.abs(ours).max() > 0.3
    np.testing.assert_allclose(ours, expected, atol=2e-6 * np.abs(expected).max())


@pytest.mark.parametrize("name", LOCAL)
def test_sum_rules(name):
    numbers, length, parameters = CASES[name]
    species = species_of(np.array(numbers))
    found, _ = FORMULAS[name].force_constants(*triclinic(length), species, parameters)
    number = {tuple(cell): i for i, cell in enumerate(found.cells.tolist())}
    for i, cell in enumerate(found.cells.tolist()):
        back = found.phi[number[tuple(-x for x in cell)]].transpose(2, 3, 0, 1)
        np.testing.assert_allclose(found.phi[i], back, atol=1e-12)
    assert np.abs(acoustic_sum(found)).max() < 1e-11


def test_stillinger_weber_silicon_against_matscipy():
    cell, positions = triclinic(2.35)
    atoms = Atoms("Si2", cell=cell, positions=positions, pbc=True)
    published = stillinger_weber.Stillinger_Weber_PRB_31_5262_Si
    atoms.calc = Manybody(**stillinger_weber.StillingerWeber(published))
    potential = Potential("stillinger_weber", SILICON)
    value, forces = energy_and_forces(cell, positions, atoms.numbers, potential)
    assert value == pytest.approx(atoms.get_potential_energy(), rel=1e-11)
    np.testing.assert_allclose(forces, atoms.get_forces(), atol=1e-10)


def test_stillinger_weber_silicon_has_its_published_crystal():
    """a = 5.431 angstrom; -2 epsilon per atom, the bonds' depths, for the ideal angles."""
    fcc = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2

    def per_atom(a):
        positions = np.array([[0, 0, 0], [a / 4, a / 4, a / 4]])
        potential = Potential("stillinger_weber", SILICON)
        return energy(a * fcc, positions, np.array([14, 14]), potential) / 2

    lengths = np.linspace(5.40, 5.46, 61)
    values = [per_atom(a) for a in lengths]
    assert lengths[np.argmin(values)] == pytest.approx(5.431, abs=1.1e-3)
    assert min(values) == pytest.approx(-2 * 2.1683, abs=1e-5)


@pytest.mark.parametrize(("bond", "which"), [(1.54, 0), (2.35, 1)])
def test_tersoff_parameters_are_those_of_matscipy(bond, which):
    """Importing matscipy for them would be half of the start-up of a lattice job."""
    published = tersoff_brenner.Tersoff_PRB_39_5566_Si_C
    names = {"R": "r1", "S": "r2"}
    for key, value in spring_laws._TERSOFF[bond].items():
        found = published[names.get(key, key)]
        assert value == found[which * (2 if len(found) == 3 else 1)]


@pytest.mark.parametrize("symbols", ["C2", "CSi", "Si2"])
def test_tersoff_against_matscipy(symbols):
    published = tersoff_brenner.Tersoff_PRB_39_5566_Si_C
    names = {"A": "A", "B": "B", "lambda": "lambda", "mu": "mu", "chi": "chi", "R": "r1", "S": "r2"}
    atoms = Atoms(symbols)
    kinds = [published["el"].index(x) for x in dict.fromkeys(atoms.get_chemical_symbols())]
    parameters = {
        key: [[published[name][i + j] for j in kinds] for i in kinds] for key, name in names.items()
    } | {key: [published[key][i] for i in kinds] for key in ("beta", "n", "c", "d", "h")}
    cell, positions = triclinic({"C2": 1.6, "CSi": 1.9, "Si2": 2.4}[symbols])
    atoms.set_cell(cell)
    atoms.set_positions(positions)
    atoms.pbc = True
    atoms.calc = Manybody(**tersoff_brenner.TersoffBrenner(published))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matscipy's own, about unused powers
        expected, expected_forces = atoms.get_potential_energy(), atoms.get_forces()
    value, forces = energy_and_forces(
        cell, positions, atoms.numbers, Potential("tersoff", parameters)
    )
    assert value == pytest.approx(expected, abs=1e-10)
    np.testing.assert_allclose(forces, expected_forces, atol=1e-9)


def test_eam_by_a_plain_sum():
    numbers, length, p = CASES["eam"]
    cell, positions = triclinic(length)
    shifts = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), -1).reshape(-1, 3) @ cell
    expected = 0.0
    for s in range(2):
        pair, density = 0.0, 0.0
        for t in range(2):
            for r in np.linalg.norm(positions[t] + shifts - positions[s], axis=1):
                if 1e-9 < r < p["reach"]:
                    ratio, window = p["a"][s][t] / r, (1 - (r / p["reach"]) ** 2) ** 3
                    pair += p["epsilon"][s][t] * ratio ** p["n"] * window / 2
                    density += ratio ** p["m"] * window
        expected += pair - p["c"][s] * density ** p["embedding"]
    value = energy(cell, positions, np.array(numbers), Potential("eam", p))
    assert value == pytest.approx(expected, abs=1e-12)
