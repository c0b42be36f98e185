"""lambda and alpha2F against chains in closed form and brute force; T_c against elphmod."""

from dataclasses import replace

import elphmod
import numpy as np
import pytest
from analytic import Chain, as_wannier, fcc, springs

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import ForceConstants, Hopping, LongRange, Model, TwoCentreCoupling
from ephforge.core.units import HBAR2_PER_DALTON, KELVIN
from ephforge.coupling.points import at_points
from ephforge.observables import eliashberg
from ephforge.observables.fermi import FermiLevel, delta, fermi_level
from ephforge.observables.mesh import states

ELECTRONS = 0.7
ANGLE = np.pi * ELECTRONS / 2  # 2 pi k_F
DENSITY = 1 / (2 * np.pi * abs(Chain.hopping) * np.sin(ANGLE))


def chain(is_einstein: bool) -> Model:
    """The chain; as an Einstein crystal every atom is held in its place by the same spring."""
    model = as_wannier(Chain().model())
    if not is_einstein:
        return model
    phi = np.zeros_like(model.force_constants.phi)
    phi[1, 0, :, 0, :] = np.diag([Chain.spring, 40, 40])
    return replace(model, force_constants=ForceConstants(model.force_constants.cells, phi))


def couplings(model: Model, points: int, widths: list[float]) -> eliashberg.ModeCouplings:
    fermi = fermi_level(model.hopping, ELECTRONS, (1500, 1, 1))
    mesh = (points, 1, 1)
    return eliashberg.mode_couplings(model, fermi, mesh, mesh, widths, 1e-6)


@pytest.fixture(scope="module")
def einstein():
    return couplings(chain(True), 480, [0.04, 0.06])


def test_lambda_of_an_einstein_chain(einstein):
    """Only k_F -> -k_F couples: with E^2 = hbar^2 K/M, lambda = 8 N_F t'^2 sin^2(k_F) / K."""
    expected = 8 * DENSITY * Chain.slope**2 * np.sin(ANGLE) ** 2 / Chain.spring
    for b in range(2):
        assert eliashberg.summary(einstein, b).coupling == pytest.approx(expected, rel=0.01)


def test_lambda_of_a_chain_with_sound():
    """Forward scattering counts too: lambda = 2 N_F t'^2 (1 + cos^2 k_F) / K."""
    expected = 2 * DENSITY * Chain.slope**2 * (1 + np.cos(ANGLE) ** 2) / Chain.spring
    found = couplings(chain(False), 720, [0.04])
    # the point q = 0, left out, holds a share of the forward part that shrinks with the mesh
    assert eliashberg.summary(found, 0).coupling == pytest.approx(expected, rel=0.03)


def test_an_einstein_spectrum_is_one_peak(einstein):
    """alpha2F = lambda E_0 / 2 delta(E - E_0), so that 2 int alpha2F / E = lambda."""
    phonon = np.sqrt(HBAR2_PER_DALTON * Chain.spring / Chain.mass)
    average = eliashberg.summary(einstein, 0)
    assert average.energy_log == pytest.approx(phonon, rel=1e-9)
    assert average.energy_rms == pytest.approx(phonon, rel=1e-9)
    energy_e = np.linspace(0, 2 * phonon, 4001)
    spectrum_e = eliashberg.spectral_function(einstein, 0, energy_e, 0.02 * phonon)
    area = np.trapezoid(spectrum_e, energy_e)
    assert area == pytest.approx(average.coupling * phonon / 2, rel=1e-6)
    assert np.trapezoid(spectrum_e * energy_e, energy_e) / area == pytest.approx(phonon, rel=1e-6)
    running_e = eliashberg.running_coupling(energy_e, spectrum_e)
    assert running_e[-1] == pytest.approx(average.coupling, rel=1e-3)
    assert running_e[1000] == pytest.approx(0, abs=1e-9)


def crystal_model() -> Model:
    """An fcc metal of s orbitals on first and second neighbours, symmetric by construction."""
    crystal = fcc()
    constants = springs(crystal, 4.5)
    d_r3 = constants.cells @ crystal.cell
    length_r = np.linalg.norm(d_r3, axis=1)
    is_bond_r = length_r > 0
    energy_r = np.where(is_bond_r, -np.exp(-length_r / 2), 0)
    slope_r = np.where(is_bond_r, 0.5 * np.exp(-length_r / 2) / np.maximum(length_r, 1), 0)
    gradient = (slope_r[:, None] * d_r3)[:, :, None, None]
    hopping = Hopping(constants.cells, energy_r[:, None, None], np.zeros(1, int), np.zeros((1, 3)))
    return as_wannier(Model("fcc", crystal, hopping, constants, TwoCentreCoupling(gradient), None))


def brute_force(model: Model, fermi: FermiLevel, k_mesh, q_mesh, width: float) -> float:
    """lambda from couplings at every pair of points, without symmetry or a shell."""
    k, q = mesh_points(k_mesh), mesh_points(q_mesh)
    found = at_points(model, k, q, 1e-6)
    density = delta(states(model.hopping, k_mesh)[0] - fermi.energy, width).sum() / len(k)
    initial = delta(found.energy_k - fermi.energy, width)
    final = delta(found.energy_kq - fermi.energy, width)
    sums = np.einsum("qkvmn,kn,qkm->qv", np.abs(found.g) ** 2, initial, final) / len(k)
    moving = found.frequency_q > 1e-6
    ratio = np.where(moving, sums / np.where(moving, found.frequency_q, 1), 0)
    return float(2 * fermi.density / density**2 * ratio.sum() / len(q))


def test_shell_symmetry_and_fft_change_nothing():
    model = crystal_model()
    fermi = fermi_level(model.hopping, 0.8, (16, 16, 16))
    meshes = (6, 6, 6), (3, 3, 3)
    widths = [0.1, 0.2]
    found = eliashberg.mode_couplings(model, fermi, *meshes, widths, 1e-6)
    assert len(found.weight_q) < 10
    # of several broadenings the widest cuts the shell; beyond 4 widths 1e-4 of a Gaussian is left
    for b, width in enumerate(widths):
        expected = brute_force(model, fermi, *meshes, width)
        assert expected > 0.01
        assert eliashberg.summary(found, b).coupling == pytest.approx(expected, rel=2e-3)


def test_a_polar_material_is_no_metal():
    model = chain(True)
    polar = LongRange(np.zeros((1, 3, 3)), np.eye(3), (2, 2, 2), 5.0, "epw-5.3")
    with pytest.raises(EphforgeError, match=r"chain: polar.*observables\.metals"):
        eliashberg.mode_couplings(
            replace(model, long_range=polar), FermiLevel(0, 1), (4, 1, 1), (2, 1, 1), [0.1], 1e-6
        )


@pytest.mark.parametrize("strength", [0.4, 0.8, 1.5, 3.0])
@pytest.mark.parametrize("repulsion", [0.0, 0.1, 0.14])
def test_critical_temperature_is_that_of_elphmod(strength, repulsion):
    average = eliashberg.Summary(strength, 0.005, 0.006)
    expected = elphmod.eliashberg.Tc(strength, 0.005, repulsion, 0.006, correct=True)
    assert eliashberg.critical_temperature(average, repulsion) == pytest.approx(expected, rel=1e-6)


def test_critical_temperature_of_lead():
    """Tunnelling gives lambda = 1.55 and E_log = 56 K (Allen and Dynes); measured T_c 7.2 K."""
    average = eliashberg.Summary(1.55, 56 * KELVIN, 56 * KELVIN)
    assert eliashberg.critical_temperature(average, 0.105) == pytest.approx(7.2, rel=0.03)


def test_strong_repulsion_leaves_no_superconductor():
    assert eliashberg.critical_temperature(eliashberg.Summary(0.1, 0.02, 0.02), 0.12) == 0
