"""What a file says of the hardware it was made on."""

import subprocess
import sys
from pathlib import Path

import pytest

from ephforge.core.machine import machine


def test_processor_cores_memory_and_device():
    found = machine()
    assert found.keys() == {"cpu", "cores", "memory_gib", "device"}
    assert found["cpu"]
    assert found["cores"] >= 1
    lines = Path("/proc/meminfo").read_text().splitlines()
    total = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal"))
    assert found["memory_gib"] == pytest.approx(total / 2**20, rel=0.1)


def test_the_cores_are_those_that_the_process_may_use():
    words = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
    words += "from ephforge.core.machine import machine; print(machine()['cores'])"
    run = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert run.stdout == "1\n"


def test_the_device_is_told_once_jax_runs():
    words = (
        "from ephforge.core import devices; from ephforge.core.machine import machine;"
        "import jax; jax.devices = lambda *_: [type('D', (), {'device_kind': 'NVIDIA X'})];"
        "print(machine()['device']); devices.settle(); print(machine()['device'])"
    )
    run = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["cpu", "NVIDIA X"]
