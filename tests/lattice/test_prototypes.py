"""The table of structure types against spglib, ASE and brute-force distances."""

import itertools

import numpy as np
import pytest
import spglib
from ase.build import bulk, mx2
from ase.spacegroup import crystal as crystal_of

from ephforge.config import Potential as KnownPotential
from ephforge.config import Prototype as KnownPrototype
from ephforge.lattice.compatible import HELD
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import SYSTEMS, crystal_system, structure

# the same structures by another hand: ASE's builders, and positions expanded by ASE's tables of
# space group operations; lengths for a = 1
BY_ASE = {
    "fcc": lambda: bulk("Cu", "fcc", 1.0),
    "bcc": lambda: bulk("Cu", "bcc", 1.0),
    "diamond": lambda: bulk("C", "diamond", 1.0),
    "hcp": lambda: bulk("Ti", "hcp", 1.0, c=1.633),
    "zincblende": lambda: bulk("ZnS", "zincblende", 1.0),
    "rocksalt": lambda: bulk("CaO", "rocksalt", 1.0),
    "cscl": lambda: bulk("CsCl", "cesiumchloride", 1.0),
    "fluorite": lambda: bulk("CaFF", "fluorite", 1.0),
    "wurtzite": lambda: bulk("ZnS", "wurtzite", 1.0, c=1.633, u=0.375),
    "mos2_layer": lambda: mx2("MoS2", "2H", 1.0, 2 * 0.1225 * 4, vacuum=None),
    "cdi2_layer": lambda: mx2("MoS2", "1T", 1.0, 0.2 * 4, vacuum=None),
    "rutile": lambda: expand("TiO", [(0, 0, 0), (0.305, 0.305, 0)], 136, (1, 1, 0.644)),
    "perovskite": lambda: expand(
        "CaTiO", [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], 221, (1, 1, 1)
    ),
    "alpha_uranium": lambda: expand("U", [(0, 0.1025, 0.25)], 63, (1, 2.056, 1.736)),
    "black_phosphorus": lambda: expand("P", [(0, 0.102, 0.081)], 64, (1, 3.0, 1.32)),
    "a7": lambda: expand("As", [(0, 0, 0.23)], 166, (1, 1, 2.7), gamma=120),
    "selenium": lambda: expand("Se", [(0.225, 0, 1 / 3)], 152, (1, 1, 1.135), gamma=120),
    "cuprite": lambda: expand("OCu", [(0, 0, 0), (0.25, 0.25, 0.25)], 224, (1, 1, 1)),
    "tenorite": lambda: expand(
        "CuO", [(0.25, 0.25, 0), (0, 0.418, 0.25)], 15, (1, 0.731, 1.095), beta=99.5
    ),
}


def expand(symbols, basis, number, lengths, beta=90, gamma=90):
    return crystal_of(
        symbols,
        basis,
        spacegroup=number,
        cellpar=(*lengths, 90, beta, gamma),
        primitive_cell=True,
    )


def shells(cell, positions, species):
    """Sorted (distance, like or unlike) pairs up to 1.6 a: the same for equal structures."""
    cells = np.array(list(itertools.product(range(-4, 5), repeat=3))) @ cell
    vectors = cells[:, None, None] + positions[None, :] - positions[:, None]
    distance = np.linalg.norm(vectors, axis=-1)
    is_like = np.equal.outer(species, species)
    near = (distance > 1e-9) & (distance < 1.6)
    return [np.sort(distance[near & mask]) for mask in (is_like, ~is_like)], len(species)


def test_table_and_config_agree():
    assert set(PROTOTYPES) == set(KnownPrototype.__args__)
    assert set(HELD) == set(KnownPotential.__args__)
    for potential, held in HELD.items():
        assert len(set(held)) == len(held)
        assert {x for x, p in PROTOTYPES.items() if potential in p.potentials} == set(held)
    assert all(entry.potentials for entry in PROTOTYPES.values())


def test_all_crystal_systems_and_sizes():
    systems = [entry.system for entry in PROTOTYPES.values()]
    assert len(PROTOTYPES) >= 24
    assert all(systems.count(system) >= 3 for system in SYSTEMS)
    assert {len(entry.species) for entry in PROTOTYPES.values()} == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("name", PROTOTYPES)
def test_space_group_and_primitive_cell(name):
    prototype = PROTOTYPES[name]
    cell, positions = structure(prototype, 4.0)
    crystal = (cell, positions @ np.linalg.inv(cell), prototype.species)
    assert spglib.get_symmetry_dataset(crystal, symprec=1e-4).number == prototype.space_group
    assert len(spglib.find_primitive(crystal, symprec=1e-4)[2]) == len(prototype.species)
    assert sum(prototype.charges[x] for x in prototype.species) == 0


@pytest.mark.parametrize("name", BY_ASE)
def test_against_ase(name):
    prototype = PROTOTYPES[name]
    atoms = BY_ASE[name]()
    if prototype.is_layer:
        atoms.cell[2] = (0, 0, 4)
    ours, count = shells(*structure(prototype, 1.0), np.array(prototype.species))
    theirs, expected = shells(atoms.cell[:], atoms.positions, atoms.numbers)
    assert count == expected
    for found, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("name", PROTOTYPES)
def test_distances(name):
    prototype = PROTOTYPES[name]
    cell, positions = structure(prototype, 1.0)
    cells = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    vectors = (cells @ cell)[:, None, None] + positions[None, :] - positions[:, None]
    distance = np.linalg.norm(vectors, axis=-1)
    distance[distance < 1e-9] = np.inf
    species = np.array(prototype.species)
    is_like = species[:, None] == species[None, :]
    assert distance.min() == pytest.approx(prototype.neighbour)
    assert distance[:, is_like].min() == pytest.approx(prototype.like * prototype.neighbour)


@pytest.mark.parametrize("name", [name for name, p in PROTOTYPES.items() if p.is_layer])
def test_layers_leave_a_vacuum_along_z(name):
    cell, positions = structure(PROTOTYPES[name], 1.0)
    np.testing.assert_array_equal(cell[2, :2], 0)
    np.testing.assert_allclose(cell[:2, 2], 0, atol=1e-12)
    assert cell[2, 2] - np.ptp(positions[:, 2]) > 2.5


@pytest.mark.parametrize(
    ("number", "system"),
    [(1, "triclinic"), (2, "triclinic"), (3, "monoclinic"), (15, "monoclinic"),
     (16, "orthorhombic"), (74, "orthorhombic"), (75, "tetragonal"), (142, "tetragonal"),
     (143, "trigonal"), (167, "trigonal"), (168, "hexagonal"), (194, "hexagonal"),
     (195, "cubic"), (230, "cubic")],
)  # fmt: skip
def test_crystal_system(number, system):
    assert crystal_system(number) == system
