"""Who asks for a GPU gets one or an error; processes share its memory."""

import os
import subprocess
import sys

import jax
import pytest

from ephforge.core import devices
from ephforge.core.devices import Device, request, settle, sharing_memory
from ephforge.core.errors import EphforgeError

IN_A_JOB = {"SLURM_JOB_ID": "17"}
ENVIRONMENTS = {
    "nothing": ({}, Device.AUTO),
    "auto": ({"EPHFORGE_DEVICE": "auto"}, Device.AUTO),
    "empty": ({"EPHFORGE_DEVICE": "", "JAX_PLATFORMS": ""}, Device.AUTO),
    "gpu": ({"EPHFORGE_DEVICE": "gpu"}, Device.GPU),
    "cpu": ({"EPHFORGE_DEVICE": "cpu"}, Device.CPU),
    "jax gpu": ({"JAX_PLATFORMS": "cuda"}, Device.GPU),
    "jax either": ({"JAX_PLATFORMS": "cuda,cpu"}, Device.GPU),
    "jax cpu": ({"JAX_PLATFORMS": "cpu"}, Device.CPU),
    "a job": (IN_A_JOB, Device.AUTO),
    "job": (IN_A_JOB | {"SLURM_JOB_GPUS": "0"}, Device.GPU),
    "step": (IN_A_JOB | {"SLURM_STEP_GPUS": "3"}, Device.GPU),
    "node": (IN_A_JOB | {"SLURM_GPUS_ON_NODE": "1"}, Device.GPU),
    "no gpus on node": (IN_A_JOB | {"SLURM_GPUS_ON_NODE": "0"}, Device.AUTO),
    "visible": (IN_A_JOB | {"CUDA_VISIBLE_DEVICES": "0"}, Device.GPU),
    "hidden": (IN_A_JOB | {"CUDA_VISIBLE_DEVICES": "-1"}, Device.AUTO),
    "no files": (IN_A_JOB | {"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, Device.AUTO),
    # on a workstation it hides GPUs from others and asks for nothing
    "visible without a job": ({"CUDA_VISIBLE_DEVICES": "0"}, Device.AUTO),
    "left over from a job": ({"SLURM_JOB_GPUS": "0"}, Device.AUTO),
    "opted out": (IN_A_JOB | {"SLURM_JOB_GPUS": "0", "EPHFORGE_DEVICE": "cpu"}, Device.CPU),
    "opted out in jax": (IN_A_JOB | {"SLURM_JOB_GPUS": "0", "JAX_PLATFORMS": "cpu"}, Device.CPU),
    "gpu over jax": ({"EPHFORGE_DEVICE": "gpu", "JAX_PLATFORMS": "cpu"}, Device.GPU),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_an_environment_asks_for(name):
    environment, expected = ENVIRONMENTS[name]
    found = request(environment)
    assert found.device == expected
    assert (found.source == "") == (expected == Device.AUTO)


def test_no_such_device():
    with pytest.raises(EphforgeError, match="EPHFORGE_DEVICE=tpu: expected auto, cpu or gpu"):
        request({"EPHFORGE_DEVICE": "tpu"})


@pytest.fixture
def bare(monkeypatch):
    """JAX on the CPU, and an environment that asks for nothing."""
    for name in ("EPHFORGE_DEVICE", "JAX_PLATFORMS", "SLURM_JOB_ID", *devices._SLURM):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_cpu_will_do_where_nothing_is_asked(bare):
    assert settle() == "cpu"
    bare.setenv("EPHFORGE_DEVICE", "cpu")
    assert settle() == "cpu"


def refused():
    with pytest.raises(EphforgeError) as caught:
        settle()
    line = str(caught.value)
    assert "\n" not in line
    assert "make environment EXTRA=cuda" in line
    assert "EPHFORGE_DEVICE=cpu" in line
    return line


def test_a_job_with_a_gpu_does_not_compute_on_the_cpu(bare):
    bare.setenv("SLURM_JOB_ID", "17")
    bare.setenv("SLURM_JOB_GPUS", "2")
    assert refused().startswith(
        "SLURM_JOB_GPUS=2, set by Slurm, asks for a GPU, found the CPU only"
    )


def test_a_gpu_that_does_not_start_says_why(bare):
    def failing(platform):
        raise RuntimeError("Backend 'cuda' failed to initialize:\nCUDA_ERROR_OUT_OF_MEMORY.")

    bare.setenv("EPHFORGE_DEVICE", "gpu")
    bare.setattr(jax, "devices", failing)
    bare.setattr(devices, "_hides_gpus", lambda jax: False)
    assert "(Backend 'cuda' failed to initialize: CUDA_ERROR_OUT_OF_MEMORY)" in refused()


def test_a_gpu_is_taken_where_there_is_one(bare):
    bare.setenv("EPHFORGE_DEVICE", "gpu")
    bare.setattr(jax, "default_backend", lambda: "gpu")
    assert settle() == "gpu"


CHILD = """
from ephforge.core.devices import settle
from ephforge.core.errors import EphforgeError
try:
    print(settle())
except EphforgeError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"JAX_PLATFORMS": "cuda", "CUDA_VISIBLE_DEVICES": ""},
            "JAX_PLATFORMS=cuda asks for a GPU",
        ),
        ({"JAX_PLATFORMS": "cuda", "EPHFORGE_DEVICE": "cpu"}, "cpu"),
    ],
)
def test_jax_itself_is_told_what_to_start(changes, expected):
    """In new processes: JAX starts its devices once."""
    run = subprocess.run(
        [sys.executable, "-c", CHILD], env=os.environ | changes, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(expected)
    assert run.stdout.count("\n") == 1


def _coupling():
    from ephforge.coupling.stage import run

    run("no.nc", "x.nc", 1, {}, {})


def _train():
    from ephforge.train.stage import run

    run("no.nc", "x.nc", "x.json", "x", [2, 2, 2], {}, {})


def _first_principles():
    from ephforge.firstprinciples.stage import run

    run("no.nc", "x.nc", {}, {})


def _observables():
    from ephforge.observables.stage import run

    run("no.nc", "x.json", "x.png", {}, {})


def _network():
    from ephforge.model.storage import load_codec

    load_codec("no.nc")


@pytest.mark.parametrize("entry", [_coupling, _train, _first_principles, _observables, _network])
def test_every_entry_asks_before_it_reads(entry, bare):
    """The input is absent: where a GPU is wanted that is not there, nobody gets that far."""
    with pytest.raises(EphforgeError, match="no such file"):
        entry()
    bare.setenv("EPHFORGE_DEVICE", "gpu")
    with pytest.raises(EphforgeError, match="asks for a GPU"):
        entry()


@pytest.mark.parametrize("name", devices._MEMORY)
def test_memory_is_shared_unless_the_user_decides(name):
    assert sharing_memory({}) == {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert sharing_memory({name: "0.5"}) == {}


@pytest.mark.parametrize(
    ("given", "expected"), [({}, "false"), ({"XLA_CLIENT_MEM_FRACTION": ".4"}, "None")]
)
def test_it_is_settled_before_jax_starts(given, expected):
    code = "import os, ephforge.core; print(os.environ.get('XLA_PYTHON_CLIENT_PREALLOCATE'))"
    clean = {key: value for key, value in os.environ.items() if key not in devices._MEMORY}
    run = subprocess.run(
        [sys.executable, "-c", code], env=clean | given, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == expected
