"""Ordered and distorted variants: lower symmetry, same bonds, nothing lost."""

import itertools
from collections import Counter

import numpy as np
import pytest
import spglib

from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import SYSTEMS, structure
from ephforge.lattice.variants import distorted, draw_variant, ordered, reshaped


def generator(seed):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", ["fcc", "hcp", "zincblende", "triangular_layer", "alb2", "bcc"])
def test_ordered_variants_are_the_parent_once_species_are_forgotten(name):
    parent = PROTOTYPES[name]
    for seed in range(12):
        child = ordered(generator(seed), parent)
        assert child.variant == "ordered"
        assert child.name == name
        assert len(parent.species) < len(child.species) <= 6
        assert len(child.charges) == max(child.species) + 1 == len(parent.charges) + 1
        cell, positions = structure(child, 1.0)
        fractional = positions @ np.linalg.inv(cell)
        found = spglib.get_symmetry_dataset((cell, fractional, child.species), symprec=1e-4)
        assert found.number == child.space_group
        assert len(spglib.find_primitive((cell, fractional, child.species))[2]) == len(
            child.species
        )
        new = max(child.species)
        merged = np.array([child.charges[x] for x in child.species])
        merged = np.where(np.array(child.species) == new, 9, np.array(child.species))
        options = [np.where(merged == 9, old, merged) for old in range(new)]
        numbers = [
            spglib.get_symmetry_dataset((cell, fractional, o), symprec=1e-4).number for o in options
        ]
        assert parent.space_group in numbers
        assert child.neighbour == pytest.approx(parent.neighbour)


def test_an_ordered_variant_is_no_type_of_the_table():
    """By its coordination: fcc in two colours, layer by layer, is L1_0, and so on."""
    known = {shells(PROTOTYPES[name]) for name in ("l1_0", "l1_1", "l1_2", "mopt2")}
    found = {shells(ordered(generator(seed), PROTOTYPES["fcc"])) for seed in range(60)}
    assert not known & found


def shells(prototype):
    """Like and unlike nearest neighbours of each atom; species are called by how many there are."""
    cell, positions = structure(prototype, 1.0)
    steps = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3))) @ cell
    away = np.linalg.norm(steps[:, None, None] + positions[None] - positions[:, None], axis=-1)
    is_near = (away > 1e-6) & (away < 1.05 * prototype.neighbour)
    species = np.array(prototype.species)
    is_like = species[:, None] == species[None, :]
    like, unlike = (is_near * part for part in (is_like, ~is_like))
    counts = np.bincount(species)[species]
    sums = (part.sum(axis=(0, 2)).tolist() for part in (like, unlike))
    return tuple(sorted(zip(counts.tolist(), *sums, strict=True)))


@pytest.mark.parametrize("name", ["diamond", "perovskite", "wurtzite", "mos2_layer", "rutile"])
def test_distorted_variants_have_lower_symmetry(name):
    parent = PROTOTYPES[name]
    for seed in range(12):
        child = distorted(generator(seed), parent)
        assert child.variant == "distorted"
        assert child.space_group < parent.space_group
        assert child.species == parent.species
        change = np.array(child.cell) @ np.linalg.inv(np.array(parent.cell))
        assert 1e-3 < np.abs(np.array(child.cell) - np.array(parent.cell)).max() < 0.5 or np.any(
            np.abs(np.array(child.fractional) - np.array(parent.fractional)) > 1e-3
        )
        assert 0.7 < np.linalg.det(change) < 1.4
        if parent.is_layer:
            assert child.cell[2] == pytest.approx(parent.cell[2])


def test_distortions_of_cubic_types_reach_every_other_system():
    systems = Counter(distorted(generator(i), PROTOTYPES["diamond"]).system for i in range(80))
    assert set(SYSTEMS) - {"cubic", "hexagonal"} <= set(systems)


@pytest.mark.parametrize("name", ["rutile", "hcp", "californium", "mos2_layer"])
def test_reshaped_types_keep_their_space_group_and_change(name):
    parent = PROTOTYPES[name]
    shapes = []
    for seed in range(8):
        child = reshaped(generator(seed), parent)
        crystal = (np.array(child.cell), np.array(child.fractional), child.species)
        found = spglib.get_symmetry_dataset(crystal, symprec=1e-4)
        assert (child.variant, found.number) == ("ideal", parent.space_group)
        shapes.append(np.concatenate([child.cell, child.fractional]))
    assert np.ptp(shapes, axis=0).max() > 0.02


def test_cubic_types_without_freedom_change_in_size_only():
    child, parent = reshaped(generator(1), PROTOTYPES["fluorite"]), PROTOTYPES["fluorite"]
    ratio = np.array(child.cell)[0, 1] / np.array(parent.cell)[0, 1]
    np.testing.assert_allclose(child.cell, ratio * np.array(parent.cell), atol=1e-12)
    np.testing.assert_allclose(child.fractional, parent.fractional, atol=1e-12)


def test_share_of_variants():
    drawn = [draw_variant(generator(i), PROTOTYPES["fcc"], "emt", 0.4) for i in range(300)]
    assert 80 < sum(p.variant == "ordered" for p in drawn) < 160
    assert all(
        draw_variant(generator(i), PROTOTYPES["fcc"], "emt", 0.0) is PROTOTYPES["fcc"]
        for i in range(20)
    )
