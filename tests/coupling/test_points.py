"""Couplings at lists of points: against the mesh kernel, and against themselves at (k+q, -q)."""

from pathlib import Path

import numpy as np
import pytest
from analytic import as_wannier, hopping_law, springs, zincblende

from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.core.realspace import Model, read_model
from ephforge.coupling import grid
from ephforge.coupling.batch import evaluate
from ephforge.coupling.points import Lists, at_points, magnitudes
from ephforge.electrons.hopping import assemble

POLAR = Path(__file__).parents[2] / "resources" / "first_principles" / "sic_4.nc"
LIMITS = grid.Limits(1e-4, 1e-3)
MESH = (2, 2, 2)
# more than one chunk of q, no two points related by symmetry
K = np.random.default_rng(3).uniform(size=(5, 3))
Q = np.random.default_rng(4).uniform(size=(11, 3))


@pytest.fixture(scope="module")
def material():
    crystal = zincblende()
    hopping, coupling = assemble(crystal, hopping_law(crystal, 4.5, 4))
    return Model("zincblende", crystal, hopping, springs(crystal, 5.0), coupling)


@pytest.fixture(scope="module")
def polar():
    return read_model(read(POLAR, "model"))


def _all(model, k, q, limits=LIMITS):
    parts = list(magnitudes(model, Lists(k, q), limits))
    rest = (np.concatenate([getattr(p, name) for p in parts]) for name in parts[0]._fields[1:])
    return type(parts[0])(parts[0].energy_k, *rest)


@pytest.mark.parametrize("name", ["material", "polar"])
def test_lists_agree_with_the_mesh(name, request):
    model = request.getfixturevalue(name)
    bands = len(model.hopping.site)
    (mesh,) = evaluate([model], grid.mesh_pairs(MESH, MESH), LIMITS, bands, 1)
    found = _all(model, mesh_points(MESH), mesh_points(MESH))
    np.testing.assert_allclose(found.energy_k, mesh.energy_pn, atol=1e-12)
    np.testing.assert_allclose(found.frequency_q, mesh.energy_qv, atol=1e-9)
    np.testing.assert_allclose(
        found.magnitude, mesh.g_mnvkq.transpose(4, 3, 2, 0, 1), rtol=1e-8, atol=1e-12
    )


def test_a_two_centre_model_and_its_general_form_are_one(material):
    own, general = at_points(material, K, Q, 1e-3), at_points(as_wannier(material), K, Q, 1e-3)
    np.testing.assert_allclose(own.energy_kq, general.energy_kq, atol=1e-12)
    np.testing.assert_allclose(np.abs(own.g), np.abs(general.g), atol=1e-12)


def test_magnitudes_are_hermitian(material):
    found = _all(material, K, Q)
    assert found.magnitude.shape == (11, 5, 6, 8, 8)
    for i, j in ((0, 0), (10, 4), (7, 2)):
        back = _all(material, (K[j] + Q[i])[None], -Q[i][None])
        np.testing.assert_allclose(back.energy_kq[0, 0], found.energy_k[j], atol=1e-12)
        np.testing.assert_allclose(
            back.magnitude[0, 0].swapaxes(-1, -2), found.magnitude[i, j], rtol=1e-6, atol=1e-12
        )


def test_without_groups_the_magnitude_is_that_of_the_coupling(polar):
    found = _all(polar, K, Q, grid.Limits(1e-12, LIMITS.soft_mode))
    complex_g = at_points(polar, K, Q, LIMITS.soft_mode).g
    np.testing.assert_allclose(found.magnitude, np.abs(complex_g), rtol=1e-9, atol=1e-15)


def test_degenerate_states_share(material):
    # three equal valence bands at k = 0, and q on an axis: shared values are equal
    found = _all(material, np.zeros((1, 3)), np.array([[0.5, 0.5, 0.0]]))
    energy = found.energy_k[0]
    same = np.flatnonzero(np.abs(np.diff(energy)) < 1e-9)
    assert len(same)
    n = same[0]
    np.testing.assert_allclose(
        found.magnitude[0, 0, :, :, n], found.magnitude[0, 0, :, :, n + 1], rtol=1e-12
    )
