"""The campaign up to its dataset through a real Slurm controller on this machine."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import TINY

pytestmark = pytest.mark.slurm

STARTER = Path(__file__).with_name("slurm-up.sh")
PROGRAMS = ("sbatch", "squeue", "slurmctld", "slurmd", "munged")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Environment in which sbatch reaches a controller of our own."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        pytest.skip(f"Slurm is not installed: no {', '.join(missing)} (Debian: slurm-wlm, munge)")
    if os.geteuid() != 0:
        pytest.skip("starting a Slurm controller of our own needs root")
    state = tmp_path_factory.mktemp("slurm")
    settings = {
        "SLURM_TEST_STATE": str(state),
        "SLURM_TEST_PORT": str(20000 + os.getpid() % 20000 * 2),
        "SLURM_TEST_MEM": "64000",  # advertised only: what the rules ask for has to fit
        "SLURM_TEST_CGROUP": "no",
        # the GPUs of this controller are made up: its jobs are told to do without
        "EPHFORGE_DEVICE": "cpu",
    }
    environment = os.environ | settings

    def starter(command):
        return subprocess.run(
            ["bash", STARTER, command], env=environment, capture_output=True, text=True, check=False
        )

    started = starter("start")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        conf = {"SLURM_CONF": str(state / "slurm.conf")}
        yield settings | conf | {"PATH": f"{state / 'bin'}:{os.environ['PATH']}"}, state
    finally:
        starter("stop")


def test_shards_run_as_slurm_jobs(slurm, checkout):
    environment, state = slurm
    shutil.copy(TINY, checkout.folder / "tiny.yaml")
    run = checkout.snakemake(
        "results/dataset/dataset.nc",
        *("--profile", "slurm", "--configfile", "tiny.yaml"),
        *("--slurm-init-seconds-before-status-checks", "2", "--latency-wait", "5"),
        environment=environment,
        timeout=170,
    )
    assert run.returncode == 0, run.stdout[-5000:]
    assert (checkout.folder / "results/dataset/card.json").is_file()
    jobs = (state / "log/jobcomp.txt").read_text().splitlines()
    assert len(jobs) == 5  # two shards of lattice and of coupling, one dataset
    assert all("JobState=COMPLETED" in job for job in jobs)
    assert len(list((checkout.folder / "logs").glob("coupling/*.log"))) == 2
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
    environment, _ = slurm
    clean = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    clean |= environment | {"EPHFORGE_DEVICE": device}
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
