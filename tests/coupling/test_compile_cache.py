"""A second process compiles nothing: every kernel comes from the cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from analytic import fcc, springs, zincblende

from ephforge.core.netcdf import write
from ephforge.core.realspace import crystal_variables, force_constant_variables

MODEL = Path(__file__).parents[2] / "resources" / "first_principles" / "si_2.nc"

# requests: functions that had to be compiled; hits: those that were found in the cache
COUNTING = """
import collections, json, sys
from jax import monitoring
count = collections.Counter()
monitoring.register_event_listener(lambda event, **_: count.update([event.rsplit("/", 1)[-1]]))
{work}
print(json.dumps([count["compile_requests_use_cache"], count["cache_hits"]]))
"""
STAGE = """
from ephforge.coupling import stage
options = {
    "bases": ["s", "sp3"], "overlap": 0.5, "crystal_field": 0.5, "spin_orbit": 0.0,
    "three_centre": 0.0, "three_centre_mesh": [4, 4, 4], "metals": 0.5, "semiconductors": 0.3,
    "k_mesh": [4, 4, 4], "q_mesh": [2, 2, 2], "bands": 4, "degeneracy": 0.1, "soft_mode": 1.0,
    "batch_size": 2,
}
stage.run("000003-000005.nc", "coupling.nc", 11, options, {"options": options})
"""
COUPLE = f"""
from ephforge.cli.main import app
sys.argv = ["ephforge", "couple", {str(MODEL)!r}, "-o", "g.nc"]
sys.argv += "--k-grid 2 2 2 --q-grid 2 2 2".split()
try:
    app()
except SystemExit as done:
    assert done.code == 0
"""


@pytest.fixture
def folder(tmp_path):
    """Two materials of two shapes."""
    groups = {}
    for name, crystal in (("000003", fcc()), ("000004", zincblende())):
        variables = crystal_variables(crystal) | force_constant_variables(springs(crystal, 5.0))
        facts = {"status": "accepted", "reason": "", "detail": "", "prototype": name}
        groups[name] = variables, facts | {"potential": "springs", "parameters": {}}
    write(tmp_path / "000003-000005.nc", "lattice", {}, {"seed": 11}, groups)
    return tmp_path


def counted(work, folder, cache):
    """Requests to compile and hits of the cache, of a new process."""
    run = subprocess.run(
        [sys.executable, "-c", COUNTING.format(work=work)],
        cwd=folder,
        env=os.environ | {"EPHFORGE_CACHE": str(folder / cache), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return tuple(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize("work", [STAGE, COUPLE], ids=["stage", "couple"])
def test_a_second_process_compiles_nothing(work, folder):
    requests, hits = counted(work, folder, "cache")
    assert requests > 0
    assert hits == 0
    assert counted(work, folder, "cache") == (requests, requests)
    # the cache that is named is the one that is used
    assert len(list((folder / "cache").glob("*-cache"))) == requests
