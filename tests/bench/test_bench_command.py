"""ephforge bench --quick: what is in the record, and that it agrees with itself."""

import json
import math

import pytest
from typer.testing import CliRunner

from ephforge.bench import suite
from ephforge.cli.main import app

ROW = {
    "section": str,
    "name": str,
    "k_mesh": list,
    "q_mesh": list,
    "orbitals": int,
    "repeats": int,
    "count": dict,
    "clock": str,
    "wall_seconds": dict,
    "seconds": dict,
    "elements_per_wall_second": float,
    "elements_per_second": float,
    "gflops": float,
    "gbytes": float,
    "reference": dict,
    "floor_seconds": float,
    "share_of_floor": float,
    "result_bytes": int,
    "start_memory_bytes": int,
    "peak_memory_bytes": int,
    "import_seconds": float,
    "first_call_seconds": float,
    "device": dict,
}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Output and record of one quick run."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    result = CliRunner().invoke(app, ["bench", "--quick", "-o", str(path)])
    assert result.exit_code == 0, result.stderr
    return result.stdout, json.loads(path.read_text())


def rows_of(record):
    return record["two_centre"] + record["wannier"]


def test_record_has_its_sections_and_what_it_was_taken_on(quick):
    _, record = quick
    assert record["settings"]["size"] == "quick"
    assert {"jax", "numpy", "python"} <= set(record["versions"])
    assert record["machine"]["memory_gib"] > 0.1
    assert record["machine"]["threads"] >= 1
    assert record["two_centre"]
    assert record["wannier"]
    for name in ("gemm_gflops", "copy_gbytes"):
        found = record["floor"][name]
        assert 0 < found["smallest"] <= found["median"] <= found["largest"]
    assert set(record["floor"]["eigenproblem_seconds"]) == {"4", "6", "8"}


def test_rows_have_their_fields(quick):
    for row in rows_of(quick[1]):
        for name, kind in ROW.items():
            assert isinstance(row[name], kind), name
        assert 0 < row["seconds"]["smallest"] <= row["seconds"]["median"]
        assert row["seconds"]["median"] <= row["seconds"]["largest"]


def test_rates_follow_from_counts_and_seconds(quick):
    for row in rows_of(quick[1]):
        count, seconds = row["count"], row["seconds"]["median"]
        n_k, n_q = math.prod(row["k_mesh"]), math.prod(row["q_mesh"])
        assert count["elements"] == n_k * n_q * 6 * row["orbitals"] ** 2
        assert row["result_bytes"] == 8 * count["elements"]
        assert row["elements_per_second"] == pytest.approx(count["elements"] / seconds)
        assert row["precision"] == "double"
        assert row["gbytes"] == pytest.approx(16e-9 * count["elements"] / seconds)
        flops = 16 * row["orbitals"] * count["elements"] + count["fourier_flops"]
        assert row["gflops"] == pytest.approx(1e-9 * flops / seconds)
        assert (count["fourier_flops"] > 0) == (row["section"] == "wannier")
        assert row["peak_memory_bytes"] >= row["result_bytes"]


def test_second_process_finds_the_kernels_compiled(quick):
    # a shape, not a gate: every number is there and a first call is longer than a later one
    for section in ("two_centre", "wannier"):
        start = quick[1]["start"][section]
        assert start["first_call"] > start["later_call"] > 0
        assert start["first_call_again"] > 0
        assert start["import"] > 0


def test_table_has_a_line_for_each_case(quick):
    output, record = quick
    titles, *lines = output.splitlines()
    assert "M/s" in titles
    for row, line in zip(rows_of(record), lines, strict=False):
        assert line.startswith(row["section"])
        assert f"{row['count']['elements']}" in line.split()


def test_default_and_full_sizes_grow_in_points_and_orbitals():
    cases = list(suite.requests("default"))
    two_centre = [c for c in cases if c["section"] == "two_centre"]
    assert len({c["orbitals"] for c in two_centre}) >= 3
    assert len({(*c["k_mesh"], *c["q_mesh"]) for c in two_centre}) >= 3
    assert all(c["repeats"] == 5 for c in cases)
    full = [c for c in suite.requests("full") if c not in cases]
    assert [12] * 3 in [c["q_mesh"] for c in full]


def test_a_model_is_timed_once_on_each_mesh():
    found = [c for c in suite.requests("default", "si.nc") if c["section"] == "wannier"]
    meshes = [(*c["k_mesh"], *c["q_mesh"], c["precision"]) for c in found]
    assert len(meshes) == len(set(meshes))
    assert {c["model"] for c in found} == {"si.nc"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--quick", "--full"], "expected one of them"),
        (["--quick", "--model", "none.nc"], "none.nc: no such file"),
    ],
)
def test_mistakes_are_one_line(words, expected, tmp_path):
    result = CliRunner().invoke(app, ["bench", "-o", str(tmp_path / "b.json"), *words])
    assert result.exit_code == 1
    assert expected in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "b.json").exists()


def test_an_unknown_folder_is_told_before_the_minute(tmp_path, monkeypatch):
    def not_reached(*_):
        raise AssertionError("timed before the output was looked at")

    monkeypatch.setattr(suite, "run", not_reached)
    result = CliRunner().invoke(app, ["bench", "-o", str(tmp_path / "none" / "b.json")])
    assert result.exit_code == 1
    assert "no such folder" in result.stderr
