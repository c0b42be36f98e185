"""The table of structure types against brute-force distances and spglib."""

import itertools

import numpy as np
import pytest
import spglib

from ephforge.config import Potential as KnownPotential
from ephforge.config import Prototype as KnownPrototype
from ephforge.lattice.prototypes import PROTOTYPES, structure

SPACE_GROUPS = {
    "fcc": 225,
    "bcc": 229,
    "hcp": 194,
    "diamond": 227,
    "zincblende": 216,
    "rocksalt": 225,
    "cscl": 221,
    "l1_0": 123,
}


def test_table_and_config_agree():
    assert set(PROTOTYPES) == set(KnownPrototype.__args__)
    used = {name for entry in PROTOTYPES.values() for name in entry.potentials}
    assert used == set(KnownPotential.__args__)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_space_group(name):
    prototype = PROTOTYPES[name]
    # off the ideal ratio, where l1_0 with like species would not be seen as cubic
    ratio = None if prototype.ratio is None else 1.03 * prototype.ratio
    cell, positions = structure(prototype, 4.0, ratio)
    fractional = positions @ np.linalg.inv(cell)
    found = spglib.get_symmetry_dataset((cell, fractional, prototype.species))
    assert found.number == SPACE_GROUPS[name]


@pytest.mark.parametrize("name", PROTOTYPES)
def test_distances(name):
    prototype = PROTOTYPES[name]
    cell, positions = structure(prototype, 1.0, prototype.ratio)
    cells = np.array(list(itertools.product(range(-2, 3), repeat=3)))
    vectors = (cells @ cell)[:, None, None] + positions[None, :] - positions[:, None]
    distance = np.linalg.norm(vectors, axis=-1)
    distance[distance < 1e-9] = np.inf
    species = np.array(prototype.species)
    is_like = species[:, None] == species[None, :]
    assert distance.min() == pytest.approx(prototype.neighbour)
    assert distance[:, is_like].min() == pytest.approx(prototype.like * prototype.neighbour)
