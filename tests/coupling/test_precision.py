"""Couplings in single precision: how far they are from those in double, and memory and chunks."""

import numpy as np
import pytest
from analytic import as_wannier, hopping_law, springs, zincblende

from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import Model
from ephforge.coupling import grid, points
from ephforge.coupling.points import Lists, Meshes, magnitudes
from ephforge.electrons.hopping import assemble

LIMITS = grid.Limits(1e-4, 1e-3)
MESHES = Meshes((4, 4, 4), (2, 2, 2))


@pytest.fixture(scope="module")
def two_centre():
    crystal = zincblende()
    hopping, coupling = assemble(crystal, hopping_law(crystal, 4.5, 4))
    return Model("zincblende", crystal, hopping, springs(crystal, 5.0), coupling)


@pytest.fixture(scope="module", params=["two-centre", "general"])
def model(request, two_centre):
    return two_centre if request.param == "two-centre" else as_wannier(two_centre)


def joined(parts):
    parts = list(parts)
    rest = (np.concatenate(values) for values in list(zip(*parts, strict=True))[1:])
    return points.Magnitudes(parts[0].energy_k, *rest), len(parts)


def test_single_precision_is_good_to_a_millionth(model):
    double, _ = joined(magnitudes(model, MESHES, LIMITS))
    single, _ = joined(magnitudes(model, MESHES, LIMITS, is_single=True))
    assert (double.magnitude.dtype, single.magnitude.dtype) == (np.float64, np.float32)
    np.testing.assert_array_equal(single.energy_kq, double.energy_kq)
    np.testing.assert_array_equal(single.frequency_q, double.frequency_q)
    error = np.linalg.norm(single.magnitude - double.magnitude)
    assert 1e-9 < error / np.linalg.norm(double.magnitude) < 1e-6


def test_meshes_are_the_lists_of_their_points(model):
    mesh, _ = joined(magnitudes(model, MESHES, LIMITS))
    lists = Lists(*map(mesh_points, MESHES))
    found, _ = joined(magnitudes(model, lists, LIMITS))
    for x, y in zip(mesh, found, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-12)


def test_little_memory_makes_more_chunks_of_the_same_numbers(model):
    whole, count = joined(magnitudes(model, MESHES, LIMITS))
    assert count == 1
    of_two_q = 2 * whole.magnitude[0].nbytes
    cut, count = joined(magnitudes(model, MESHES, LIMITS, memory=points._SHARE * of_two_q))
    assert count == 4
    for x, y in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(x, y)


def test_chunks_are_the_callers_own(model):
    of_one_q = 64 * 6 * 8 * 8 * 8
    parts = list(magnitudes(model, MESHES, LIMITS, memory=points._SHARE * of_one_q))
    assert len(parts) == 8
    kept = parts[0].magnitude.copy()
    list(magnitudes(model, MESHES, LIMITS, memory=points._SHARE * of_one_q))
    np.testing.assert_array_equal(parts[0].magnitude, kept)
    assert np.abs(parts[1].magnitude - parts[0].magnitude).max() > 1e-6


@pytest.mark.parametrize("count", [1, 65, 130])
def test_lists_of_any_length(two_centre, count):
    k = np.random.default_rng(2).uniform(size=(count, 3))
    q = np.random.default_rng(3).uniform(size=(3, 3))
    found, _ = joined(magnitudes(two_centre, Lists(k, q), LIMITS))
    assert found.magnitude.shape == (3, count, 6, 8, 8)
    last, _ = joined(magnitudes(two_centre, Lists(k[-1:], q), LIMITS))
    np.testing.assert_allclose(found.magnitude[:, -1:], last.magnitude, rtol=1e-9, atol=1e-14)
