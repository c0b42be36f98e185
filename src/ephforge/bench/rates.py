"""What the machine does at best: matrix products, copies, small eigenproblems.

NumPy on the CPU, JAX on an accelerator.  Eigenproblems are always in double precision.
"""

import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

_GEMM = 512  # rows; 1 Gflop a product
_COPY = 1 << 22  # complex numbers, 64 MB: more than caches hold
_PROBLEMS = 256  # eigenproblems at once


def clocks() -> tuple[float, float]:
    """Wall and processor seconds; the latter count all threads of this process."""
    return time.perf_counter(), time.process_time()


def timed(function: Callable, *arguments) -> tuple[float, float]:
    """Wall and processor seconds of one call, until its result is there."""
    start = clocks()
    jax.block_until_ready(function(*arguments))
    return tuple(now - before for now, before in zip(clocks(), start, strict=True))


def references(
    orbitals: int, modes: int, is_single: bool = False
) -> dict[str, tuple[Callable, float]]:
    """Name -> (a call that does the work once, how much work that is).

    Work: "gemm" in real flops, "copy" in bytes read and written, "electron_problem" and
    "phonon_problem" in matrices diagonalised.
    """
    random = np.random.default_rng(0)
    on_cpu = jax.default_backend() == "cpu"
    place = np.asarray if on_cpu else jax.device_put
    array = np if on_cpu else jnp
    kind = np.complex64 if is_single else np.complex128
    square = place((random.normal(size=(_GEMM, _GEMM)) * (1 + 1j)).astype(kind))
    source = place(np.ones(_COPY, kind))
    target = np.empty_like(source) if on_cpu else None
    copy = (lambda: np.copyto(target, source)) if on_cpu else (lambda: jnp.copy(source))
    found = {
        "gemm": (lambda: array.matmul(square, square), 8 * _GEMM**3),
        "copy": (copy, 2 * source.nbytes),
    }
    for name, size in (("electron_problem", orbitals), ("phonon_problem", modes)):
        matrix = random.normal(size=(_PROBLEMS, size, size)) * (1 + 0.5j)
        hermitian = place(matrix + matrix.conj().swapaxes(-1, -2))
        found[name] = (lambda hermitian=hermitian: array.linalg.eigh(hermitian), _PROBLEMS)
    for call, _ in found.values():
        jax.block_until_ready(call())  # first touch, and compilation
    return found


def summary(work: dict[str, float], seconds: dict[str, float]) -> dict[str, float]:
    """Rates from the seconds of each reference."""
    return {
        "gemm_gflops": 1e-9 * work["gemm"] / seconds["gemm"],
        "copy_gbytes": 1e-9 * work["copy"] / seconds["copy"],
        "electron_problem_seconds": seconds["electron_problem"] / work["electron_problem"],
        "phonon_problem_seconds": seconds["phonon_problem"] / work["phonon_problem"],
    }
