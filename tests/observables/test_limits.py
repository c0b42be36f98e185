"""Small q: the polar limit in closed form, exponents, and the sum rule of translations."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from analytic import Dimers, as_wannier
from conftest import ROOT

from ephforge.core.netcdf import read
from ephforge.core.realspace import WannierCoupling, read_model
from ephforge.core.units import COULOMB
from ephforge.observables import limits, paths

SIZES = np.geomspace(1e-3, 0.1, 9)
WINDOW = (0.03, 0.1)


@cache
def shipped(name: str):
    return read_model(read(ROOT / f"resources/first_principles/{name}.nc", "model"))


@cache
def small_q(name: str) -> limits.SmallQ:
    return limits.small_q(shipped(name), SIZES)


@pytest.mark.parametrize("name", ["alas_4", "sic_4"])
def test_the_polar_coupling_is_froehlichs(name):
    """g^2 q^2 = 2 pi e^2 E_LO (1/eps_inf - 1/eps_0) / volume, with eps_0 / eps_inf = (LO/TO)^2.

    The Lyddane-Sachs-Teller form knows nothing of charges and masses.
    """
    model = shipped(name)
    found = small_q(name)
    transverse, longitudinal = found.energy_dqv[0, 0, [3, 5]]
    dielectric = model.long_range.dielectric[0, 0]
    inverse = (1 - (transverse / longitudinal) ** 2) / dielectric
    volume = abs(np.linalg.det(model.crystal.cell))
    expected = np.sqrt(2 * np.pi * COULOMB * longitudinal * inverse / volume)
    analytic = limits.polar_constants(model)
    np.testing.assert_allclose(analytic[:, 5], expected, rtol=1e-3)
    np.testing.assert_allclose(analytic[:, :5], 0, atol=1e-6 * expected)
    # and the interpolated coupling, in all three directions, tends to it: better than 1 %
    np.testing.assert_allclose(found.strength_dqv[:, 0, 5] * SIZES[0], expected, rtol=1e-3)


def test_piezoelectric_modes_of_a_zincblende_grow_and_the_others_vanish():
    """Strain e_xy polarises it along z: no field of any mode along [100], of the transverse
    one polarised along z for [110], of the longitudinal one for [111]."""
    found = limits.acoustic_exponents(small_q("alas_4"), WINDOW)
    np.testing.assert_allclose(found["upper"], [1, 1, -1], atol=0.2)
    np.testing.assert_allclose(found["lower"], [1, -1, 1], atol=0.4)


def test_couplings_of_sound_vanish_like_q_in_silicon():
    model = shipped("si_4")
    found = limits.acoustic_exponents(small_q("si_4"), WINDOW)
    np.testing.assert_allclose(found["upper"], 1, atol=0.08)
    np.testing.assert_allclose(found["lower"], 1, atol=0.15)
    moved = limits.translation(model)
    assert moved.single > 1
    assert moved.diagonal < 1e-5


def test_the_translation_sum_sees_a_wrong_coupling():
    """Dimers obey it exactly; an on-site term that moves with one atom only does not."""
    model = as_wannier(Dimers().model())
    exact = limits.translation(model)
    assert exact.diagonal < 1e-12
    assert exact.single > 0.1
    coupling = model.coupling
    home = np.flatnonzero(np.all(coupling.phonon_cells == 0, axis=1))[0]
    g = coupling.g.copy()
    g[home, 0, 1, home] += 0.25 * np.eye(2)
    spoilt = WannierCoupling(coupling.phonon_cells, coupling.electron_cells, g)
    assert limits.translation(replace(model, coupling=spoilt)).diagonal == pytest.approx(0.25)


def test_phonons_near_gamma_are_those_of_the_dispersions():
    model = shipped("alas_4")
    found = small_q("alas_4")
    for unit, energy_qv in zip(limits.unit_vectors(), found.energy_dqv, strict=True):
        q = SIZES[:, None] * unit @ model.crystal.cell.T / (2 * np.pi)
        np.testing.assert_allclose(paths.phonons(model, q), energy_qv, atol=1e-9)
