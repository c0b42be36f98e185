"""Orbit-reduced convolutions against the full periodic ones, pair by pair on the grid."""

import dataclasses
import itertools

import numpy as np
import pytest
from material_blocks import STRUCTURES, make_block

from ephforge.core.kpoints import mesh_indices, mesh_points
from ephforge.core.symmetry import Orbits, pair_orbits, reciprocal_operations
from ephforge.model.geometry import (
    HARMONIC_SHELLS,
    KINDS,
    MOVE_CENTRE,
    MOVE_WIDTH,
    geometry_of,
    periodic_length,
)
from ephforge.model.geometry import _harmonics as harmonics
from ephforge.model.geometry import _moves as moves

CASES = [
    ("fcc", (4, 4, 4), (4, 4, 4)),
    ("cscl", (4, 4, 4), (2, 2, 2)),
    ("zincblende", (2, 2, 2), (2, 2, 2)),
]


def reciprocal_of(prototype):
    """Rows of the reciprocal basis, zone volume 1."""
    cell = STRUCTURES[prototype][0]
    return np.linalg.inv(cell / np.cbrt(abs(np.linalg.det(cell)))).T


def shortest(fraction_3, reciprocal_33):
    """Length of the shortest image of one step, over all images up to two cells away."""
    cells = np.array(list(itertools.product(range(-2, 3), repeat=3)))
    return np.linalg.norm((fraction_3 + cells) @ reciprocal_33, axis=1).min()


def on_six_axes(field_kq, k_mesh, q_mesh):
    return field_kq.reshape(*k_mesh, *q_mesh)


def moved(field_kq, kind, step_3, k_mesh, q_mesh):
    """The field at the end points of one step of every pair: rolls of the full grid."""
    six = on_six_axes(field_kq, k_mesh, q_mesh)
    ratio = np.array(k_mesh) // np.array(q_mesh)
    if kind == "initial":  # k moves, k' = k+q stays
        shift = (*(-step_3 * ratio), *step_3)
    elif kind == "final":  # k' moves, k stays
        shift = (0, 0, 0, *(-step_3))
    else:  # both move, q stays
        shift = (*(-step_3), 0, 0, 0)
    return np.roll(six, shift, axis=range(6)).reshape(field_kq.shape)


def full_convolutions(field_kq, reciprocal_33, k_mesh, q_mesh):
    """All kinds on the whole grid, kernels of sum one."""
    found = []
    for kind, mesh in (("initial", q_mesh), ("final", q_mesh), ("both", k_mesh)):
        steps = [s for s in mesh_indices(mesh) if s.any()]
        lengths = np.array([shortest(s / np.array(mesh), reciprocal_33) for s in steps])
        images = np.stack([moved(field_kq, kind, s, k_mesh, q_mesh) for s in steps])
        spacing = np.prod(mesh) ** (-1 / 3)
        weights = np.exp(-(((lengths / spacing - MOVE_CENTRE) / MOVE_WIDTH) ** 2) / 2)
        found.append(np.tensordot(weights / weights.sum(), images, 1))
    return np.stack(found)


@pytest.mark.parametrize(("prototype", "k_mesh", "q_mesh"), CASES)
def test_moves_are_the_full_periodic_convolution(prototype, k_mesh, q_mesh):
    block = make_block(prototype, k_mesh=k_mesh, q_mesh=q_mesh)
    geometry, orbits = geometry_of(block), block.orbits
    field_o = np.random.default_rng(0).normal(size=len(orbits.size_o))
    full_rkq = full_convolutions(field_o[orbits.orbit_kq], reciprocal_of(prototype), k_mesh, q_mesh)
    reduced_ro = geometry.moves_roo.astype(float) @ field_o
    # every pair of the grid, so every choice of representatives, gives the same
    np.testing.assert_allclose(reduced_ro[:, orbits.orbit_kq], full_rkq, atol=1e-5)
    np.testing.assert_allclose(geometry.moves_roo.sum(-1), 1, rtol=1e-5)
    assert len(geometry.moves_roo) == len(KINDS)


def other_representatives(orbits: Orbits, seed: int) -> Orbits:
    """The same orbits, each represented by a random one of its pairs."""
    random, n_q = np.random.default_rng(seed), orbits.orbit_kq.shape[1]
    flat = orbits.orbit_kq.ravel()
    pair_o = np.array([random.choice(np.flatnonzero(flat == o)) for o in range(len(orbits.size_o))])
    return orbits._replace(representative_o2=np.stack([pair_o // n_q, pair_o % n_q], axis=-1))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("prototype", "k_mesh", "q_mesh"), CASES[:2])
def test_any_representative_gives_the_same_rows(prototype, k_mesh, q_mesh, seed):
    cell, fractional, numbers = STRUCTURES[prototype]
    operations = reciprocal_operations(cell, np.array(fractional) @ cell, np.array(numbers))
    orbits = pair_orbits(operations, k_mesh, q_mesh)
    other = other_representatives(orbits, seed)
    assert not np.array_equal(other.representative_o2, orbits.representative_o2)
    shape, reciprocal = cell / np.cbrt(abs(np.linalg.det(cell))), reciprocal_of(prototype)
    np.testing.assert_allclose(
        moves(reciprocal, other, k_mesh, q_mesh),
        moves(reciprocal, orbits, k_mesh, q_mesh),
        atol=1e-12,
    )
    np.testing.assert_allclose(
        harmonics(shape, other, k_mesh, q_mesh),
        harmonics(shape, orbits, k_mesh, q_mesh),
        atol=1e-12,
    )


def test_harmonics_tell_where_an_orbit_lies():
    block = make_block("cscl")
    harmonics_oh = geometry_of(block).harmonics_oh
    k_o, q_o = block.orbits.representative_o2.T
    k_o3, q_o3 = mesh_points(block.k_mesh)[k_o], mesh_points(block.q_mesh)[q_o]
    # first shell of a cubic lattice: the mean of cos 2 pi p over the three axes
    for place, p_o3 in enumerate((k_o3, k_o3 + q_o3, q_o3)):
        expected_o = np.cos(2 * np.pi * p_o3).mean(axis=1)
        np.testing.assert_allclose(harmonics_oh[:, place * HARMONIC_SHELLS], expected_o, atol=1e-6)


def test_shortest_images():
    random = np.random.default_rng(0)
    reciprocal = reciprocal_of("fcc")
    steps = random.uniform(-2, 2, size=(20, 3))
    expected = [shortest(step - np.rint(step), reciprocal) for step in steps]
    np.testing.assert_allclose(periodic_length(steps, reciprocal), expected, rtol=1e-12)


def test_geometry_does_not_depend_on_the_size_of_the_cell():
    block = make_block("fcc")
    crystal = block.crystal
    larger = dataclasses.replace(
        crystal, cell=crystal.cell * 1.0371, positions=crystal.positions * 1.0371
    )
    assert geometry_of(dataclasses.replace(block, crystal=larger)) is geometry_of(block)


def test_weights_and_partners():
    block = make_block("zincblende", k_mesh=(2, 2, 2), q_mesh=(2, 2, 2))
    geometry = geometry_of(block)
    np.testing.assert_allclose(geometry.weight_o.sum(), 1, rtol=1e-6)
    np.testing.assert_allclose(geometry.weight_o * block.orbits.orbit_kq.size, block.orbits.size_o)
    assert np.array_equal(geometry.partner_o[geometry.partner_o], np.arange(len(geometry.weight_o)))
