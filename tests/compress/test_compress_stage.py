"""The compress stage on a small dataset: shape of the record, budgets, what must be refused."""

import json

import numpy as np
import pytest
from learning_files import StandInCodec, blocks, provenance, write_inputs

from ephforge.compress import bounds, methods, stage
from ephforge.core.blocks import on_grid
from ephforge.core.netcdf import read

OPTIONS = {
    "budgets": [0.01, 0.1, 1.0],
    "bounds": [0.3, 0.1],
    "broadening": 0.5,
    "temperature": 300.0,
}
ELECTRONS = {"cscl_2": 1.5}


def run(folder, monkeypatch, codec, prototypes, **inputs):
    monkeypatch.setattr(stage, "load_codec", lambda path: codec)
    paths = write_inputs(folder, blocks(prototypes, count=6), **inputs)
    paths["examples"] = str(folder / "examples.nc")
    stage.run(
        **paths, electrons=ELECTRONS, options=OPTIONS, provenance=provenance("compress", OPTIONS)
    )
    return json.loads((folder / "metrics.json").read_text()), read(paths["examples"], "examples")


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        return run(tmp_path_factory.mktemp("compress"), patch, StandInCodec(), ("diamond", "cscl"))


@pytest.fixture(scope="module")
def record(found):
    return found[0]


def test_every_method_has_an_error_at_every_budget(found):
    record, examples = found
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
    assert all(exact[m] < 1e-4 for m in methods.METHODS if not m.startswith("svd")), exact
    true = examples.groups["cscl_2"].variables["true"]
    assert true.shape == (8, 8)
    rebuilt = examples.groups["cscl_2"].variables["svd"]
    error = np.linalg.norm(rebuilt - true) / np.linalg.norm(true)
    assert examples.groups["cscl_2"].attributes["errors"]["svd"] == pytest.approx(error)


def test_errors_are_those_of_the_grid_as_computed(record):
    row = record["first_principles"]["diamond_2"]["1.0"]
    assert 1e-6 < row["autoencoder"] < 1e-3  # what the asymmetry of the file costs
    assert row["orbits"] <= 1.01 * row["autoencoder"]


def test_bits_stay_within_the_budget(record):
    full = 32 * 2 * 2 * 6 * 64
    for budget, row in record["bits"]["diamond_2"].items():
        assert set(row) == set(methods.METHODS)
        assert all(0 <= bits <= float(budget) * full for bits in row.values())
        assert row["pca_joint"] > 0


def test_the_best_classical_method_is_that_of_the_table(record):
    for material, table in record["first_principles"].items():
        for budget, row in table.items():
            best = record["best_classical"][material][budget]
            classical = {m: e for m, e in row.items() if m not in methods.OWN}
            assert best["error"] == min(classical.values()) == row[best["method"]]
            assert best["ratio"] == pytest.approx(row["autoencoder"] / best["error"])
    means = record["geometric_mean"]["0.1"]
    errors = [table["0.1"]["fft"] for table in record["first_principles"].values()]
    assert means["fft"] == pytest.approx(np.sqrt(errors[0] * errors[1]))
    ratios = [table["0.1"]["ratio"] for table in record["best_classical"].values()]
    assert means["ratio"] == pytest.approx(np.sqrt(ratios[0] * ratios[1]))


def test_tighter_bounds_cost_more_bits(record):
    for table in record["error_bounded"].values():
        loose, tight = table["0.3"], table["0.1"]
        assert loose["bound_mev"] == pytest.approx(3 * tight["bound_mev"])
        assert set(loose) == {"bound_mev", "sz3", "orbits", *bounds.APPROXIMATED}
        # an approximation may keep the tighter bound too, and then costs the same
        assert all(0 < loose[m] <= tight[m] < 1 for m in loose if m != "bound_mev")
        assert all(loose[m] < tight[m] for m in ("sz3", "orbits"))


def test_physics_of_rebuilt_maps_approaches_that_of_the_true_ones(record):
    assert record["physics"]["cscl_2"]["quantity"] == "lambda"
    assert record["physics"]["diamond_2"]["quantity"] == "linewidths"
    for found in record["physics"].values():
        assert found["value"] > 0
        fine, coarse = found["deviations"]["1.0"], found["deviations"]["0.01"]
        assert all(fine[m] < 1e-3 for m in methods.METHODS)
        assert coarse["sz3"] > 0.01


def test_what_does_not_apply_is_null_with_a_reason(tmp_path, monkeypatch):
    prototypes, real = ("fcc", "zincblende"), ("rocksalt", "fcc")
    found, _ = run(tmp_path, monkeypatch, StandInCodec(modes=3), prototypes, real=real)
    assert found["first_principles"]["rocksalt_2"]["0.1"]["autoencoder"] is None
    assert "too many modes" in found["reasons"]["rocksalt_2"]["autoencoder"]
    assert found["first_principles"]["fcc_2"]["0.1"]["autoencoder"] is not None
    assert found["best_classical"]["rocksalt_2"]["0.1"]["ratio"] is None
    assert found["geometric_mean"]["0.1"]["autoencoder"] is None
    assert "autoencoder" not in found["error_bounded"]["rocksalt_2"]["0.1"]
    counted = found["synthetic_test_materials"]["0.1"]
    assert counted["autoencoder"] < counted["svd"]


def test_a_codec_that_overdraws_stores_nothing():
    (block, _), *_ = blocks(count=1)

    class Greedy(StandInCodec):
        def stored_numbers(self, block, budget):
            return on_grid(block).size

    trials = methods.try_all(block, [0.1], Greedy(), methods.Pca({}, {}))
    assert trials["autoencoder"].codes[0].bits == 0
    assert not trials["autoencoder"].codes[0].g.any()
    assert trials["pca"].codes is None
