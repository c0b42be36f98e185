"""Dispersions against what EPW printed; places on the path by symmetry."""

import numpy as np
import pytest
from analytic import fcc, zincblende
from conftest import ROOT

from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.observables import paths


@pytest.mark.parametrize("name", ["al_4", "alas_4", "si_4b8"])
def test_bands_and_phonons_are_those_that_epw_printed(name):
    contents = read(ROOT / f"resources/first_principles/{name}.nc", "model")
    model, found = read_model(contents), contents.variables
    bands = paths.bands(model, found["ref_k"])
    np.testing.assert_allclose(bands, found["ref_bands_k"], atol=6e-5)
    phonons = 1e3 * paths.phonons(model, found["ref_q"])
    np.testing.assert_allclose(phonons, found["ref_omega"], atol=1e-3)


@pytest.fixture
def path():
    return paths.standard_path(fcc().cell, 120)


def test_the_path_of_fcc(path):
    names = [a for a, _ in path.names]
    assert names[:5] == [r"$\Gamma$", *(rf"$\mathrm{{{x}}}$" for x in "XWK"), r"$\Gamma$"]
    assert abs(len(path.x_k) - 120) < 10
    assert np.all(np.diff(path.x_k) >= 0)
    # Gamma - X has length 2 pi / a
    assert path.ends_x_p2[0, 1] == pytest.approx(2 * np.pi / 4.0)
    reciprocal = 2 * np.pi * np.linalg.inv(fcc().cell).T
    steps = np.linalg.norm(np.diff(path.point_k3, axis=0) @ reciprocal, axis=1)
    same = np.diff(path.piece_k) == 0
    np.testing.assert_allclose(steps[same], np.diff(path.x_k)[same], atol=1e-12)


def test_equivalent_points_stand_at_one_place(path):
    """X three times, half of Gamma - X outside the zone, and a point of no symmetry."""
    points = np.array(
        [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, -0.5, 1.5], [0.25, 1.25, 2], [0.1, 0.23, 0.37]]
    )
    place_x, number_x = paths.on_path(path, points, fcc())
    to_x = 2 * np.pi / 4.0
    assert set(number_x) == {0, 1, 2, 3}
    for j in (0, 1, 2):
        assert np.any(np.abs(place_x[number_x == j] - to_x) < 1e-3)
        np.testing.assert_allclose(place_x[number_x == j], place_x[number_x == 0])
    assert np.any(np.abs(place_x[number_x == 3] - to_x / 2) < 1e-3)


def test_points_of_the_path_stand_where_the_path_has_them(path):
    place_x, number_x = paths.on_path(path, path.point_k3, fcc())
    for j in range(0, len(path.x_k), 7):
        assert np.min(np.abs(place_x[number_x == j] - path.x_k[j])) < 2e-4


def test_gamma_alone_is_moved_into_its_piece(path):
    moved = paths.off_gamma(path)
    is_gamma = np.all(path.point_k3 == 0, axis=1)
    assert is_gamma.sum() == 3  # Gamma - X, K - Gamma, Gamma - L
    np.testing.assert_array_equal(moved[~is_gamma], path.point_k3[~is_gamma])
    size = np.abs(moved[is_gamma]).max(axis=1)
    assert np.all((size > 0) & (size < 1e-3))
    towards = path.ends_p23[path.piece_k[is_gamma]].sum(axis=1)  # the other end
    np.testing.assert_allclose(np.cross(moved[is_gamma], towards), 0, atol=1e-12)


def test_no_points_are_no_places():
    crystal = zincblende()
    path = paths.standard_path(crystal.cell, 50)
    place_x, number_x = paths.on_path(path, np.zeros((0, 3)), crystal)
    assert len(place_x) == len(number_x) == 0
