"""What thousands of jobs cost beside their work: planning, sending off, starting."""

import os
import re
import resource
import subprocess
import sys
import time
from statistics import fmean

import pytest
from conftest import Checkout
from slurm_trial import Trial

ONE_RULE = 'rule one:\n    output: "results/{one}.nc"\n    script: "one.py"\n'
# a shard without work: two materials that are not even drawn
WORK = 'groups = {f"{i:06d}": material_group(seed, i, options, clock) for i in range(first, last)}'
NOTHING = '({}, {"status": "rejected", "reason": "no work"})'
NO_WORK = WORK.replace("material_group(seed, i, options, clock)", NOTHING)


def processor_seconds(*command: str, **where) -> float:
    """What a command costs at best: what else the machine does adds some."""
    return min(processor_seconds_once(command, where) for _ in range(3))


def processor_seconds_once(command, where) -> float:
    before = children_so_far()
    subprocess.run([sys.executable, *command], capture_output=True, check=True, **where)
    return children_so_far() - before


def children_so_far() -> float:
    """Processor seconds of the processes that were started here and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def planning(folder, target: str, *more: str) -> float:
    """Processor seconds of Snakemake for one job of a Snakefile, up to where it would start."""
    job = ("-n", "--cores", "1", "--force", "--nolock", target, *more)
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    return processor_seconds("-m", "snakemake", *job, cwd=folder, env=environment)


@pytest.mark.faults
@pytest.mark.parametrize("stage", ["lattice", "coupling"])
def test_start_up_of_a_job(stage, checkout, tmp_path_factory, figures):
    """A job of Slurm starts Snakemake twice, and the stage once."""
    bare = tmp_path_factory.mktemp("bare")
    (bare / "Snakefile").write_text(ONE_RULE)
    (bare / "one.py").write_text("")
    (checkout.folder / "results/lattice").mkdir(parents=True)
    (checkout.folder / "results/lattice/000000-000120.nc").write_text("")  # for the coupling
    shard = f"results/{stage}/000000-000120.nc"
    seconds = {
        "Snakemake": planning(bare, "results/1.nc"),
        "with the Snakefile": planning(checkout.folder, shard, "--allowed-rules", stage),
        "imports of the stage": processor_seconds("-c", f"import ephforge.{stage}.stage"),
    }
    added = seconds["with the Snakefile"] - seconds["Snakemake"]
    own = 2 * added + seconds["imports of the stage"]
    figures[f"start-up of {stage}, processor seconds"] = seconds | {"of ephforge": own}
    assert own < 2


@pytest.mark.faults
def test_a_job_starts_as_fast_in_a_campaign_of_many_shards(checkout):
    """Every job reads the rules: none may list the shards that it does not need."""
    few, many = (
        planning(
            checkout.folder,
            "results/lattice/000000-000002.nc",
            *("--config", f"campaign={{materials: {materials}, shard_size: 2}}"),
        )
        for materials in (4, 100_000)
    )
    assert many < few + 2


@pytest.mark.faults
def test_planning_ten_thousand_jobs(checkout, figures):
    """Processor seconds: what else the machine does adds none."""
    many = "campaign={materials: 10000, shard_size: 2}"
    before = children_so_far()
    plan = checkout.planned("--profile", "slurm", "--config", many)
    seconds = children_so_far() - before
    assert plan["lattice"] == plan["coupling"] == 5_000
    figures["dry run of 10,000 shard jobs, processor seconds"] = seconds
    assert seconds < 60


@pytest.mark.slurm
@pytest.mark.faults
def test_running_thousands_of_jobs(slurm, tmp_path, figures, pytestconfig):
    """Shards of nothing: all that is measured is orchestration."""
    jobs = pytestconfig.getoption("--shard-jobs")
    trial = Trial(Checkout(tmp_path), slurm, campaign={"materials": 2 * jobs, "shard_size": 2})
    trial.checkout.replace("src/ephforge/lattice/stage.py", WORK, NO_WORK)
    targets = ["--until", "lattice"]
    start, before = time.perf_counter(), children_so_far()
    trial.complete(*targets, timeout=60 + 20 * jobs)
    wall, own = time.perf_counter() - start, children_so_far() - before
    states = list(slurm.ended().values())
    assert states.count("COMPLETED") == len(states) == jobs
    assert trial.damaged() == []
    figures["jobs of nothing"] = {
        "jobs": jobs,
        "wall seconds": wall,
        "wall seconds a job": wall / jobs,
        "seconds of a job in Slurm": slurm.mean_seconds(),
        "processor seconds of a job": fmean(slurm.processor_seconds().values()),
        "processor seconds of Snakemake for it": own / jobs,
    }
    assert len(re.findall("Finished jobid", (trial.folder / "run.out").read_text())) == jobs
