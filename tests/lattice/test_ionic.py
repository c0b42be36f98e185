"""Ions: Madelung constants, a plain sum, LO-TO splitting, independence of the damping."""

import itertools

import numpy as np
import pytest

from ephforge.core.realspace import Crystal
from ephforge.core.units import COULOMB, HBAR2_PER_DALTON
from ephforge.lattice import ewald, ionic, polar
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import structure
from ephforge.lattice.spring_laws import ionic as draw_ionic

MASSES = np.array([24.0, 17.0])
# -E r0 / e^2 per formula unit with the shortest distance r0
MADELUNG = {
    "rocksalt": ([1, -1], 1.74756459463318),
    "cscl": ([1, -1], 1.76267477307099),
    "zincblende": ([1, -1], 1.63805505338879),
    "fluorite": ([2, -1], 5.03878488),
}
PARAMETERS = {
    "charges": [1.7, -1.7],
    "dielectric": 2.6,
    "distance": [[2.0, 2.5], [2.5, 2.4]],
    "rho": 2.5 / 10,
    "repulsion": 1.0,
}


def coulomb_alone(charges):
    count = len(charges)
    return {
        "charges": charges,
        "dielectric": 1.0,
        "distance": [[1.0] * count] * count,
        "rho": 0.1,
        "repulsion": 0.0,
    }


@pytest.mark.parametrize("name", MADELUNG)
def test_madelung_constants(name):
    charges, expected = MADELUNG[name]
    cell, positions = structure(PROTOTYPES[name], 2.3 / PROTOTYPES[name].neighbour)
    species = np.array(PROTOTYPES[name].species)
    value, _, stress = ionic.energy_forces_stress(cell, positions, species, coulomb_alone(charges))
    assert -value * 2.3 / COULOMB == pytest.approx(expected, abs=3e-9)
    # Euler: an energy of degree -1 in all lengths
    assert np.trace(stress) == pytest.approx(-value, rel=1e-12)


def test_energy_by_a_neutral_sum_over_shells_of_cells():
    """A cell without dipole and quadrupole, summed in real space: converges with its cube."""
    cell = np.diag([4.0, 4.4, 5.0])
    corners = np.array(list(itertools.product((0, 1), repeat=3)))
    charges = np.where(corners.sum(axis=1) % 2, -1.0, 1.0)
    positions = corners * np.array([1.7, 2.0, 2.3])  # eight charges, an octupole
    n = 9
    shifts = np.array(list(itertools.product(range(-n, n + 1), repeat=3))) @ cell
    between = positions[None] - positions[:, None]
    expected = 0.0
    for s, t in itertools.product(range(8), repeat=2):
        r = np.linalg.norm(shifts + between[s, t], axis=1)
        expected += COULOMB / 2 * charges[s] * charges[t] * np.sum(1 / r[r > 1e-9])
    species = (charges < 0).astype(int)
    value, _, _ = ionic.energy_forces_stress(cell, positions, species, coulomb_alone([1.0, -1.0]))
    assert value == pytest.approx(expected, abs=2e-4 * abs(expected))


def test_charged_cells_are_refused():
    with pytest.raises(ValueError, match="expected 0"):
        ionic.screened_charges(np.array([0, 1]), PARAMETERS | {"charges": [1.0, -0.5]})


def relaxed(name):
    cell, positions = structure(PROTOTYPES[name], 2.5 / PROTOTYPES[name].neighbour)
    species = np.array(PROTOTYPES[name].species)
    strength = ionic.balancing_repulsion(cell, positions, species, PARAMETERS)
    return cell, positions, species, PARAMETERS | {"repulsion": strength}


def eigenvalues(found, long_range, cell, positions, q):
    """omega^2 in eV^2 of one q."""
    crystal = Crystal(cell, positions, np.array([12, 8]), MASSES)
    total = np.einsum("r,rsctd->sctd", np.exp(2j * np.pi * found.cells @ q), found.phi)
    total = total + ewald.wave_force_constants(long_range, crystal, np.array([q], dtype=float))[0]
    root = np.repeat(np.sqrt(MASSES), 3)
    return HBAR2_PER_DALTON * np.linalg.eigvalsh(total.reshape(6, 6) / root[:, None] / root)


def test_balancing_repulsion_leaves_no_pressure():
    *arguments, parameters = relaxed("rocksalt")
    _, forces, stress = ionic.energy_forces_stress(*arguments, parameters)
    assert np.abs(stress).max() < 1e-12
    assert np.abs(forces).max() < 1e-12


@pytest.mark.parametrize("name", ["rocksalt", "zincblende"])
@pytest.mark.parametrize("direction", [(1, 0, 0), (1, 1, 0), (0.3, -0.5, 0.8)])
def test_longitudinal_modes_lie_above_transverse_ones(name, direction):
    """omega_LO^2 - omega_TO^2 = 4 pi e^2 Z^2 / (eps mu V), the same along all q -> 0."""
    *place, parameters = relaxed(name)
    found, long_range = ionic.force_constants(*place, parameters)
    mu = 1 / np.sum(1 / MASSES)
    volume = abs(np.linalg.det(place[0]))
    stiffness = 4 * np.pi * COULOMB * 1.7**2 / (2.6 * volume)
    expected = HBAR2_PER_DALTON * stiffness / mu
    at = eigenvalues(found, long_range, *place[:2], 1e-5 * np.array(direction))
    transverse = eigenvalues(found, long_range, *place[:2], np.zeros(3))[3:]
    np.testing.assert_allclose(transverse, transverse[0], rtol=1e-9)
    assert transverse[0] > 0
    np.testing.assert_allclose(at[3:5], transverse[:2], rtol=1e-6)
    assert at[5] - transverse[2] == pytest.approx(expected, rel=1e-6)
    # Lyddane, Sachs and Teller: the same ratio is eps_0 / eps_inf, eps_0 from a static field
    static = 2.6 + 4 * np.pi * COULOMB * 1.7**2 / volume / (mu * transverse[0] / HBAR2_PER_DALTON)
    assert at[5] / transverse[2] == pytest.approx(static / 2.6, rel=1e-6)


@pytest.mark.parametrize("factor", [0.8, 1.5])
def test_phonons_do_not_depend_on_the_damping(factor):
    *place, parameters = relaxed("zincblende")
    place[1] = place[1] + np.array([[0, 0, 0], [0.1, -0.05, 0.2]])
    eta = ewald.damping(place[0])
    for q in ([0.21, -0.4, 0.37], [0, 0, 0], [1e-4, 0, 0]):
        usual = eigenvalues(*ionic.force_constants(*place, parameters), *place[:2], np.array(q))
        other = ionic.force_constants(*place, parameters, eta * factor)
        difference = eigenvalues(*other, *place[:2], np.array(q)) - usual
        assert np.abs(difference).max() < 1e-10 * np.abs(usual).max()


def test_charges_on_springs_are_those_of_ions():
    """polar - keating = ionic without repulsion: the same dipoles."""
    cell, positions, species, parameters = relaxed("rocksalt")
    springs = {
        "start": 2.5, "spring": [[3.0, 4.0], [4.0, 3.0]], "decay": 6.0, "reach": 2.3,
        "bend": [0.5, 0.3], "balance": [0.2, 0.2],
    }  # fmt: skip
    with_charges, long_range = polar.force_constants(cell, positions, species, parameters | springs)
    without, nothing = polar.keating.force_constants(cell, positions, species, springs)
    ions, same = ionic.force_constants(cell, positions, species, parameters | {"repulsion": 0.0})
    assert nothing is None
    assert long_range.ewald == same.ewald
    np.testing.assert_array_equal(long_range.born, same.born)
    phi = {tuple(cell): block for cell, block in zip(ions.cells.tolist(), ions.phi, strict=True)}
    for cell_3, block in zip(without.cells.tolist(), without.phi, strict=True):
        phi[tuple(cell_3)] = phi.get(tuple(cell_3), 0) + block
    for cell_3, block in zip(with_charges.cells.tolist(), with_charges.phi, strict=True):
        np.testing.assert_allclose(block, phi.pop(tuple(cell_3)), atol=1e-12)
    assert not phi


@pytest.mark.parametrize("name", ["perovskite", "rutile", "wurtzite"])
def test_drawn_ions_are_neutral_and_without_pressure(name):
    prototype = PROTOTYPES[name]
    drawn = draw_ionic(np.random.default_rng(4), prototype)
    cell, positions = structure(prototype, drawn["start"] / prototype.neighbour)
    species = np.array(prototype.species)
    _, _, stress = ionic.energy_forces_stress(cell, positions, species, drawn)
    assert abs(np.trace(stress)) < 1e-10
    assert drawn["repulsion"] > 0
