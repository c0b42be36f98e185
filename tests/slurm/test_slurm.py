"""The campaign up to its dataset through a real Slurm controller on this machine."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import TINY

pytestmark = pytest.mark.slurm


def requested(slurm) -> dict[str, tuple]:
    """Rule -> partition, time, memory and GPU of its jobs, as Slurm recorded them."""
    found = {}
    for job in slurm.call("scontrol", "show", "job", "--oneliner").splitlines():
        said = dict(word.split("=", 1) for word in job.split() if "=" in word)
        rule = re.match(r"rule_([a-z]+)", said["Comment"]).group(1)
        names = ("Partition", "TimeLimit", "MinMemoryNode", "TresPerJob")
        found.setdefault(rule, set()).add(tuple(said.get(name) for name in names))
    assert all(len(kinds) == 1 for kinds in found.values())
    return {rule: kinds.pop() for rule, kinds in found.items()}


def test_shards_run_as_slurm_jobs(slurm, checkout):
    shutil.copy(TINY, checkout.folder / "tiny.yaml")
    run = checkout.snakemake(
        "results/dataset/dataset.nc",
        *("--profile", "slurm", "--configfile", "tiny.yaml"),
        *("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"),
        environment=slurm.environment,
        timeout=400,
    )
    assert run.returncode == 0, run.stdout[-5000:]
    assert (checkout.folder / "results/dataset/card.json").is_file()
    jobs = (slurm.state / "log/jobcomp.txt").read_text().splitlines()
    assert len(jobs) == 5  # two shards of lattice and of coupling, one dataset
    assert all("JobState=COMPLETED" in job for job in jobs)
    assert len(list((checkout.folder / "logs").glob("coupling/*.log"))) == 2
    assert requested(slurm) == {
        "lattice": ("cpu", "01:00:00", "2000M", None),
        "coupling": ("cpu", "01:00:00", "6000M", "gres:gpu:1"),
        "dataset": ("cpu", "01:00:00", "4000M", None),
    }
    assert (
        checkout.planned(
            "results/dataset/dataset.nc", "--profile", "slurm", "--configfile", "tiny.yaml"
        )
        == {}
    )


SETTLE = "from ephforge.core.devices import settle; print(settle())"


@pytest.mark.parametrize("device", ["", "cpu"])
def test_a_job_that_got_a_gpu_is_told_that_jax_has_none(slurm, tmp_path, device):
    """As long as it is not told to do without; the GPUs of this controller are made up."""
    if importlib.util.find_spec("jax_plugins"):
        pytest.skip("JAX for GPUs is installed and might find one")
    clean = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    clean |= slurm.environment | {"EPHFORGE_DEVICE": device}
    script = f'#!/bin/sh\n"{sys.executable}" -c "{SETTLE}"\n'
    options = ("--wait", "--gpus=1", "--mem=2000", f"--output={tmp_path}/job.txt")
    run = subprocess.run(
        ["sbatch", *options], input=script, env=clean, capture_output=True, text=True, timeout=120
    )
    said = (tmp_path / "job.txt").read_text().strip()
    if device == "cpu":
        assert (run.returncode, said) == (0, "cpu"), run.stderr
    else:
        assert run.returncode == 1
        assert "set by Slurm, asks for a GPU, found the CPU only" in said.splitlines()[-1]
