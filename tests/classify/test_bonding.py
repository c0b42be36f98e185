"""Bonding within one lattice: told by |g| alone, by family, with intervals that hold."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.classify import accuracy, shape_features
from ephforge.classify.bonding import Bonds, compared
from ephforge.classify.probe import fit_balanced
from ephforge.config import Config

MESHES = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2)}
BONDS = Bonds({"morse": "pair", "tersoff": "covalent"}, {"real": "pair"})


def material(i, prototype, potential, basis, name=None):
    """Of a pair potential the first mode is strong."""
    family = f"{prototype}/{potential}/{basis}"
    block = make_block(prototype, i, family=family, name=name, **MESHES)
    g = block.g.copy()
    g[:, :, 0] *= {"morse": 3.0, "tersoff": 1.0, "emt": 2.0, "dft": 3.0}[potential]
    return dataclasses.replace(block, g=g, labels=block.labels | {"potential": potential})


def splits():
    found = {"train": [], "test": []}
    for i in range(48):
        prototype = ("diamond", "rocksalt", "fcc")[i % 3]
        potential = ("morse", "tersoff")[i // 3 % 2]
        basis = ("s", "sp3", "sp3s*", "sp3d5")[i // 6 % 4]
        split = "test" if basis == "sp3d5" else "train"
        if prototype != "fcc" or potential == "morse":  # one kind of bonds among those of 3 modes
            found[split].append(material(i, prototype, potential, basis))
    found["train"].append(material(99, "diamond", "emt", "s"))  # bonding not said
    return found


def features(train):
    return {
        "latent": lambda block: shape_features.strengths(block),
        "pca": shape_features.block_pca(train, 4),
    }


def test_bonds_are_told_within_a_shape():
    real = [material(7, "diamond", "dft", "wannier", name="real")]
    record = compared(splits(), real, BONDS, features, 3)
    (shape,) = record["shapes"]  # those of fcc have one kind of bonds
    assert shape["prototypes"] == ["diamond", "rocksalt"]
    assert shape["classes"] == ["covalent", "pair"]
    assert shape["materials"] == {"train": 24, "test": 8}
    (lattice,) = record["lattices"]
    assert (lattice["materials"], lattice["chance"]) == (8, 0.5)
    found = lattice["test"]["latent"]["linear"]
    assert found["accuracy"][0] == found["balanced"][0] == 1.0
    assert 0.6 < found["accuracy"][1] < 0.7  # Wilson's lower end of 8 of 8
    assert record["first_principles"]["real"]["true"] == "pair"
    assert record["first_principles"]["real"]["latent"]["linear"] == "pair"


def test_chance_counts_all_that_could_be_said():
    """Held-out materials of one kind of bonds do not make a guess right."""
    blocks = splits()
    blocks["test"] = [b for b in blocks["test"] if b.labels["potential"] == "morse"]
    (lattice,) = compared(blocks, [], BONDS, features, 3)["lattices"]
    assert (lattice["materials"], lattice["chance"]) == (4, 0.5)


def test_nothing_to_tell_is_no_crash():
    only = {"train": splits()["train"][:1], "test": []}
    found = compared(only, [], BONDS, features, 3)
    assert found == {"shapes": [], "lattices": [], "first_principles": {}}


def test_no_test_materials_is_no_crash():
    found = compared(splits() | {"test": []}, [], BONDS, features, 3)
    assert found["lattices"] == []
    assert found["shapes"][0]["test"]["latent"]["linear"] is None


@pytest.mark.parametrize("kind", ["linear", "neighbours"])
def test_probes_choose_how_many_features_to_use(kind):
    random = np.random.default_rng(0)
    labels, families = ["a", "b"] * 30, [f"f{i // 10}" for i in range(60)]
    noise = 3 * random.normal(size=(60, 200))
    noise[:, 0] = [5.0 * (label == "a") for label in labels]
    found = fit_balanced(kind, noise, labels, families, 3)
    assert found.cross_validated > 0.9
    assert found.pipeline[0].kw_args["count"] == 16


def test_wilson_is_that_of_the_literature():
    found = accuracy.wilson(81, 263)  # Newcombe, Stat. Med. 17, 857 (1998), table I
    assert found.value == pytest.approx(0.308, abs=1e-3)
    assert found[1:] == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_balanced_accuracy_weighs_classes_alike():
    right = np.array([True] * 90 + [False] * 10)
    found = accuracy.balanced(right, np.array([0] * 90 + [1] * 10))
    assert found.value == 0.5
    assert found.low <= found.value <= found.high


def test_fewer_errors_than_another():
    mine, other = np.ones(100, bool), np.ones(100, bool)
    mine[:10], other[:30] = False, False
    found = accuracy.fewer_errors(mine, other)
    assert found.value == pytest.approx(2 / 3)
    assert 0.4 < found.low < found.value < found.high < 0.9
    assert accuracy.fewer_errors(mine, np.ones(100, bool)) is None


def test_features_of_a_shape_ignore_the_scale():
    train = [material(i, "diamond", "morse", "s") for i in range(4)]
    loud = dataclasses.replace(train[0], g=1e3 * train[0].g)
    scores = shape_features.block_pca(train, 3)
    for describe in (scores, shape_features.strengths, shape_features.degeneracies):
        assert np.allclose(describe(train[0]), describe(loud), atol=1e-5)
    assert scores(train[0]).shape == (3,)


def test_real_materials_have_bonds_of_known_kinds():
    section = Config().classify
    assert set(section.real_bonds.values()) <= set(section.bonds.values())
