"""The latent stage: neighbours by brute force, every material in the plane, refusals reported."""

import json

import numpy as np
from learning_files import StandInCodec, blocks, provenance, write_inputs

from ephforge.dataset.splits import read_materials
from ephforge.latent import stage

OPTIONS = {"neighbours": 3}


def run(folder, monkeypatch, materials, codec):
    monkeypatch.setattr(stage, "load_codec", lambda path: codec)
    paths = write_inputs(folder, materials)
    stage.run(**paths, options=OPTIONS, provenance=provenance("latent", OPTIONS))
    return json.loads((folder / "metrics.json").read_text()), paths


def test_neighbours_agree_with_brute_force(tmp_path, monkeypatch):
    materials, codec = blocks(), StandInCodec()
    record, paths = run(tmp_path, monkeypatch, materials, codec)
    train = np.array([codec.features(b) for b, split in materials if split == "train"])
    spread = np.where(train.std(axis=0) > 0, train.std(axis=0), 1)
    cloud = np.array([codec.features(block) for block, _ in materials]) / spread
    target = codec.features(read_materials(paths["materials"])[0]) / spread
    distance = np.linalg.norm(cloud - target, axis=1)
    found = record["neighbours"]["diamond_2"]
    assert [n["name"] for n in found] == [materials[i][0].name for i in np.argsort(distance)[:3]]
    assert np.allclose([n["distance"] for n in found], np.sort(distance)[:3])
    pairs = np.linalg.norm(cloud[:, None] - cloud[None], axis=-1) + np.diag([np.inf] * len(cloud))
    assert np.isclose(record["typical_distance"], np.median(pairs.min(axis=1)))


def test_every_material_has_a_place(tmp_path, monkeypatch):
    record, _ = run(tmp_path, monkeypatch, blocks(), StandInCodec())
    splits = [point["split"] for point in record["points"]]
    assert {s: splits.count(s) for s in set(splits)} == {
        "train": 8,
        "test": 8,
        "validation": 8,
        "real": 2,
    }


def test_refused_materials_are_named(tmp_path, monkeypatch):
    record, _ = run(tmp_path, monkeypatch, blocks(), StandInCodec(modes=3))
    assert "too many modes" in record["reasons"]["diamond_2"]
    assert record["neighbours"] == {}
    assert {point["prototype"] for point in record["points"]} == {"fcc"}


def test_novelty_has_a_limit_where_families_allow_it(tmp_path, monkeypatch):
    record, _ = run(tmp_path, monkeypatch, blocks(), StandInCodec())
    found = record["novelty"]
    assert found["limit"] is None  # 95 % of new families, from four
    assert (found["families"], len(found["validation"]), len(found["test"])) == (4, 8, 8)
    monkeypatch.setattr(stage, "LEVEL", 0.8)
    found = run(tmp_path, monkeypatch, blocks(), StandInCodec())[0]["novelty"]
    assert found["limit"] == max(found["validation"])  # 4 of 4 + 1 families


def test_a_stranger_is_beyond_the_limit(tmp_path, monkeypatch):
    class Shifted(StandInCodec):
        def features(self, block):
            return super().features(block) + 10.0 * block.name.startswith("diamond")

    monkeypatch.setattr(stage, "LEVEL", 0.8)
    found = run(tmp_path, monkeypatch, blocks(), Shifted())[0]["novelty"]
    scores = found["first_principles"]
    assert scores["diamond_2"] > found["limit"]
    assert scores["cscl_2"] <= found["limit"]


def test_one_training_material_is_enough(tmp_path, monkeypatch):
    record, _ = run(tmp_path, monkeypatch, blocks(("fcc",), 2), StandInCodec())
    assert len(record["neighbours"]["diamond_2"]) == 2
