"""Index arithmetic of meshes against arithmetic on the fractional points themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ephforge.core import kpoints

lengths = st.integers(1, 4)
meshes = st.tuples(lengths, lengths, lengths)


def fold(points):
    """Into [0, 1), with rounding noise below 1 taken as 0."""
    return np.mod(np.round(points, 9), 1.0)


@given(meshes)
@settings(deadline=None)
def test_points_are_distinct_and_numbered_with_the_third_axis_fastest(mesh):
    points = kpoints.mesh_points(mesh)
    assert len({tuple(p) for p in points.round(12)}) == np.prod(mesh)
    expected = [
        (i / mesh[0], j / mesh[1], k / mesh[2])
        for i in range(mesh[0])
        for j in range(mesh[1])
        for k in range(mesh[2])
    ]
    np.testing.assert_allclose(points, expected, atol=1e-15)


@given(meshes, st.tuples(*[st.integers(-20, 20)] * 3))
@settings(deadline=None)
def test_numbers_fold_into_the_zone(mesh, index):
    number = kpoints.point_number(np.array(index), mesh)
    np.testing.assert_allclose(
        kpoints.mesh_points(mesh)[number], fold(np.array(index) / mesh), atol=1e-8
    )


@given(meshes, meshes)
@settings(deadline=None, max_examples=40)
def test_sums_of_points(q_mesh, factor):
    k_mesh = tuple(q * f for q, f in zip(q_mesh, factor, strict=True))
    k, q = kpoints.mesh_points(k_mesh), kpoints.mesh_points(q_mesh)
    found = k[kpoints.sum_index(k_mesh, q_mesh)]
    np.testing.assert_allclose(found, fold(k[:, None] + q[None]), atol=1e-8)


@given(meshes)
@settings(deadline=None)
def test_negation(mesh):
    points = kpoints.mesh_points(mesh)
    minus = kpoints.negation_index(mesh)
    np.testing.assert_allclose(points[minus], fold(-points), atol=1e-8)
    np.testing.assert_array_equal(minus[minus], np.arange(len(points)))


def test_incommensurate_meshes_are_refused():
    with pytest.raises(ValueError, match="does not divide"):
        kpoints.sum_index((4, 4, 4), (3, 4, 4))
