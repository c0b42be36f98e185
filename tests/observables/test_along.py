"""Bands, phonons and |g| along a path: against sums of complex g, and against EPW's numbers."""

import numpy as np
import pytest
from conftest import ROOT

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.coupling.points import at_points
from ephforge.observables import along, paths

MODELS = ROOT / "resources/first_principles"
X, L = np.array([[0.5, 0.0, 0.5]]), np.array([[0.5, 0.5, 0.5]])


def model_of(name):
    return read_model(read(MODELS / f"{name}.nc", "model"))


def at(found, point_3):
    return np.flatnonzero(np.all(np.abs(found.path.point_k3 - point_3) < 1e-9, axis=1))


@pytest.fixture(scope="module")
def silicon():
    return along.along(model_of("si_2"), 40)


def test_energies_are_those_of_the_other_route(silicon):
    model = model_of("si_2")
    expected = paths.bands(model, silicon.path.point_k3)
    np.testing.assert_allclose(silicon.energy_kn, expected, atol=1e-9)
    is_off_gamma = np.any(np.abs(silicon.path.point_k3) > 1e-9, axis=1)
    expected = 1e3 * paths.phonons(model, silicon.path.point_k3)
    np.testing.assert_allclose(
        silicon.frequency_kv[is_off_gamma], expected[is_off_gamma], atol=1e-5
    )


def test_the_coupling_is_the_sum_over_bands(silicon):
    g_vmn = at_points(model_of("si_2"), np.zeros((1, 3)), X, 1e-4).g[0, 0]
    total = 1e6 * np.sum(np.abs(g_vmn) ** 2) / 4
    places = at(silicon, X[0])
    assert len(places)
    for place in places:
        assert np.sum(silicon.coupling_kv[place] ** 2) == pytest.approx(total, rel=1e-6)


def test_a_window_of_bands():
    found = along.along(model_of("si_2"), 10, window=(1, 3))
    # groups of degenerate states, 0 | 1 2 3 at Gamma and 0 | 1 | 2 3 at L: none is cut
    g_vmn = at_points(model_of("si_2"), np.zeros((1, 3)), L, 1e-4).g[0, 0][:, 1:, 1:]
    total = 1e6 * np.sum(np.abs(g_vmn) ** 2) / 3
    assert np.sum(found.coupling_kv[at(found, L[0])[0]] ** 2) == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("window", [(0, 4), (2, 1), (-1, 2)])
def test_a_wrong_window_is_refused(window):
    with pytest.raises(EphforgeError, match="expected two numbers from 1 to 4"):
        along.along(model_of("si_2"), 10, window=window)


def test_gamma_of_a_polar_material_is_left_out():
    found = along.along(model_of("mgo_4"), 12)
    gamma = at(found, np.zeros(3))
    assert np.all(np.isnan(found.coupling_kv[gamma]))
    # LO above TO, at Gamma as approached along the path
    assert found.frequency_kv[gamma[0], -1] > found.frequency_kv[gamma[0], -2] + 10


@pytest.mark.parametrize("suffix", along.FORMATS)
def test_pictures_are_of_their_format(silicon, tmp_path, suffix):
    path = tmp_path / f"si.{suffix}"
    along.draw("si_2", silicon, along.PANELS, path)
    first = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}[suffix]
    assert path.read_bytes().startswith(first)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_another_suffix_is_refused(silicon, tmp_path):
    with pytest.raises(EphforgeError, match=r"ends in \.png, \.pdf, \.svg"):
        along.draw("si_2", silicon, along.PANELS, tmp_path / "si.jpg")
