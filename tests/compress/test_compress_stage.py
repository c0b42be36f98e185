"""The compress stage on a small dataset: shape of the record, budgets, what must be refused."""

import json

import numpy as np
import pytest
from learning_files import StandInCodec, blocks, provenance, write_inputs

from ephforge.compress import methods, stage
from ephforge.core.blocks import on_grid
from ephforge.core.netcdf import read

OPTIONS = {"budgets": [0.01, 0.1, 1.0]}


def run(folder, monkeypatch, codec, **inputs):
    monkeypatch.setattr(stage, "load_codec", lambda path: codec)
    paths = write_inputs(folder, blocks(), **inputs)
    paths["examples"] = str(folder / "examples.nc")
    stage.run(**paths, options=OPTIONS, provenance=provenance("compress", OPTIONS))
    return json.loads((folder / "metrics.json").read_text()), read(paths["examples"], "examples")


def test_every_method_has_an_error_at_every_budget(tmp_path, monkeypatch):
    record, examples = run(tmp_path, monkeypatch, StandInCodec())
    assert set(record["first_principles"]) == {"diamond_2", "cscl_2"}
    for table in [record["synthetic_test"], *record["first_principles"].values()]:
        assert list(table) == ["0.01", "0.1", "1.0"]
        for row in table.values():
            assert set(row) == set(methods.METHODS)
            assert all(error is not None for error in row.values())
        for method in methods.METHODS:
            falling = [row[method] for row in table.values()]
            assert falling == sorted(falling, reverse=True), method
    exact = record["synthetic_test"]["1.0"]
    assert all(exact[m] < 1e-9 for m in methods.METHODS if m not in ("svd", "svd_irreducible_q"))
    true = examples.groups["cscl_2"].variables["true"]
    assert true.shape == (8, 8)
    rebuilt = examples.groups["cscl_2"].variables["svd"]
    error = np.linalg.norm(rebuilt - true) / np.linalg.norm(true)
    assert examples.groups["cscl_2"].attributes["errors"]["svd"] == pytest.approx(error)


def test_errors_are_those_of_the_grid_as_computed(tmp_path, monkeypatch):
    record, _ = run(tmp_path, monkeypatch, StandInCodec())
    row = record["first_principles"]["diamond_2"]["1.0"]
    assert 1e-6 < row["autoencoder"] < 1e-3  # what the asymmetry of the file costs
    assert row["orbits"] <= row["autoencoder"]


def test_stored_numbers_stay_within_the_budget(tmp_path, monkeypatch):
    record, _ = run(tmp_path, monkeypatch, StandInCodec())
    full = 2 * 2 * 6 * 64
    for budget, row in record["stored_numbers"]["diamond_2"].items():
        assert all(stored <= float(budget) * full for stored in row.values())


def test_what_does_not_apply_is_null_with_a_reason(tmp_path, monkeypatch):
    record, _ = run(tmp_path, monkeypatch, StandInCodec(modes=3), real=("rocksalt", "fcc"))
    assert record["first_principles"]["rocksalt_2"]["0.1"]["autoencoder"] is None
    assert "too many modes" in record["reasons"]["rocksalt_2"]["autoencoder"]
    assert record["first_principles"]["fcc_2"]["0.1"]["autoencoder"] is not None
    counted = record["synthetic_test_materials"]["0.1"]
    assert counted["autoencoder"] < counted["svd"]


def test_a_codec_that_overdraws_stores_nothing():
    (block, _), *_ = blocks(count=1)

    class Greedy(StandInCodec):
        def stored_numbers(self, block, budget):
            return on_grid(block).size

    trials = methods.try_all(block, [0.1], Greedy(), methods.Pca({}, {}))
    assert trials["autoencoder"].codes[0].stored == 0
    assert not trials["autoencoder"].codes[0].g.any()
    assert trials["pca"].codes is None
