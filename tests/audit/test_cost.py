"""The cost of a made-up campaign whose numbers are known."""

import json

import pytest
from material_blocks import make_block
from typer.testing import CliRunner

from ephforge.audit.cost import extrapolate, measure, summarise
from ephforge.cli.main import app
from ephforge.core.blocks import block_variables
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import write

SMALL = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2)}
LATTICE = {"seconds": {"relax": 3.0, "draw": 1.0}, "wall_seconds": 5.0}
COUPLING = {"seconds": {"start_up": 2.0, "compile": 4.0, "compute": 10.0}, "wall_seconds": 15.0}


def shard(folder, first, last):
    """Every second material accepted: 2 x 2 bands, 3 modes."""
    name, groups = f"{first:06d}-{last:06d}.nc", {}
    for i in range(first, last):
        variables, attributes = block_variables(make_block("fcc", i, **SMALL))
        status = {"status": "accepted" if i % 2 else "rejected"}
        groups[f"{i:06d}"] = (variables if i % 2 else {}, attributes | status)
    write(folder / "lattice" / name, "lattice", {}, LATTICE, groups)
    write(folder / "coupling" / name, "coupling", {}, COUPLING, groups)


def benchmark(folder, stage, name, seconds):
    path = folder / "benchmarks" / stage / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:00\t100\n")


@pytest.fixture
def results(tmp_path):
    for first in (0, 4):
        shard(tmp_path / "results", first, first + 4)
        name = f"{first:06d}-{first + 4:06d}"
        benchmark(tmp_path, "lattice", name, 7.0)
        benchmark(tmp_path, "coupling", name, 20.0)
    return tmp_path / "results"


def test_seconds_by_step_and_per_material(results):
    found = summarise(measure(results))
    assert (found["drawn"], found["accepted"], found["shards"]) == (8, 4, 2)
    assert found["matrices"] == 4 * 2 * 2 * 3
    # 7 s of the lattice job, 5 of them in the stage: 4 in known steps
    assert found["stages"]["lattice"]["seconds"] == {
        "relax": 6.0, "draw": 2.0, "other": 2.0, "start_up": 4.0
    }  # fmt: skip
    # 20 s of the coupling job: 2 before the stage, 15 in it, so 3 to write and to end
    coupling = found["stages"]["coupling"]
    assert coupling["seconds"] == {
        "start_up": 4.0, "compile": 8.0, "compute": 20.0, "other": 2.0, "write": 6.0
    }  # fmt: skip
    assert sum(coupling["shares"].values()) == pytest.approx(1)
    assert coupling["shares"]["compute"] == pytest.approx(0.5)
    assert coupling["seconds_per_accepted"] == pytest.approx(10.0)
    assert found["seconds_per_accepted"] == pytest.approx(27.0 * 2 / 4)
    size = sum(path.stat().st_size for path in (results / "coupling").iterdir())
    assert coupling["bytes_per_accepted"] == pytest.approx(size / 4)


def test_a_larger_campaign_pays_start_up_once_for_each_job(results):
    summary = summarise(measure(results))
    large = extrapolate(summary, materials=800, shard_size=100, nodes=2, cores=5)
    assert (large["accepted"], large["jobs"]) == (400, 16)
    # lattice: 8 jobs of 2 s, and 2.5 s for each accepted one; coupling: 8 of 6 s, and 7 s
    assert large["core_hours"]["lattice"] == pytest.approx((8 * 2 + 400 * 2.5) / 3600)
    assert large["core_hours"]["coupling"] == pytest.approx((8 * 6 + 400 * 7) / 3600)
    total = 8 * 2 + 400 * 2.5 + 8 * 6 + 400 * 7
    assert large["cpu_partition"]["hours"] == pytest.approx(total / 3600 / 10)
    assert large["cpu_partition"]["hours_of_the_longest_path"] == pytest.approx(total / 8 / 3600)
    assert large["gpu_node"]["coupling_hours"] is None
    # a campaign of the same size and shards takes what this one took
    same = extrapolate(summary, materials=8, shard_size=4, nodes=1, cores=1)
    assert same["cpu_partition"]["hours"] * 3600 == pytest.approx(2 * 7 + 2 * 20)
    assert same["matrices"] == pytest.approx(summary["matrices"])


def test_shards_alone_say_what_they_know(results):
    for path in (results.parent / "benchmarks").rglob("*.tsv"):
        path.unlink()
    found = summarise(measure(results))["stages"]
    assert found["coupling"]["measured_by"] == "shards alone"
    assert "write" not in found["coupling"]["seconds"]
    assert found["lattice"]["seconds_per_accepted"] == pytest.approx(2.5)


def test_the_command_prints_a_table_and_writes_a_record(results, tmp_path):
    out = tmp_path / "cost.json"
    result = CliRunner().invoke(app, ["cost", str(results), "-o", str(out), "--materials", "800"])
    assert result.exit_code == 0
    assert "4 materials accepted of 8 drawn, 48 matrices, in 2 shards" in result.stdout
    assert "compile" in result.stdout
    assert "not measured here" in result.stdout
    record = json.loads(out.read_text())
    assert record["measured"]["accepted"] == 4
    assert record["extrapolated"]["materials"] == 800


def test_what_cannot_be_told(results, tmp_path):
    with pytest.raises(EphforgeError, match="no shards in"):
        measure(tmp_path / "nothing")
    (results / "coupling/000004-000008.nc").unlink()
    with pytest.raises(EphforgeError, match=r"000004-000008\.nc is of one stage only"):
        measure(results)
    (results / "coupling/000004-000008.nc").write_text("junk")
    with pytest.raises(EphforgeError, match=r"000004-000008\.nc: not a whole shard"):
        measure(results)


def test_first_jobs_that_compile_do_not_count_for_all(results):
    shard(results, 8, 12)
    contents = {"seconds": {"compile": 400.0, "compute": 10.0}, "wall_seconds": 411.0}
    variables, attributes = block_variables(make_block("fcc", 8, **SMALL))
    groups = {f"{i:06d}": (variables, attributes | {"status": "accepted"}) for i in range(8, 12)}
    write(results / "coupling/000008-000012.nc", "coupling", {}, contents, groups)
    start = summarise(measure(results))["stages"]["coupling"]["job_seconds_at_start"]
    assert start == {"median": 6.0, "largest": 400.0}
