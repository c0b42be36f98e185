"""What a GPU would run has the shapes, types and numbers of the CPU and only CUDA's libraries."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ephforge.bench import models
from ephforge.core.units import MEV
from ephforge.coupling import batch, grid

PROGRAM = Path(__file__).with_name("gpu_lowering.py")
MAKE = {"two_centre": models.two_centre, "wannier": models.wannier}


@pytest.fixture(scope="module", params=MAKE)
def path(request):
    """Name of the kind of model, and what the program says of three models, two at a time."""
    run = subprocess.run(
        [sys.executable, PROGRAM, request.param],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return request.param, json.loads(run.stdout)


def test_shapes_and_types_are_those_of_the_cpu(path):
    kernels = path[1]["kernels"]
    assert kernels
    for kernel in kernels:
        assert kernel["there"] == kernel["here"], kernel["name"]


def test_double_precision_throughout(path):
    """The GPU path is the campaign's path: nothing in it falls to single precision."""
    types = {shape.split("(")[0] for kernel in path[1]["kernels"] for shape in kernel["there"]}
    assert types <= {"float64", "complex128", "int64", "int32", "bool"}
    assert "float64" in types


def test_eigenproblems_are_cuda_s_and_nothing_calls_back_to_python(path):
    calls = {call for kernel in path[1]["kernels"] for call in kernel["calls"]}
    assert any("syevd" in call or "syevj" in call for call in calls)
    assert all(call.startswith(("cusolver_", "cublas_", "cu_")) for call in calls), calls


def test_materials_are_taken_together_with_the_same_numbers(path):
    name, result = path
    limits = grid.Limits(0.1 / MEV, 1 / MEV)
    pairs = grid.mesh_pairs((4, 4, 4), (2, 2, 2))
    (expected,) = batch.evaluate([MAKE[name](2, 4)], pairs, limits, 4, 1)
    norm = float((expected.g_mnvkq**2).sum() ** 0.5)
    assert norm > 1e-3
    assert result["norms"] == pytest.approx([norm] * 3, rel=1e-12)
    if name == "two_centre":  # general models run one at a time: their arrays are large
        assert 2 in result["leading"]
