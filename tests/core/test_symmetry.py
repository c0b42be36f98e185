"""Orbits of (k, q) against group actions on the fractional points, done by brute force."""

import itertools

import numpy as np
import pytest

from ephforge.core import kpoints
from ephforge.core.symmetry import given_orbits, pair_orbits, reciprocal_operations

FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]) * 4
HEXAGONAL = np.array([[1.0, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [0, 0, 1.6]]) * 3
ORTHORHOMBIC = np.diag([3.0, 4.0, 5.0])
CRYSTALS = {
    "fcc": (FCC, np.zeros((1, 3)), np.array([13])),
    "zincblende": (FCC, np.array([[0, 0, 0], [1.0, 1, 1]]), np.array([13, 33])),
    "diamond": (FCC, np.array([[0, 0, 0], [1.0, 1, 1]]), np.array([6, 6])),
    "hcp": (
        HEXAGONAL,
        np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]) @ HEXAGONAL,
        np.array([12, 12]),
    ),
    "orthorhombic": (ORTHORHOMBIC, np.zeros((1, 3)), np.array([1])),
}


def cartesian_operations(cell, positions, numbers):
    """Orthogonal matrices, found without spglib, that map a crystal onto itself.

    Candidates take lattice vectors to lattice vectors of the same lengths and angles; one
    stays if some translation brings every atom onto an equal one.
    """
    shifts = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    vectors = shifts @ cell
    inverse = np.linalg.inv(cell)
    metric = cell @ cell.T
    found = []
    for triple in itertools.product(vectors, repeat=3):
        image = np.array(triple)
        if not np.allclose(image @ image.T, metric, atol=1e-8):
            continue
        rotation = (inverse @ image).T  # x -> rotation x takes cell rows to image rows
        moved = positions @ rotation.T
        for target in range(len(positions)):
            placed = (moved + positions[target] - moved[0]) @ inverse
            gaps = placed[:, None] - (positions @ inverse)[None]
            close = np.all(np.abs(gaps - np.rint(gaps)) < 1e-6, axis=-1)
            if np.all(np.any(close & (numbers[:, None] == numbers[None]), axis=1)):
                found.append(rotation)
                break
    return found


def brute_force_orbits(crystal, k_mesh, q_mesh):
    """Union of all pairs that an operation or time reversal relates, point by point."""
    cell = crystal[0]
    reciprocal = np.linalg.inv(cell).T  # rows, without 2 pi
    k, q = kpoints.mesh_points(k_mesh), kpoints.mesh_points(q_mesh)

    def images(points, rotation, sign):
        turned = sign * (points @ reciprocal @ rotation.T) @ cell.T
        gaps = turned[:, None] - points[None]
        match = np.all(np.abs(gaps - np.rint(gaps)) < 1e-6, axis=-1)
        return match.argmax(axis=1) if np.all(match.any(axis=1)) else None

    label = np.arange(len(k) * len(q)).reshape(len(k), len(q))
    for rotation in cartesian_operations(*crystal):
        for sign in (1, -1):
            image_k, image_q = images(k, rotation, sign), images(q, rotation, sign)
            if image_k is not None and image_q is not None:
                # the operations form a group: one pass over all of them reaches every image
                pairs = np.arange(len(k) * len(q)).reshape(len(k), len(q))
                label = np.minimum(label, pairs[image_k][:, image_q])
    return label


@pytest.mark.parametrize(
    ("name", "order"),
    [("fcc", 48), ("zincblende", 48), ("diamond", 48), ("hcp", 24), ("orthorhombic", 8)],
)
def test_number_of_reciprocal_operations(name, order):
    """The point group with inversion; time reversal adds it to zincblende."""
    assert len(reciprocal_operations(*CRYSTALS[name])) == order


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("meshes", [((2, 2, 2), (2, 2, 2)), ((4, 4, 2), (2, 2, 1))])
def test_orbits_are_those_of_the_group_action(name, meshes):
    crystal = CRYSTALS[name]
    orbits = pair_orbits(reciprocal_operations(*crystal), *meshes)
    label = brute_force_orbits(crystal, *meshes)
    _, expected = np.unique(label, return_inverse=True)
    np.testing.assert_array_equal(orbits.orbit_kq, expected.reshape(label.shape))


def test_cubic_orbits_on_the_mesh_of_the_default_campaign():
    """A count for the full cubic group on an fcc lattice that is known from elsewhere."""
    orbits = pair_orbits(reciprocal_operations(*CRYSTALS["fcc"]), (4, 4, 4), (4, 4, 4))
    assert len(orbits.size_o) == 154
    assert orbits.size_o.sum() == 64 * 64


@pytest.mark.parametrize("name", CRYSTALS)
def test_sizes_representatives_and_partners(name):
    k_mesh, q_mesh = (4, 4, 2), (2, 2, 2)
    orbits = pair_orbits(reciprocal_operations(*CRYSTALS[name]), k_mesh, q_mesh)
    count = len(orbits.size_o)
    np.testing.assert_array_equal(
        orbits.size_o, np.bincount(orbits.orbit_kq.ravel(), minlength=count)
    )
    k_o, q_o = orbits.representative_o2.T
    np.testing.assert_array_equal(orbits.orbit_kq[k_o, q_o], np.arange(count))
    # (k, q) -> (k+q, -q) twice is nothing, and every member of an orbit has the same partner
    np.testing.assert_array_equal(orbits.partner_o[orbits.partner_o], np.arange(count))
    final_k, minus_q = kpoints.sum_index(k_mesh, q_mesh), kpoints.negation_index(q_mesh)
    partner_kq = orbits.orbit_kq[final_k, minus_q[None, :]]
    np.testing.assert_array_equal(partner_kq, orbits.partner_o[orbits.orbit_kq])


def test_an_operation_that_breaks_the_mesh_is_left_out():
    """A cubic crystal on a 4 4 2 mesh keeps only what does not mix the third axis."""
    operations = reciprocal_operations(np.eye(3) * 4.0, np.zeros((1, 3)), np.array([1]))
    assert len(operations) == 48
    orbits = pair_orbits(operations, (4, 4, 2), (1, 1, 1))
    # (1/4, 0, 0) and (0, 1/4, 0) are equivalent, (0, 0, 1/2) is not (1/2, 0, 0)
    number = {tuple(p): n for n, p in enumerate(kpoints.mesh_points((4, 4, 2)))}
    orbit_k = orbits.orbit_kq[:, 0]
    assert orbit_k[number[(0.25, 0, 0)]] == orbit_k[number[(0, 0.25, 0)]]
    assert orbit_k[number[(0, 0, 0.5)]] != orbit_k[number[(0.5, 0, 0)]]


@pytest.mark.parametrize(("coarse", "partly"), [((2, 2, 2), False), ((4, 2, 2), True)])
def test_given_orbits_show_nothing_of_the_hidden_q(coarse, partly):
    """Against all pairs one by one; a 4 2 2 mesh cuts cubic orbits, and those stay hidden."""
    operations = reciprocal_operations(np.eye(3) * 4.0, np.zeros((1, 3)), np.array([1]))
    orbits = pair_orbits(operations, (4, 4, 4), (4, 4, 4))
    on_mesh_q = [
        np.allclose(q * coarse, np.rint(q * coarse)) for q in kpoints.mesh_points((4,) * 3)
    ]
    shown = np.zeros(len(orbits.size_o), dtype=int)
    for row in orbits.orbit_kq:
        for orbit, on_mesh in zip(row, on_mesh_q, strict=True):
            shown[orbit] += on_mesh
    given_o = given_orbits(orbits, (4, 4, 4), coarse)
    np.testing.assert_array_equal(given_o, shown == orbits.size_o)
    assert given_o.any()
    assert np.any((shown > 0) & ~given_o) == partly
