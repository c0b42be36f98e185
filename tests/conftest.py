"""Fixtures of several folders: a copy of the checkout that tests may edit, and Snakemake in it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import shape_checks
import slurm_trial

os.environ.setdefault("JAX_PLATFORMS", "cpu")
shape_checks.install()

ROOT = Path(__file__).parents[1]
CHECKOUT = ("Snakefile", "workflow", "config.yaml", "config", "profiles", "slurm", "src")
TINY = ROOT / "tests/campaign/config.yaml"
# jobs of one session share what they compile: of most of them that is the larger part of the time
_KERNELS = tempfile.TemporaryDirectory(prefix="ephforge-kernels-", ignore_cleanup_errors=True)
SHARED_KERNELS = {
    "JAX_COMPILATION_CACHE_DIR": _KERNELS.name,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}


class Checkout:
    """A copy of the repository whose own code runs, not the installed one."""

    def __init__(self, folder: Path, is_new: bool = True):
        self.folder = folder
        if is_new:
            self._fill()

    def _fill(self) -> None:
        folder = self.folder
        for name in CHECKOUT:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            if (ROOT / name).is_symlink():
                (folder / name).symlink_to(os.readlink(ROOT / name))
            else:
                copy(ROOT / name, folder / name)
        models = folder / "resources/first_principles"
        models.mkdir(parents=True)
        for model in sorted((ROOT / "resources/first_principles").glob("*.nc")):
            (models / model.name).symlink_to(model)

    @property
    def environment(self) -> dict[str, str]:
        """Of processes that run the code of this copy."""
        return os.environ | SHARED_KERNELS | {"PYTHONPATH": str(self.folder / "src")}

    def snakemake(self, *arguments, environment=None, timeout=600):
        """Run Snakemake here; stdout and stderr come back together in `stdout`."""
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder,
            env=self.environment | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )

    def planned(self, *arguments) -> dict[str, int]:
        """Rule -> number of jobs that a dry run would start; empty if there is nothing to do."""
        run = self.snakemake("-n", *arguments)
        assert run.returncode == 0, run.stdout
        if "Nothing to be done" in run.stdout:
            return {}
        table = run.stdout.split("Job stats:")[1].split("total")[0]
        jobs = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
        jobs.pop("all", None)
        return jobs

    def replace(self, path: str, old: str, new: str) -> None:
        """Edit a file that has to hold `old`."""
        text = (self.folder / path).read_text()
        assert old in text, f"{path} does not hold {old!r}"
        (self.folder / path).write_text(text.replace(old, new, 1))


@pytest.fixture
def checkout(tmp_path):
    """A fresh copy of the checkout, without results."""
    return Checkout(tmp_path)


@pytest.fixture(scope="session")
def new_checkout(tmp_path_factory):
    """Makes further copies: `new_checkout("name")`."""
    return lambda name: Checkout(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A Slurm controller for the tests of a module."""
    if reason := slurm_trial.missing():
        pytest.skip(reason)
    with slurm_trial.Controller(tmp_path_factory.mktemp("slurm")).running() as controller:
        yield controller


def pytest_addoption(parser):
    parser.addoption(
        "--faults",
        metavar="FILE",
        help="run the long fault tests too (minutes to an hour); figures go to FILE, as JSON",
    )
    parser.addoption("--shard-jobs", type=int, default=1000, help="jobs of nothing to run on Slurm")


def pytest_collection_modifyitems(config, items):
    """Tests marked `faults` are run by `make faults` only."""
    if config.getoption("--faults"):
        return
    long = [item for item in items if item.get_closest_marker("faults")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def is_long(pytestconfig):
    """Whether this is `make faults`, which repeats what CI does a few times."""
    return bool(pytestconfig.getoption("--faults"))


@pytest.fixture(scope="session")
def figures(pytestconfig):
    """What was measured, by name; `make faults` keeps it, beside what was measured before."""
    found = {}
    yield found
    if path := pytestconfig.getoption("--faults"):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = json.loads(path.read_text()) if path.exists() else {}
        load, cores = os.getloadavg()[2], os.cpu_count()
        now = {name: {"load": load, "cores": cores, "found": of} for name, of in found.items()}
        path.write_text(json.dumps(kept | now, indent=1, sort_keys=True) + "\n")


@pytest.fixture(autouse=True)
def _memory_of_a_command(request, monkeypatch):
    """Commands run inside the process of the tests, which takes more memory than a command does."""
    if "resident" not in request.node.name:
        monkeypatch.setattr("ephforge.cli.memory.resident", lambda: 300_000_000)
