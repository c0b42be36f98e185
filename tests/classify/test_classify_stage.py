"""The classify stage: a code that names the prototype is read off; degenerate campaigns pass."""

import dataclasses
import json

import numpy as np
import pytest
from learning_files import MESHES, StandInCodec, blocks, provenance, write_inputs
from material_blocks import make_block

from ephforge.classify import features, probe, stage

OPTIONS = {"folds": 3, "pca_components": 6, "bonds": {"morse": "pair"}, "real_bonds": {}}


def run(folder, monkeypatch, materials, codec=None, **inputs):
    monkeypatch.setattr(stage, "load_codec", lambda path: codec or StandInCodec())
    paths = write_inputs(folder, materials, **inputs)
    stage.run(**paths, options=OPTIONS, provenance=provenance("classify", OPTIONS))
    return json.loads((folder / "metrics.json").read_text())


def test_a_telling_code_is_read_off(tmp_path, monkeypatch):
    record = run(tmp_path, monkeypatch, blocks())
    found = record["synthetic_test"]
    assert found["latent"] == 1.0
    assert found["chance"] == pytest.approx(0.25)
    assert np.array_equal(found["confusion"]["latent"], 2 * np.eye(4))
    assert found["within_lattice"]["classes"] == ["diamond", "fcc", "zincblende"]
    assert found["within_lattice"]["materials"] == 6
    real = record["first_principles"]
    assert real["diamond_2"]["latent"] == real["diamond_2"]["true"] == "diamond"
    assert real["diamond_2"]["within_lattice"]["latent"] == "diamond"
    assert real["cscl_2"]["within_lattice"]["latent"] is None  # another lattice


@pytest.mark.parametrize("prototypes", [("fcc",), ("fcc", "cscl")])
def test_few_classes_are_no_crash(tmp_path, monkeypatch, prototypes):
    record = run(tmp_path, monkeypatch, blocks(prototypes, 6))
    found = record["synthetic_test"]
    if len(prototypes) == 1:
        assert found["latent"] is None
        assert "fewer than two" in found["reason"]
    else:
        assert found["latent"] == 1.0
    assert found["within_lattice"]["latent"] is None


def test_a_code_that_refuses_some_materials(tmp_path, monkeypatch):
    record = run(tmp_path, monkeypatch, blocks(), codec=StandInCodec(modes=3))
    assert record["synthetic_test"]["latent"] is None  # only fcc is left: one class
    assert record["synthetic_test"]["pca"] is not None
    assert record["first_principles"]["diamond_2"]["latent"] is None


def test_features_ignore_the_scale_and_have_one_length():
    train = [make_block("fcc", 1, **MESHES), make_block("diamond", 2, **MESHES)]
    fitted = features.fit_map_pca(train, 4)
    loud = dataclasses.replace(train[0], g=train[0].g * 1e4)
    for describe in (
        lambda b: features.pca_features(fitted, b),
        lambda b: features.handmade_features(b, 2, 6),
    ):
        assert np.allclose(describe(train[0]), describe(loud), rtol=1e-4, atol=1e-5)
        assert describe(train[0]).shape == describe(train[1]).shape


def test_pca_features_tell_the_numbers_of_bands_and_modes():
    train = [make_block("fcc", 1, **MESHES), make_block("diamond", 2, **MESHES)]
    fitted = features.fit_map_pca(train, 4)
    told = [features.pca_features(fitted, block)[:2].tolist() for block in train]
    assert told == [[2, 3], [2, 6]]


def test_shares_of_bands_and_modes_add_up():
    block = make_block("fcc", 1, **MESHES)
    found = features.handmade_features(block, 3, 4)  # wider than the block
    assert found[:2].tolist() == [2, 3]
    assert found[2:6].sum() == pytest.approx(1)
    assert found[5] == 0
    assert found[6:15].sum() == pytest.approx(1)


def test_folds_never_split_a_family():
    random = np.random.default_rng(0)
    labels, families = ["a", "b"] * 12, [f"f{i // 6}" for i in range(24)]
    clear = np.array([[float(x == "a"), *random.normal(size=2)] for x in labels])
    fitted = probe.fit_probe(clear, labels, families, 4)
    assert fitted.cross_validated == 1.0
    memorised = np.eye(4)[[int(f[1]) for f in families]]  # features know the family only
    by_family = ["a" if f in ("f0", "f1") else "b" for f in families]
    assert probe.fit_probe(memorised, by_family, families, 4).cross_validated < 0.6
