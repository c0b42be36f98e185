"""Invariant strains and displacements against brute-force symmetrisation of random ones."""

import itertools

import numpy as np
import pytest
import spglib

from ephforge.core.symmetry import operations
from ephforge.lattice.freedom import freedom
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import structure

# free lengths and angles of each crystal system
STRAINS = {
    "cubic": 1, "hexagonal": 2, "trigonal": 2, "tetragonal": 2, "orthorhombic": 3, "monoclinic": 4,
    "triclinic": 6,
}  # fmt: skip
IN_PLANE = {"hexagonal": 1, "trigonal": 1, "tetragonal": 1, "monoclinic": 2}
# free coordinates as the tables of Wyckoff positions give them
COORDINATES = {
    "perovskite": 0, "wurtzite": 1, "rutile": 1, "a7": 1, "black_phosphorus": 2, "marcasite": 2,
    "b33": 2, "b11": 2, "selenium": 1, "b19_prime": 4, "californium": 3, "triclinic_pair": 6,
    "mos2_layer": 1, "tenorite": 1, "calaverite": 2,
}  # fmt: skip


def parts(name):
    prototype = PROTOTYPES[name]
    cell, positions = structure(prototype, 1.0)
    species = np.array(prototype.species)
    return (
        cell,
        positions,
        species,
        freedom(operations(cell, positions, species), prototype.is_layer),
    )


@pytest.mark.parametrize("name", PROTOTYPES)
def test_number_of_free_lengths_and_angles(name):
    prototype = PROTOTYPES[name]
    expected = (IN_PLANE if prototype.is_layer else STRAINS)[prototype.system]
    assert len(parts(name)[-1].strain_f33) == expected


@pytest.mark.parametrize("name", COORDINATES)
def test_number_of_free_coordinates(name):
    assert len(parts(name)[-1].displacement_fs3) == COORDINATES[name]


@pytest.mark.parametrize("name", PROTOTYPES)
def test_deformed_structures_keep_their_space_group(name):
    cell, positions, species, free = parts(name)
    generator = np.random.default_rng(2)
    strain = np.eye(3) + 0.03 * np.tensordot(
        generator.normal(size=len(free.strain_f33)), free.strain_f33, axes=1
    )
    moved = positions + 0.02 * np.tensordot(
        generator.normal(size=len(free.displacement_fs3)), free.displacement_fs3, axes=1
    )
    fractional = moved @ np.linalg.inv(cell)
    found = spglib.get_symmetry_dataset((cell @ strain, fractional, species), symprec=1e-5)
    assert found.number == PROTOTYPES[name].space_group


@pytest.mark.parametrize("name", ["rutile", "black_phosphorus", "selenium", "mos2_layer"])
def test_against_brute_force(name):
    """Random displacements, symmetrised one image at a time by spglib's operations."""
    cell, positions, species, free = parts(name)
    fractional = positions @ np.linalg.inv(cell)
    found = spglib.get_symmetry((cell, fractional, species), symprec=1e-4)
    generator = np.random.default_rng(3)
    for _ in range(4):
        random = generator.normal(size=positions.shape)  # fractional components
        mean = np.zeros_like(random)
        for rotation, shift in zip(found["rotations"], found["translations"], strict=True):
            for s, t in itertools.product(range(len(species)), repeat=2):
                gap = rotation @ fractional[s] + shift - fractional[t]
                if np.allclose(gap, np.rint(gap), atol=1e-3) and species[s] == species[t]:
                    mean[t] += rotation @ random[s] / len(found["rotations"])
        cartesian = mean @ cell
        cartesian -= cartesian.mean(axis=0)
        flat = free.displacement_fs3.reshape(len(free.displacement_fs3), -1)
        inside = flat.T @ (flat @ cartesian.ravel())
        assert np.abs(cartesian).max() > 1e-3
        np.testing.assert_allclose(inside, cartesian.ravel(), atol=1e-10)
        np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-10)
