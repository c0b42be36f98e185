"""Microseconds of one Hermitian eigenproblem, through JAX, NumPy and LAPACK's drivers.

    python benchmarks/eigenproblems.py -o eigenproblems.json [--sizes 4 6 8] [--batches 1 64 4096]

One thread; on a CPU processor time, on an accelerator wall time; the smallest of 7 is printed, all
are in the record.  What follows from the numbers: docs/notes/08-eigenproblems.md.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ |= dict.fromkeys(("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jax.lax.linalg import EighImplementation, eigh
from scipy.linalg import lapack

import ephforge.core  # noqa: F401  double precision, one thread

REPEATS = 7
SHORTEST = 0.02  # seconds on the clock; shorter calls are repeated
LOOPED = 64  # problems that a loop over LAPACK's drivers solves; they have no batches
DRIVERS = ("heev", "heevd", "heevr", "heevx")


def matrices(batch: int, size: int, kind: str) -> np.ndarray:
    """Hermitian, eigenvalues of order 1."""
    draw = np.random.default_rng(0).normal(size=(2, batch, size, size))
    matrix = draw[0] + 1j * draw[1]
    return ((matrix + matrix.conj().swapaxes(-1, -2)) / 2).astype(kind)


def codes(matrix_bnn: np.ndarray) -> Iterator[tuple[str, Callable[[], object], int]]:
    """Name, a call, and how many problems it solves."""
    batch = len(matrix_bnn)
    on_device = jax.device_put(matrix_bnn)
    for name, function in _jax_codes():
        compiled = jax.jit(function)
        yield name, lambda run=compiled: jax.block_until_ready(run(on_device)), batch
    if jax.default_backend() != "cpu":
        return
    yield "numpy eigh", lambda: np.linalg.eigh(matrix_bnn), batch
    yield "numpy eigvalsh", lambda: np.linalg.eigvalsh(matrix_bnn), batch
    looped = np.ascontiguousarray(matrix_bnn[:LOOPED])
    for driver in DRIVERS:
        run = getattr(lapack, ("z" if matrix_bnn.dtype == complex else "c") + driver)
        yield driver, lambda run=run: [run(m.T, lower=1) for m in looped], len(looped)


def _jax_codes():
    yield "jax eigh", lambda a: jnp.linalg.eigh(a, symmetrize_input=False)
    yield "jax eigh, symmetrised", lambda a: jnp.linalg.eigh(a, symmetrize_input=True)
    yield "jax eigvalsh", lambda a: jnp.linalg.eigvalsh(a, symmetrize_input=False)
    if jax.default_backend() == "cpu":
        return
    for way in (EighImplementation.JACOBI, EighImplementation.QR):
        name = f"jax eigh, {way.name.lower()}"
        yield name, lambda a, way=way: eigh(a, symmetrize_input=False, implementation=way)


def microseconds(calls: list[tuple[str, Callable[[], object], int]]) -> dict[str, list[float]]:
    """Of a problem, sorted; the codes take turns, so that a busy machine disturbs all alike."""
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    times = {}
    for name, call, _ in calls:
        call()
        start = clock()
        call()
        times[name] = max(1, round(SHORTEST / max(clock() - start, 1e-6)))
    found = {name: [] for name in times}
    for _ in range(REPEATS):
        for name, call, problems in calls:
            start = clock()
            for _ in range(times[name]):
                call()
            found[name].append(1e6 * (clock() - start) / times[name] / problems)
    return {name: sorted(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 6, 8, 16, 32])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64, 4096])
    parser.add_argument("--kinds", nargs="+", default=["complex128", "complex64"])
    options = parser.parse_args()
    versions = {"jax": jax.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
    record = {"device": jax.devices()[0].device_kind, "versions": versions, "rows": []}
    names = []
    for kind in options.kinds:
        for size in options.sizes:
            for batch in options.batches:
                found = microseconds(list(codes(matrices(batch, size, kind))))
                if list(found) != names:
                    names = list(found)
                    print("kind        size batch  " + "  ".join(names))
                cells = [f"{values[0]:{len(name)}.1f}" for name, values in found.items()]
                print(f"{kind:10} {size:5} {batch:5}  " + "  ".join(cells), flush=True)
                row = {"kind": kind, "size": size, "batch": batch, "microseconds": found}
                record["rows"].append(row)
    options.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
