"""Half of the k of a mesh stand for the other half: the same |g| as all of them computed."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from analytic import hopping_law, springs, zincblende

from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import LongRange, Model
from ephforge.coupling import batch, grid, source
from ephforge.coupling.halves import halves
from ephforge.electrons.draw import draw
from ephforge.electrons.hopping import assemble

LIMITS = grid.Limits(1e-4, 1e-3)
MESHES = [((4, 4, 4), (2, 2, 2)), ((3, 3, 3), (3, 3, 3)), ((4, 3, 1), (4, 1, 1))]
CHARGES = np.array([1.5 * np.eye(3), -1.5 * np.eye(3)])
IONS = LongRange(CHARGES, 4.0 * np.eye(3), (4, 4, 4), 5.6, "ewald")


@cache
def model(kind: str) -> Model:
    """A model with one more of what a two-centre model may have."""
    crystal = zincblende()
    if kind == "plain":
        electrons = hopping_law(crystal, 4.5, 4)
    else:
        options = {"bases": ["sp3"], "metals": 1.0, "semiconductors": 0.0}
        options |= {"overlap": 1.0, "crystal_field": 1.0}
        options |= {"spin_orbit": 1.0 if kind == "spin-orbit" else 0.0}
        electrons = draw(np.random.default_rng(6), crystal, options)
    hopping, coupling = assemble(crystal, electrons)
    found = Model(kind, crystal, hopping, springs(crystal, 5.0), coupling)
    return replace(found, long_range=IONS) if kind == "polar" else found


def strengths(kind, meshes, bands):
    (found,) = batch.evaluate([model(kind)], grid.mesh_pairs(*meshes), LIMITS, bands, 1)
    return found.g_mnvkq


@pytest.mark.parametrize("kind", ["plain", "overlapping", "polar"])
@pytest.mark.parametrize("meshes", MESHES)
def test_halves_give_what_all_k_give(kind, meshes, monkeypatch):
    half = strengths(kind, meshes, 3)
    monkeypatch.setattr(source, "_is_real", lambda _: False)
    whole = strengths(kind, meshes, 3)
    assert np.abs(whole).max() > 1e-3
    np.testing.assert_allclose(half, whole, rtol=1e-9, atol=1e-12)


def test_spin_orbit_coupling_takes_all_k():
    assert not source._is_real(model("spin-orbit"))
    assert source._is_real(model("polar"))


@pytest.mark.parametrize(("k_mesh", "q_mesh"), MESHES)
def test_every_k_is_computed_or_a_partner_is(k_mesh, q_mesh):
    pairs = grid.mesh_pairs(k_mesh, q_mesh)
    found = halves(k_mesh, pairs.final_qk)
    length = found.initial_qh.shape[1]
    assert length <= len(pairs.initial_k) / 2 + 4
    points = mesh_points(k_mesh)
    for q_3, initial_h, source_k in zip(pairs.q_q3, *found, strict=True):
        for k, place in enumerate(source_k):
            taken = points[initial_h[place % length]]
            expected = points[k] if place < length else -points[k] - q_3
            distance = taken - expected
            np.testing.assert_allclose(distance, np.round(distance), atol=1e-12)
