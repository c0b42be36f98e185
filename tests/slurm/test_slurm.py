"""The campaign up to its dataset through a real Slurm controller on this machine."""

import shutil

import pytest
from conftest import TINY

pytestmark = pytest.mark.slurm


def test_shards_run_as_slurm_jobs(slurm, checkout):
    shutil.copy(TINY, checkout.folder / "tiny.yaml")
    run = checkout.snakemake(
        "results/dataset/dataset.nc",
        *("--profile", "slurm", "--configfile", "tiny.yaml"),
        *("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"),
        environment=slurm.environment,
        timeout=170,
    )
    assert run.returncode == 0, run.stdout[-5000:]
    assert (checkout.folder / "results/dataset/card.json").is_file()
    jobs = (slurm.state / "log/jobcomp.txt").read_text().splitlines()
    assert len(jobs) == 5  # two shards of lattice and of coupling, one dataset
    assert all("JobState=COMPLETED" in job for job in jobs)
    assert len(list((checkout.folder / "logs").glob("coupling/*.log"))) == 2
    assert (
        checkout.planned(
            "results/dataset/dataset.nc", "--profile", "slurm", "--configfile", "tiny.yaml"
        )
        == {}
    )
