"""Which cases are timed, a process each, and the record that their results make."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.machine import machine

QUANTITY = (
    "|g_mnv(k,q)|, averaged over degenerate states, all bands, as `ephforge couple` computes it: "
    "ephforge.coupling.points.magnitudes, model in, chunks of q in host memory out"
)
SINGLE, DOUBLE = "single", "double"
# eV; those of the default configuration
_LIMITS = {"degeneracy": 1e-4, "soft_mode": 1e-3}

# points a side of the k mesh and of the q mesh, orbitals, precision; 2 atoms
_QUICK = {"two_centre": [(4, 2, 8, DOUBLE)], "wannier": [(2, 2, 4, DOUBLE)]}
_DEFAULT = {
    "two_centre": [
        (4, 4, 4, DOUBLE),
        (4, 4, 8, DOUBLE),
        (4, 4, 16, DOUBLE),
        (8, 4, 8, DOUBLE),
        (8, 8, 8, DOUBLE),
        (8, 8, 8, SINGLE),
    ],
    "wannier": [
        (4, 4, 4, DOUBLE),
        (4, 4, 8, DOUBLE),
        (8, 4, 4, DOUBLE),
        (8, 8, 4, DOUBLE),
        (8, 8, 4, SINGLE),
    ],
}
_FULL = {
    "two_centre": [(12, 6, 8, DOUBLE), (12, 12, 8, DOUBLE)],
    "wannier": [(8, 8, 8, DOUBLE), (12, 12, 4, DOUBLE)],
}

_PYTHON = [sys.executable, "-c"]
_HELP = "import sys; sys.argv = ['ephforge', '--help']; from ephforge.cli.main import app; app()"


def requests(size: str, model: str | None = None) -> Iterator[dict]:
    """The cases of one size: "quick", "default" or "full".

    Args:
      model: a file; it takes the place of the made-up general model, once for each mesh.
    """
    table = _QUICK if size == "quick" else _DEFAULT
    for section, cases in table.items():
        cases = cases + (_FULL[section] if size == "full" else [])
        if section == "wannier" and model:
            cases = dict.fromkeys((k, q, None, precision) for k, q, _, precision in cases)
        for k, q, orbitals, precision in cases:
            yield {
                "section": section,
                "model": model if section == "wannier" else None,
                "atoms": 2,
                "orbitals": orbitals,
                "k_mesh": [k] * 3,
                "q_mesh": [q] * 3,
                "precision": precision,
                "repeats": 2 if size == "quick" else 5,
                **_LIMITS,
            }


def run(size: str, model: str | None = None, tell: Callable[[dict], None] = lambda row: None):
    """Time every case and return the record.

    Args:
      size, model: as in `requests`.
      tell: called with each row when it is there.

    Raises:
      EphforgeError: the model cannot be used, or a process died.
    """
    start = time.perf_counter()
    if model and not Path(model).is_file():
        raise EphforgeError(f"{model}: no such file, expected a model file; see import-epw")
    record = {
        "quantity": QUANTITY,
        "settings": {"size": size, "model": model, **_LIMITS},
        "machine": conditions(),
        "two_centre": [],
        "wannier": [],
    }
    with tempfile.TemporaryDirectory() as cache:
        for request in requests(size, model):
            row = request | _in_a_process(request, cache)
            record[request["section"]].append(row)
            tell(row)
        record["start"] = _start(record, cache)
    rows = record["two_centre"] + record["wannier"]
    return record | {"floor": _floor(rows), "wall_seconds": time.perf_counter() - start}


def conditions() -> dict:
    """What the numbers were taken on."""
    return machine() | {
        "system": platform.platform(),
        "threads": int(os.environ["NPROC"]),
        "load": os.getloadavg()[0],
    }


def _in_a_process(request: dict, cache: str) -> dict:
    """The row of one case; BLAS gets as many threads as XLA."""
    threads = os.environ["NPROC"]
    own = {"EPHFORGE_CACHE": cache, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, "-m", "ephforge.bench.case"],
        input=json.dumps(request),
        env=os.environ | own,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EphforgeError(
            f"{request['section']} {request['k_mesh']} x {request['q_mesh']}: the process ended "
            f"with {done.returncode} ({last}), expected a result; free memory or ask for --quick"
        )
    row = json.loads(done.stdout.splitlines()[-1])
    if "error" in row:
        raise EphforgeError(row["error"])
    return row


def _start(record: dict, cache: str) -> dict:
    """Seconds before the first number is there; `again` is with the kernels compiled before."""
    found = {"python": _wall("pass"), "help": _wall(_HELP)}
    for section in ("two_centre", "wannier"):
        cold = record[section][0]
        request = {key: cold[key] for key in (*_LIMITS, "section", "model", "atoms", "orbitals")}
        request |= {key: cold[key] for key in ("k_mesh", "q_mesh", "precision")} | {"repeats": 1}
        again = _in_a_process(request, cache)
        found[section] = {
            "import": again["import_seconds"],
            "first_call": cold["first_call_seconds"],
            "first_call_again": again["first_call_seconds"],
            "later_call": cold["wall_seconds"]["median"],
            "compilation": cold["first_call_seconds"] - cold["wall_seconds"]["median"],
        }
    return found


def _wall(code: str) -> float:
    """Seconds of a Python process, median of 3."""
    found = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([*_PYTHON, code], capture_output=True, check=True)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def _floor(rows: list[dict]) -> dict:
    """What the machine did at best, from the turns that it took with the cases."""
    doubles = [row for row in rows if row["precision"] == DOUBLE]
    problems = {}
    for row in rows:
        for kind, size in (("electron", "orbitals"), ("phonon", "modes")):
            seconds = row["reference"][f"{kind}_problem_seconds"]
            problems.setdefault(row["count"][size], []).append(seconds)
    return {
        "flops_per_element": "16 N_orb",
        "bytes_per_element": 16,
        "gemm_gflops": _over([row["reference"]["gemm_gflops"] for row in doubles]),
        "copy_gbytes": _over([row["reference"]["copy_gbytes"] for row in rows]),
        "eigenproblem_seconds": {str(size): _over(found) for size, found in problems.items()},
    }


def _over(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "smallest": min(values), "largest": max(values)}
