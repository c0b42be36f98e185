"""Sums on meshes against sums at points; irreducible points against counts and full sums."""

import numpy as np
import pytest
from analytic import fcc, zincblende

from ephforge.core.kpoints import mesh_points
from ephforge.core.symmetry import reciprocal_operations
from ephforge.observables.mesh import irreducible, on_mesh


def test_cells_outside_the_mesh_fold_back_exactly():
    generator = np.random.default_rng(0)
    mesh = (3, 4, 2)
    cells = generator.integers(-7, 8, (30, 3))
    values = generator.normal(size=(30, 2, 3)) + 1j * generator.normal(size=(30, 2, 3))
    phase_kr = np.exp(2j * np.pi * mesh_points(mesh) @ cells.T)
    expected = np.tensordot(phase_kr, values, axes=1)
    np.testing.assert_allclose(on_mesh(cells, values, mesh), expected, atol=1e-12)


@pytest.mark.parametrize(("mesh", "count"), [((4, 4, 4), 8), ((8, 8, 8), 29)])
@pytest.mark.parametrize("crystal", [fcc(), zincblende()])
def test_fcc_meshes_have_the_known_number_of_irreducible_points(crystal, mesh, count):
    """8 and 29, as EPW and Quantum ESPRESSO list them for 4^3 and 8^3 q points."""
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    number_q, weight_q = irreducible(operations, mesh)
    assert len(number_q) == count
    assert number_q[0] == 0
    assert weight_q.sum() == pytest.approx(1)
    assert weight_q[0] == pytest.approx(1 / np.prod(mesh))


def test_a_symmetric_sum_needs_the_irreducible_points_only():
    """Sum of |R|-shells of plane waves: any set of cells closed under the point group."""
    crystal, mesh = fcc(), (6, 6, 6)
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    cells = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, -1, 0], [0, 1, -1], [1, 0, -1]])
    points = mesh_points(mesh)
    value_k = np.cos(np.cos(2 * np.pi * points @ cells.T).sum(axis=1))
    number_q, weight_q = irreducible(operations, mesh)
    assert weight_q @ value_k[number_q] == pytest.approx(value_k.mean(), abs=1e-12)


def test_an_operation_off_the_mesh_is_left_out():
    crystal = fcc()
    operations = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    number_q, weight_q = irreducible(operations, (2, 3, 5))
    assert weight_q.sum() == pytest.approx(1)
    assert len(number_q) == 16  # only q -> -q maps it onto itself; Gamma and one more stay
