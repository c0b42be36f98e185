"""Fourier steps on meshes, direction by direction and with folded cells, against plain sums."""

import jax.numpy as jnp
import numpy as np
import pytest

from ephforge.core.kpoints import mesh_points
from ephforge.coupling import source, wannier
from ephforge.coupling.products import parts, whole

# meshes shorter and longer than the cells reach, and a flat one
MESHES = [(2, 3, 1), (4, 4, 4), (8, 5, 6)]


@pytest.fixture
def cells():
    generator = np.random.default_rng(1)
    found = generator.integers(-3, 4, size=(40, 3))
    return np.unique(found, axis=0)


@pytest.mark.parametrize("mesh", MESHES)
def test_a_step_on_a_mesh_is_the_sum_over_all_cells(cells, mesh):
    generator = np.random.default_rng(2)
    values = generator.normal(size=(len(cells), 5)) + 1j * generator.normal(size=(len(cells), 5))
    own = wannier.box(cells, mesh)
    folded = np.zeros((len(own.cells_x3), 5), complex)
    np.add.at(folded, own.number_r, values)
    residues = tuple(map(len, own.residues))
    placed = wannier.in_box(parts(jnp.asarray(folded)), jnp.asarray(own.place_x), residues)
    found = whole(wannier.on_mesh(own.phases(mesh), placed, jnp.asarray(True)))
    expected = np.exp(2j * np.pi * mesh_points(mesh) @ cells.T) @ values
    assert found.shape == (*mesh, 5)
    np.testing.assert_allclose(found.reshape(-1, 5), expected, atol=1e-12)


@pytest.mark.parametrize("mesh", MESHES)
def test_folded_cells_are_different_and_few(cells, mesh):
    own = wannier.box(cells, mesh)
    assert len(np.unique(own.cells_x3, axis=0)) == len(own.cells_x3) <= np.prod(mesh)
    np.testing.assert_array_equal(own.cells_x3[own.number_r], cells % mesh)
    assert len(set(own.place_x)) == len(own.place_x)


def test_twins_are_told_apart():
    number = np.array([0, 2, 0, 1, 0, 2])
    rounds = source._without_twins(number)
    assert [sorted(number[chosen]) for chosen in rounds] == [[0, 1, 2], [0, 2], [0]]
    assert sorted(np.concatenate(rounds)) == list(range(6))


def test_folding_adds_what_falls_together():
    generator = np.random.default_rng(4)
    g = generator.normal(size=(3, 2, 3, 4, 2, 2)) + 1j * generator.normal(size=(3, 2, 3, 4, 2, 2))
    number_p, number_r = np.array([0, 1, 0]), np.array([1, 0, 1, 1])
    found = whole(source._folded(g, number_p, number_r, False)).reshape(2, 2, 2, 3, 2, 2)
    expected = np.zeros_like(found)
    for p, x in enumerate(number_p):
        for r, y in enumerate(number_r):
            expected[x, y] += g[p, :, :, r]
    np.testing.assert_allclose(found, expected, rtol=1e-14)
