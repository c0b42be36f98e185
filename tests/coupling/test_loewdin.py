"""The general form of overlapping orbitals against the two-centre kernel itself."""

from dataclasses import replace

import numpy as np
import pytest
from analytic import springs, zincblende

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import LongRange, Model
from ephforge.coupling.general_form import general_form
from ephforge.coupling.loewdin import orthonormal
from ephforge.coupling.points import at_points
from ephforge.electrons.draw import draw
from ephforge.electrons.hopping import assemble

MESH = (3, 3, 3)
OPTIONS = {"bases": ["sp3"], "crystal_field": 1.0, "metals": 1.0, "semiconductors": 0.0}
POLAR = LongRange(
    np.array([np.eye(3) * 2.1, np.eye(3) * -2.1]), 2.5 * np.eye(3), (4, 4, 4), 5.6, "ewald"
)


def material(overlap: float, spin_orbit: float = 0.0) -> Model:
    crystal = zincblende()
    options = OPTIONS | {"overlap": overlap, "spin_orbit": spin_orbit}
    hopping, coupling = assemble(crystal, draw(np.random.default_rng(4), crystal, options))
    return Model("", crystal, hopping, springs(crystal, 5.0), coupling)


def strengths(model, k, q):
    """Bands, and |g|^2 summed over all bands: gauge-free where bands are degenerate."""
    found = at_points(model, k, q, 1e-3)
    return found.energy_k, np.sum(np.abs(found.g) ** 2, axis=(-1, -2)), found


@pytest.mark.parametrize(("spin_orbit", "long_range"), [(0.0, None), (0.0, POLAR), (1.0, None)])
def test_same_couplings_at_the_points_of_the_mesh(spin_orbit, long_range):
    model = replace(material(1.0, spin_orbit), long_range=long_range)
    general = orthonormal(model, MESH)
    assert general.hopping.overlap is None
    k, q = mesh_points(MESH)[[1, 5, 22]], mesh_points(MESH)[[3, 7, 14]]
    (energy, total, one), (energy_2, total_2, two) = (strengths(m, k, q) for m in (model, general))
    np.testing.assert_allclose(energy_2, energy, atol=1e-10)
    np.testing.assert_allclose(total_2, total, rtol=1e-10, atol=1e-10 * total.max())
    apart = np.diff(energy[0]).min()
    if apart > 1e-3:
        np.testing.assert_allclose(np.abs(two.g[:, 0]), np.abs(one.g[:, 0]), atol=1e-9)


def test_between_the_points_it_is_close_and_gets_closer():
    model = material(1.0)
    k, q = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 3, 3))
    _, total, _ = strengths(model, k, q)
    errors = []
    for mesh in (MESH, (5, 5, 5)):
        _, found, _ = strengths(orthonormal(model, mesh), k, q)
        errors.append(np.linalg.norm(np.sqrt(found) - np.sqrt(total)) / np.linalg.norm(total**0.5))
    assert errors[1] < errors[0] / 2
    assert errors[1] < 0.05


def test_an_orthonormal_model_is_general_without_a_mesh():
    """Crystal field and orbitals that move within one atom: exact at any k and q."""
    model = material(0.0)
    assert model.coupling.basis_derivative.any()
    general = replace(model, coupling=general_form(model.hopping, model.coupling, 2))
    k, q = np.random.default_rng(2).uniform(-0.5, 0.5, (2, 4, 3))
    (energy, _, one), (energy_2, _, two) = (strengths(m, k, q) for m in (model, general))
    np.testing.assert_allclose(energy_2, energy, atol=1e-11)
    np.testing.assert_allclose(np.abs(two.g), np.abs(one.g), atol=1e-10)


def test_the_exact_form_refuses_overlap():
    model = material(1.0)
    with pytest.raises(EphforgeError, match="orthonormal"):
        general_form(model.hopping, model.coupling, 2)
