"""Ions against quadrature; free electrons, occupations and mixing against closed forms."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf
from three_centre_cases import compound, diamond, semiconductor

from ephforge.core.errors import EphforgeError
from ephforge.core.units import COULOMB
from ephforge.threecentre import ground
from ephforge.threecentre.ions import Ions, form
from ephforge.threecentre.mixing import settle
from ephforge.threecentre.occupations import fermi_dirac, occupy


@pytest.mark.parametrize("wave", [0.4, 1.7, 5.2])
def test_the_transform_of_an_ion_is_that_of_its_potential(wave):
    charge, core, width, smooth = 3.0, 0.6, 0.15, 0.5

    def rest(r):
        # v(r) less the field of a Gaussian charge: short-ranged, so quadrature can do it
        edges = erf((r + core) / np.sqrt(2) / width) + erf((r - core) / np.sqrt(2) / width)
        return -COULOMB * charge / r * (edges / 2 - erf(r / np.sqrt(2) / smooth))

    short, _ = quad(lambda r: 4 * np.pi * r * np.sin(wave * r) / wave * rest(r), 1e-9, 8, limit=400)
    long = -4 * np.pi * COULOMB * charge / wave**2 * np.exp(-((wave * smooth) ** 2) / 2)
    ions = Ions(np.array([charge]), np.array([core]), np.array([width]))
    assert form(np.array([wave]), ions)[0, 0] == pytest.approx(short + long, rel=1e-8)


def test_without_ions_or_interaction_electrons_are_free():
    matter = semiconductor()
    bare = matter._replace(
        ions=matter.ions._replace(core_s=np.full(2, np.pi / 2), width_s=np.full(2, 1e3)),
        reach=1e-12,
    )
    found = ground.solve(bare)
    lowest = sorted(
        ground.KINETIC / bare.mass * np.sum((g @ bare.waves.reciprocal_33) ** 2)
        for g in found.index_kg3[0]
    )
    np.testing.assert_allclose(found.energy_kn[0], lowest, atol=1e-9)


def test_the_density_is_that_of_all_electrons_and_the_potential_reproduces_itself():
    matter = compound()
    found = ground.solve(matter)
    wave_g3 = found.index_g3 @ matter.waves.reciprocal_33
    # the density in real space at a few points, from the states alone
    points = np.array([[0.1, 0.2, 0.3], [0.125, 0.125, 0.125], [0.6, 0.1, 0.9]])
    grid = np.stack(np.meshgrid(*[np.arange(12) / 12] * 3, indexing="ij"), -1).reshape(-1, 3)
    k_points = np.stack(np.unravel_index(np.arange(8), (2, 2, 2)), -1) / 2

    def density(r):
        total = np.zeros(len(r))
        for k, index, state in zip(k_points, found.index_kg3, found.state_kgn, strict=True):
            waves = np.exp(2j * np.pi * r @ (index + k).T) @ state[:, :4]
            total += 2 * np.sum(np.abs(waves) ** 2, axis=1) / 8 / matter.volume
        return total

    assert density(grid).mean() * matter.volume == pytest.approx(8, abs=1e-9)
    # n(G) by summing over a grid fine enough for all of them, then the potential at `points`
    n_g = np.exp(-2j * np.pi * found.index_g3 @ grid.T) @ density(grid) / len(grid)
    lengths = np.linalg.norm(wave_g3, axis=1)
    phases = np.exp(-1j * wave_g3 @ matter.crystal.positions.T)
    ions = np.sum(form(lengths, matter.ions).T * phases, axis=1) / matter.volume
    again = ions + ground.kernel(lengths, matter) * n_g
    there = np.exp(2j * np.pi * points @ found.index_g3.T)
    np.testing.assert_allclose(there @ again, there @ found.potential_g, atol=1e-7)


def test_occupations_hold_the_electrons():
    rng = np.random.default_rng(1)
    energies = [np.sort(rng.normal(size=9)) for _ in range(4)]
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    found, fermi = occupy(energies, weights, 7, 0.2)
    assert 2 * sum(w * f.sum() for w, f in zip(weights, found, strict=True)) == pytest.approx(7)
    assert fermi_dirac(np.array([fermi]), fermi, 0.2)[0] == 0.5
    np.testing.assert_allclose(found[0], 1 / (np.exp((energies[0] - fermi) / 0.2) + 1), rtol=1e-12)


def test_mixing_finds_a_fixed_point_that_iteration_runs_away_from():
    matrix = np.array([[-3.0, 0.5], [0.2, 1.8]])
    target = np.array([1.0 + 2j, -0.5 + 1j])
    found = settle(lambda v: target + matrix @ (v - target), np.zeros(2, complex))
    np.testing.assert_allclose(found, target, atol=1e-8)
    with pytest.raises(EphforgeError, match="still changes"):
        settle(lambda v: v + 1.0, np.zeros(1, complex))


def test_the_exchange_is_the_second_derivative_of_diracs_energy():
    matter = semiconductor()._replace(exchange=1.0)
    density, step = 8 / matter.volume, 1e-3 * 8 / matter.volume

    def energy(n):
        return -0.75 * (3 / np.pi) ** (1 / 3) * COULOMB * n ** (4 / 3)

    curvature = (energy(density + step) - 2 * energy(density) + energy(density - step)) / step**2
    length = np.array([1.5])
    coulomb = 4 * np.pi * COULOMB / length**2
    assert ground.kernel(length, matter)[0] - coulomb[0] == pytest.approx(curvature, rel=1e-5)
    assert diamond().positions[1] @ diamond().positions[1] == pytest.approx(2.4**2)
