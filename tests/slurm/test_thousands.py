"""What thousands of jobs cost beside their work: planning, sending off, starting."""

import json
import re
import resource
import subprocess
import sys
import time
from statistics import fmean

import pytest
from conftest import Checkout
from slurm_trial import Trial

START_UP = """
import json, time
def seconds(code):
    start = time.process_time()
    exec(code, globals())
    return time.process_time() - start
print(json.dumps({
    "Snakemake": seconds("from snakemake.cli import get_argument_parser; get_argument_parser()"),
    "Snakefile": seconds("import ephforge.config, ephforge.layers, ephforge.preflight"),
    "fingerprint": seconds("ephforge.layers.code_version(STAGE)"),
    "stage": seconds("import importlib; importlib.import_module(f'ephforge.{STAGE}.stage')"),
}))
"""
# a shard without work: two materials that are not even drawn
WORK = 'groups = {f"{i:06d}": material_group(seed, i, options, clock) for i in range(first, last)}'
NOTHING = '({}, {"status": "rejected", "reason": "no work"})'
NO_WORK = WORK.replace("material_group(seed, i, options, clock)", NOTHING)


@pytest.mark.parametrize("stage", ["lattice", "coupling"])
def test_start_up_of_a_job(stage, figures):
    """Processor seconds; a job of Slurm starts Snakemake twice, and the stage once."""
    code = f"STAGE = {stage!r}\n{START_UP}"
    command = [sys.executable, "-c", code]
    told = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(3)]
    runs = [json.loads(text) for text in told]
    best = min(runs, key=lambda found: sum(found.values()))
    figures[f"start-up of {stage}, processor seconds"] = best
    assert best["Snakefile"] + best["fingerprint"] < 1  # twice that is the share of a job


@pytest.mark.faults
def test_planning_ten_thousand_jobs(checkout, figures):
    """Processor seconds: what else the machine does adds none."""
    many = "campaign={materials: 10000, shard_size: 2}"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    plan = checkout.planned("--profile", "slurm", "--config", many)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
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
    start = time.perf_counter()
    trial.complete(*targets, timeout=60 + 20 * jobs)
    wall = time.perf_counter() - start
    states = list(slurm.ended().values())
    assert states.count("COMPLETED") == len(states) == jobs
    assert trial.damaged() == []
    figures["jobs of nothing"] = {
        "jobs": jobs,
        "wall seconds": wall,
        "wall seconds a job": wall / jobs,
        "seconds of a job in Slurm": slurm.mean_seconds(),
        "processor seconds of a job": fmean(slurm.processor_seconds().values()),
    }
    assert len(re.findall("Finished jobid", (trial.folder / "run.out").read_text())) == jobs
