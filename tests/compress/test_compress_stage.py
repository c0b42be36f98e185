"""The compress stage on a small dataset: shape of the record, budgets, what must be refused."""

import dataclasses
import json

import numpy as np
import pytest
from learning_files import StandInCodec, blocks, provenance, write_inputs
from material_blocks import make_block

from ephforge.baselines import measure
from ephforge.baselines.pca import fit
from ephforge.compress import bounds, comparison, methods, stage
from ephforge.core.blocks import on_grid
from ephforge.core.netcdf import read
from ephforge.model.codec import Code

OPTIONS = {
    "budgets": [0.01, 0.1, 1.0],
    "test_materials": 1,
    "bounds": [0.3, 0.1],
    "broadening": 0.5,
    "temperature": 300.0,
    "soft_mode": 1.0,
}
ELECTRONS = {"cscl_2": 1.5}


def run(folder, monkeypatch, codec, prototypes):
    monkeypatch.setattr(stage, "load_codec", lambda path: codec)
    paths = write_inputs(folder, blocks(prototypes, count=6))
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


def test_as_many_materials_are_tested_as_asked(record):
    assert set(record["synthetic_test_materials"]["0.1"].values()) == {1}


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


@pytest.mark.parametrize("share", [0.3, 0.03])
def test_bounds_hold_where_partners_differ_by_more(share):
    """Such are maps of a model on a finer mesh than its own."""
    block = make_block("diamond")
    noise = 1 + 0.5 * np.random.default_rng(0).random(block.g.shape)
    rough = dataclasses.replace(block, g=np.float32(block.g * noise), g_grid=None)
    trials = dict.fromkeys(bounds.APPROXIMATED, methods.Trial(None, "not tried"))
    trials["fft"] = methods.Trial([measure.Code(1.01 * on_grid(rough), 100)])
    ((name, found),) = bounds.error_bounded(rough, trials, [share]).items()
    assert float(name) == share
    assert bounds._broken(rough) > found["bound_mev"] * 0.9
    assert 0 < found["fft"] < found["orbits"]
    assert 0 < found["sz3"] < 2 * found["orbits"]


def test_physics_of_rebuilt_maps_approaches_that_of_the_true_ones(record):
    assert record["physics"]["cscl_2"]["quantity"] == "lambda"
    assert record["physics"]["diamond_2"]["quantity"] == "linewidths"
    for found in record["physics"].values():
        assert found["value"] > 0
        fine, coarse = found["deviations"]["1.0"], found["deviations"]["0.01"]
        assert all(fine[m] < 1e-3 for m in methods.METHODS)
        assert coarse["sz3"] > 0.01


def test_what_does_not_apply_is_null_with_a_reason(monkeypatch):
    """A codec for three modes on a material of six; classical methods are not asked."""
    for method in ("svd", "svd_irreducible_q", "svd_joint", "tucker", "fft", "sz3", "zfp"):
        monkeypatch.setattr(methods, method, lambda *_: None)
    monkeypatch.setattr(methods, "quantised_orbits", lambda *_: None)
    (block, _), *_ = blocks(("rocksalt",), count=1)
    trials = methods.try_all(block, [0.1], StandInCodec(modes=3), methods.Pca({}, {}))
    assert trials["autoencoder"].codes is None
    assert "too many modes" in trials["autoencoder"].reason
    assert "no training material" in trials["pca"].reason


def test_without_the_autoencoder_there_is_no_ratio():
    row = {"autoencoder": None, "linear": 0.1, "svd": 0.4, "fft": 0.2}
    tables = {"a": {"0.1": row}, "b": {"0.1": row | {"autoencoder": 0.1, "fft": 0.8}}}
    best = comparison.best_classical(tables)
    assert best["a"]["0.1"] == {"method": "fft", "error": 0.2, "ratio": None}
    assert best["b"]["0.1"] == {"method": "svd", "error": 0.4, "ratio": 0.25}
    means = comparison.geometric_means(tables)["0.1"]
    assert means["autoencoder"] is means["ratio"] is None
    assert means["fft"] == pytest.approx(0.4)


def test_a_codec_that_overdraws_is_found_out():
    (block, _), *_ = blocks(count=1)

    class Greedy(StandInCodec):
        def encode_all(self, block, bits):
            return [Code(b"1" * block.g.size, block.g) for _ in bits]

    with pytest.raises(ValueError, match=f"autoencoder, {block.name}: stored"):
        methods.try_all(block, [0.001], Greedy(), fit([block], [block]))
