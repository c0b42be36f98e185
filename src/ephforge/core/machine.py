"""On what hardware a process computes: it stands in every file beside the versions."""

import os
import platform
from functools import cache
from pathlib import Path

from ephforge.core import devices

_CPU_NAMES = ("model name", "Processor", "cpu model")  # in /proc/cpuinfo, by architecture


def machine() -> dict[str, str | int | float]:
    """Processor, cores that this process may use, memory in GiB, device of JAX.

    The device is "cpu" until JAX was started (`devices.settle`): who needs no JAX starts none.
    """
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(_memory() / 2**30, 1),
        "device": devices.settled(),
    }


@cache
def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {key.strip(): " ".join(value.split()) for key, value in facts.items()}
    return next((named[key] for key in _CPU_NAMES if named.get(key)), platform.machine())


def _memory() -> int:
    """Bytes of the machine; a job may be given less."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
