"""Fermi level and density of states against closed forms of chains and cubic lattices."""

import numpy as np
import pytest
from analytic import Chain

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Hopping
from ephforge.observables.fermi import delta, fermi_level, filled_share, filled_slope, tetrahedra
from ephforge.observables.mesh import states

HOP = -0.7  # eV


def simple_cubic() -> Hopping:
    """E(k) = 2 t (cos x + cos y + cos z)."""
    cells = np.vstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    energy = np.full((6, 1, 1), HOP)
    return Hopping(cells, energy, np.zeros(1, int), np.zeros((1, 3)))


def cubic_share(energy: float, points: int = 800) -> float:
    """Share of the zone below an energy: one direction in closed form, two by midpoints."""
    cosine = 2 * HOP * np.cos(np.pi * (np.arange(points) + 0.5) / points)
    rest = energy - cosine[:, None] - cosine[None, :]
    return float(np.mean(1 - np.arccos(np.clip(rest / (2 * abs(HOP)), -1, 1)) / np.pi))


@pytest.mark.parametrize("electrons", [0.3, 0.7, 1.1, 1.6])
def test_a_chain_is_filled_to_its_fermi_wave_vector(electrons):
    """k_F = pi n / 2: E_F = -2|t| cos k_F and N_F = 1 / (2 pi |t| sin k_F)."""
    hop = abs(Chain.hopping)
    found = fermi_level(Chain().model().hopping, electrons, (2000, 1, 1))
    angle = np.pi * electrons / 2
    assert found.energy == pytest.approx(-2 * hop * np.cos(angle), abs=1e-4)
    assert found.density == pytest.approx(1 / (2 * np.pi * hop * np.sin(angle)), rel=5e-3)


@pytest.mark.parametrize("electrons", [0.2, 0.9, 1.5])
def test_a_cubic_lattice_is_filled_to_the_exact_level(electrons):
    found = fermi_level(simple_cubic(), electrons, (36, 36, 36))
    assert cubic_share(found.energy) == pytest.approx(electrons / 2, abs=1e-3)
    step = 0.05
    slope = (cubic_share(found.energy + step) - cubic_share(found.energy - step)) / (2 * step)
    assert found.density == pytest.approx(slope, rel=0.01)


def test_the_slope_is_the_derivative_of_the_share():
    """On random corners, ties among them: neighbouring branches must join smoothly."""
    generator = np.random.default_rng(3)
    corner_4t = np.sort(generator.uniform(0, 1, (4, 50)).round(1), axis=0)
    for energy in generator.uniform(0, 1, 20):
        step = 1e-6
        change = filled_share(corner_4t, energy + step) - filled_share(corner_4t, energy - step)
        assert filled_slope(corner_4t, energy) == pytest.approx(change / (2 * step), rel=1e-3)


def test_tetrahedra_and_gaussians_see_the_same_states():
    """Each cell is cut into six, and together they fill it: mean corner = mean energy."""
    mesh = (8, 6, 10)
    energy_kn, _ = states(simple_cubic(), mesh)
    corner_4t = tetrahedra(energy_kn, mesh)
    assert corner_4t.shape == (4, 6 * energy_kn.size)
    assert np.mean(corner_4t) == pytest.approx(np.mean(energy_kn), abs=1e-12)
    wide = np.linspace(-20, 20, 4001)
    assert np.trapezoid(delta(wide, 0.7), wide) == pytest.approx(1, abs=1e-10)
    assert np.trapezoid(wide**2 * delta(wide, 0.7), wide) == pytest.approx(0.49, abs=1e-10)


@pytest.mark.parametrize("electrons", [2.0, 5.0])
def test_too_many_electrons_are_one_clear_line(electrons):
    with pytest.raises(EphforgeError, match=rf"{electrons} electrons.*less than 2.*metals"):
        fermi_level(simple_cubic(), electrons, (4, 4, 4))
