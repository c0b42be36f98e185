"""Seconds of each step of a shard, with those that go into compiling told apart."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

COMPILE = "compile"  # tracing, lowering, compiling, or fetching what was compiled before
START_UP = "start_up"

_PREFIX = "/jax/core/compile/"
_spent = [0.0]
_is_first = [True]


def _note(event: str, seconds: float, **_) -> None:
    if event.startswith(_PREFIX):
        _spent[0] += seconds


jax.monitoring.register_event_duration_secs_listener(_note)


class Clock:
    """`with clock("draw"): ...` adds wall time to clock.seconds["draw"], but for compiling.

    The first clock of a process knows its age as `start_up`, where the system tells (Linux).
    """

    def __init__(self):
        self.seconds: Counter[str] = Counter({COMPILE: 0.0})
        if _is_first[0]:
            self.seconds[START_UP] = _age()
            _is_first[0] = False

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        start, compiled = time.perf_counter(), _spent[0]
        try:
            yield
        finally:
            compiling = _spent[0] - compiled
            self.seconds[COMPILE] += compiling
            self.seconds[step] += time.perf_counter() - start - compiling


def _age() -> float:
    """Seconds since this process was started; 0 where that is not known."""
    try:
        ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return 0.0
    return uptime - int(ticks) / os.sysconf("SC_CLK_TCK")
