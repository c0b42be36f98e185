"""Linewidths and mobility of carriers against closed forms, loops and finite differences."""

from pathlib import Path

import numpy as np
import pytest
import scipy.special

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    Model,
    WannierCoupling,
    read_model,
)
from ephforge.core.symmetry import reciprocal_operations
from ephforge.core.units import HBAR2_PER_DALTON, KELVIN
from ephforge.coupling.points import at_points
from ephforge.observables import paths
from ephforge.observables.carriers import averaged, carriers, mobility, slopes_squared
from ephforge.observables.fermi import filled_slope, tetrahedra
from ephforge.observables.mesh import irreducible
from ephforge.observables.scattering import linewidths

SHIPPED = Path(__file__).parents[2] / "resources/first_principles"
SIDE, HOPPING = 3.2, -0.4  # angstrom, eV
SPRING, MASS, SLOPE = 2.5, 20.0, 1.7  # eV/angstrom^2, dalton, eV/angstrom


def cubic() -> Model:
    """E = 2 t sum cos, atoms that swing alone, dH/du_x = slope on the atom's own orbital."""
    cells = np.concatenate([np.zeros((1, 3), int), np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    energy = np.full((7, 1, 1), HOPPING)
    energy[0] = 0
    crystal = Crystal(SIDE * np.eye(3), np.zeros((1, 3)), np.array([6]), np.array([MASS]))
    phi = np.zeros((1, 1, 3, 1, 3))
    phi[0, 0, :, 0, :] = SPRING * np.eye(3)
    g = np.zeros((1, 1, 3, 1, 1, 1), complex)
    g[0, 0, 0] = SLOPE
    home = np.zeros((1, 3), int)
    return Model(
        "cubic", crystal, Hopping(cells, energy, np.zeros(1, int), np.zeros((1, 3))),
        ForceConstants(home, phi), WannierCoupling(home, home, g),
    )  # fmt: skip


@pytest.fixture(scope="module")
def polar():
    return read_model(read(SHIPPED / "alas_2.nc", "model"))


@pytest.mark.parametrize("temperature", [300.0, 1000.0])
def test_mobility_of_a_cosine_band_of_one_lifetime(temperature):
    """e tau / m times I1(z) / I0(z), z = 2 t / k_B T: 1 where the band is a parabola."""
    model, width, mesh = cubic(), 0.013, (40, 40, 40)
    found = carriers(model.hopping, mesh, 0, False, 10.0)
    square_kn = slopes_squared(model.hopping, model.crystal.cell, found)
    width_kn = np.full(square_kn.shape, width)
    weight_k = np.ones(len(square_kn))
    z = 2 * abs(HOPPING) / (KELVIN * temperature)
    curvature = 2 * abs(HOPPING) * SIDE**2  # hbar^2 / m, eV angstrom^2
    # hbar e / (m Gamma), and hbar = 6.582e-16 eV s
    drude = curvature / width / 6.582119569e-16 * 1e-16
    expected = drude * scipy.special.ive(1, z) / scipy.special.ive(0, z)
    value = mobility(found, square_kn, width_kn, weight_k, temperature)
    assert value == pytest.approx(expected, rel=1e-6)
    if temperature < 400:
        assert value == pytest.approx(drude, rel=0.02)  # parabolic


def test_mobility_does_not_feel_which_points_stand_for_others(polar):
    mesh = (12, 12, 12)
    found = carriers(polar.hopping, mesh, 4, True, 3.0)
    square_kn = slopes_squared(polar.hopping, polar.crystal.cell, found)
    every = mobility(found, square_kn, 0.01 + found.energy_kn, np.ones(len(square_kn)), 1500.0)
    crystal = polar.crystal
    operations_g33 = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    number_q, weight_q = irreducible(operations_g33, mesh)
    place_k = np.ravel_multi_index(found.index_k3.T, mesh)
    own_k = np.flatnonzero(np.isin(place_k, number_q))
    few = found.take(own_k)
    weight_k = weight_q[np.searchsorted(number_q, place_k[own_k])]
    assert len(own_k) < len(place_k) / 10
    value = mobility(few, square_kn[own_k], 0.01 + few.energy_kn, weight_k, 1500.0)
    assert value == pytest.approx(every, rel=1e-5)


def test_einstein_phonons_scatter_into_the_density_of_states():
    """2 pi g^2 [n N(E + w) + (n + 1) N(E - w)], N from tetrahedra, not Gaussians."""
    model, mesh, temperature = cubic(), (24, 24, 24), 500.0
    phonon = np.sqrt(HBAR2_PER_DALTON * SPRING / MASS)
    square = SLOPE**2 * HBAR2_PER_DALTON / (2 * MASS * phonon)
    every = carriers(model.hopping, mesh, 0, False, 10.0)
    some = every.take(np.array([40, 333, 2000]))
    found = linewidths(model, some, every, [0.08], temperature, 1e-4)[0, :, 0]
    number = 1 / np.expm1(phonon / (KELVIN * temperature))
    corners = tetrahedra(every.energy_kn, mesh)
    for energy, width in zip(some.energy_kn[:, 0], found, strict=True):
        up, down = (filled_slope(corners, energy + way * phonon) for way in (1, -1))
        expected = 2 * np.pi * square * (number * up + (number + 1) * down)
        assert width == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("is_hole", [True, False])
def test_linewidths_are_the_sum_over_all_states(polar, is_hole):
    """Couplings from the kernel of the maps, one q after the other; the dipole field included."""
    mesh, temperature, widths = (4, 4, 4), 700.0, [0.1, 0.3]
    filled = 4 if is_hole else 0
    every = carriers(polar.hopping, mesh, filled, is_hole, 100.0)
    assert len(every.index_k3) == 64
    some = every.take(np.array([7, 27]))
    found = linewidths(polar, some, every, widths, temperature, 1e-3)
    q = mesh_points(mesh)
    k = some.index_k3 / 4
    truth = at_points(polar, k, q, 1e-3)
    sign = -1 if is_hole else 1
    for b, width in enumerate(widths):
        expected = np.zeros((2, 4))
        for number_q in range(64):
            for v, energy in enumerate(truth.frequency_q[number_q]):
                if energy < 1e-3:
                    continue
                phonons = 1 / np.expm1(energy / (KELVIN * temperature))
                for number_k in range(2):
                    final_m = truth.energy_kq[number_q, number_k]
                    rise_mn = sign * (final_m[:, None] - truth.energy_k[number_k])
                    both = phonons * np.exp(-(((rise_mn - energy) / width) ** 2) / 2)
                    both += (phonons + 1) * np.exp(-(((rise_mn + energy) / width) ** 2) / 2)
                    both /= width * np.sqrt(2 * np.pi)
                    square_mn = np.abs(truth.g[number_q, number_k, v]) ** 2
                    expected[number_k] += 2 * np.pi / 64 * np.sum(square_mn * both, axis=0)
        np.testing.assert_allclose(found[b], averaged(expected, some.energy_kn), rtol=1e-6)


def test_slopes_are_finite_differences(polar):
    found = carriers(polar.hopping, (5, 5, 5), 4, True, 100.0).take(np.array([38, 57]))
    square_kn = slopes_squared(polar.hopping, polar.crystal.cell, found)
    step, k = 1e-4, found.index_k3 / 5
    total = 0.0
    for direction in np.eye(3):
        shift = step * direction @ polar.crystal.cell.T / (2 * np.pi)  # fractional
        both = [paths.bands(polar, k + way * shift) for way in (1, -1)]
        total = total + ((both[0] - both[1]) / (2 * step)) ** 2
    gaps = np.diff(np.sort(found.energy_kn, axis=1))
    assert gaps.min() > 1e-2  # else bands have no slope of their own
    np.testing.assert_allclose(square_kn, total, rtol=1e-4)


def test_degenerate_bands_share_without_a_gauge(polar):
    found = carriers(polar.hopping, (6, 6, 6), 4, True, 100.0)
    twofold = np.flatnonzero(np.any(np.abs(np.diff(found.energy_kn)) < 1e-6, axis=1))[1:3]
    some = found.take(twofold)
    turned = some.vector_kan.copy()
    for k, energy_n in enumerate(some.energy_kn):
        first = int(np.argmin(np.abs(np.diff(energy_n))))
        mix = np.linalg.qr(np.random.default_rng(k).normal(size=(2, 2)))[0]
        turned[k][:, first : first + 2] = turned[k][:, first : first + 2] @ mix
    before, after = (
        slopes_squared(polar.hopping, polar.crystal.cell, x)
        for x in (some, some._replace(vector_kan=turned))
    )
    np.testing.assert_allclose(before, after, rtol=1e-8)


def test_a_side_without_bands_is_refused(polar):
    with pytest.raises(EphforgeError, match="no band is left for electrons"):
        carriers(polar.hopping, (2, 2, 2), 4, False, 1.0)
