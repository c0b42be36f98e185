"""What every code gets, and what it hands back to be timed and compared."""

import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

POINTS = {True: 20, False: 10_000}  # of bands and phonons: quick, or not
SLOW = 15.0  # seconds
MESHES = {True: ((4, 4, 4), (2, 2, 2)), False: ((8, 8, 8), (4, 4, 4))}  # k and q, unless stated


class Task(NamedTuple):
    """Prepared, so that only `run` is on the clock.

    Attributes:
      run: does the work once.
      numbers: of its result, comparable between codes; NaN where a code does not tell.
      clocks: of its result, seconds by name; "seconds" counts.  None: processor time of `run`.
      about: of its result, what else goes into the record.
    """

    run: Callable[[], Any]
    numbers: Callable[[Any], np.ndarray] = np.asarray
    clocks: Callable[[Any], dict[str, float]] | None = None
    about: Callable[[Any], dict] = lambda result: {}


class Request(NamedTuple):
    """One process: which code does which task on what.

    Attributes:
      model: file of a general model, for couplings; "" is a made-up one.
      meshes: of k and q, for couplings.
      repeats: calls that are timed, after one that is not.
    """

    task: str
    code: str
    model: str
    meshes: tuple[tuple[int, int, int], tuple[int, int, int]]
    quick: bool
    repeats: int


def points(request: Request) -> np.ndarray:
    """Fractional k or q."""
    return np.random.default_rng(7).uniform(size=(POINTS[request.quick], 3))


def short_model():
    """2 atoms, 8 orbitals, neighbours only."""
    from ephforge.bench.models import two_centre

    return two_centre(2, 8)


def general_model(request: Request):
    """A model with g(Rp, Re)."""
    if request.model:
        from ephforge.core.netcdf import read
        from ephforge.core.realspace import read_model

        return read_model(read(request.model, "model"))
    from ephforge.bench.models import wannier

    return wannier(2, 4, 1.5 if request.quick else 2.65)


def timed(task: Task, repeats: int) -> tuple[dict[str, list[float]], Any]:
    """Clocks of every repeat, after one call that imports and compiles; the last result.

    Where the first takes longer than `SLOW`, it is the only one: a warm call saves nothing there.
    So it is where no repeats are wanted.
    """
    first, result = _clocked(task)
    if first["seconds"] > SLOW or repeats == 0:
        return {name: [value] for name, value in first.items()}, result
    found: dict[str, list[float]] = {name: [] for name in first}
    for _ in range(repeats):
        clocks, result = _clocked(task)
        for name, value in clocks.items():
            found[name].append(value)
    return found, result


def _clocked(task: Task) -> tuple[dict[str, float], Any]:
    start = time.process_time()
    result = task.run()
    seconds = {"seconds": time.process_time() - start}
    return (task.clocks(result) if task.clocks else seconds), result


def spread(values: list[float]) -> dict[str, float]:
    """Median with the smallest and the largest."""
    return {"median": statistics.median(values), "smallest": min(values), "largest": max(values)}
