"""Program of test_gpu_path.py: what would run on a GPU, without one.

Says "gpu" whenever the code asks which backend there is, runs `batch.evaluate`, and lowers every
compiled function that was called, with what it was called with, for CUDA.  Prints JSON.  A process
of its own, since it replaces jax.jit before any module of ephforge is imported.
"""

import functools
import json
import re
import sys

import jax

REAL_JIT = jax.jit
CALLS = []


class Recorded:
    """A compiled function that notes what it is called with from outside of others."""

    def __init__(self, function, **options):
        self._jitted = REAL_JIT(function, **options)
        functools.update_wrapper(self, function)

    def __call__(self, *args, **kwargs):
        found = self._jitted(*args, **kwargs)
        leaves = jax.tree.leaves((args, kwargs))
        if not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            CALLS.append((self.__name__, self._jitted, args, kwargs, found))
        return found

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __getattr__(self, name):
        return getattr(self._jitted, name)


def shapes(tree) -> list[str]:
    return [f"{leaf.dtype}{tuple(leaf.shape)}" for leaf in jax.tree.leaves(tree)]


def lowered(name, jitted, args, kwargs, found) -> dict:
    """Outputs as they are here and as they would be on a GPU, and the library calls there."""
    traced = jitted.trace(*args, **kwargs)
    for_gpu = traced.lower(lowering_platforms=("cuda",))
    calls = re.findall(r"custom_call @([\w.$]+)", for_gpu.as_text())
    return {
        "name": name,
        "here": shapes(found),
        "there": shapes(for_gpu.out_info),
        "calls": sorted(set(calls)),
    }


def main() -> None:
    jax.jit = Recorded
    jax.default_backend = lambda: "gpu"
    from ephforge.bench import models
    from ephforge.core.units import MEV
    from ephforge.coupling import batch, grid

    make = {"two_centre": models.two_centre, "wannier": models.wannier}[sys.argv[1]]
    model = make(2, 4)
    CALLS.clear()
    limits = grid.Limits(0.1 / MEV, 1 / MEV)
    found = batch.evaluate([model] * 3, grid.mesh_pairs((4, 4, 4), (2, 2, 2)), limits, 4, 2)
    result = {
        "kernels": [lowered(*call) for call in CALLS],
        "norms": [float((strengths.g_mnvkq**2).sum() ** 0.5) for strengths in found],
        "leading": [jax.tree.leaves(call[2])[0].shape[0] for call in CALLS],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
