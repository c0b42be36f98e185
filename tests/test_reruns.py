"""Every edit, and exactly the rules that it reruns: a table, checked by dry runs.

No stage is run: outputs are made-up files that `snakemake --touch` takes for finished, so that
what reruns follows from options, code, versions and inputs alone.  Snakemake is imported once
and forked for each dry run.
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest
from conftest import ROOT, TINY, Checkout

pytestmark = pytest.mark.campaign

why_lines = runpy.run_path(str(ROOT / "workflow/why.py"))["lines"]
ARGUMENTS = ["--profile", "profiles/local", "--configfile", "tiny.yaml"]
DRY_RUNS = """
import importlib.metadata, json, os, sys
import ephforge.config
from ephforge.layers import LAYERS, code_version
from snakemake.cli import get_argument_parser, main
get_argument_parser()
for stage in LAYERS:
    code_version(stage)  # parses every file once
code_version.cache_clear()
print("ready", flush=True)
for line in sys.stdin:
    wanted = json.loads(line)
    if not (child := os.fork()):
        real = importlib.metadata.version
        importlib.metadata.version = lambda name: wanted["versions"].get(name) or real(name)
        out = os.open("out", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(out, 1), os.dup2(out, 2)
        try:
            main(wanted["arguments"])
        except SystemExit as stop:
            os._exit(stop.code or 0)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

TASKS = {"compress", "classify", "superresolve", "latent"}
AFTER_TRAIN = {*TASKS, "report"}
AFTER_SHARDS = {"dataset", "train", "coverage", "dispersions", *AFTER_TRAIN}
AFTER_LATTICE = {"lattice", "coupling", *AFTER_SHARDS}
AFTER_COUPLING = {"coupling", "firstprinciples", *AFTER_SHARDS}
AFTER_REAL = {"firstprinciples", "coverage", "dispersions", *AFTER_TRAIN}
ALL = {"lattice", "firstprinciples", *AFTER_COUPLING}

OPTIONS = {
    "campaign={seed: 8}": AFTER_LATTICE,
    "lattice={displacement: 0.02}": AFTER_LATTICE,
    "lattice={max_rejected: 0.8}": AFTER_LATTICE,
    "coupling={soft_mode: 2.0}": AFTER_COUPLING,
    "coupling={batch_size: 8}": AFTER_COUPLING,
    "espresso={launcher: nice}": set(),
    "firstprinciples={materials: [si_2, c_4]}": AFTER_REAL - {"dispersions"},  # it draws si_2
    "dataset={test_fraction: 0.25}": AFTER_SHARDS,
    "train={learning_rate: 0.002}": {"train", *AFTER_TRAIN},
    "train={steps: 50}": {"train", *AFTER_TRAIN},
    "compress={budgets: [0.02]}": {"compress", "report"},
    "classify={folds: 3}": {"classify", "report"},
    "superresolve={coarse_q_mesh: [2, 1, 1]}": {"train", *AFTER_TRAIN},  # training hides it too
    "latent={neighbours: 3}": {"latent", "report"},
    "coverage={models: 5}": {"coverage", "report"},
    "dispersions={map_points: 30}": {"dispersions", "report"},
    "ablation={draws: 2}": set(),
    "observables={path_points: 100}": set(),
    "modelcodec={templates: false}": set(),
    "refinement={path_points: 100}": set(),
    "report={title: other}": {"report"},
}
CODE = {
    "core": ALL,
    "phonons": ALL,
    "electrons": AFTER_COUPLING,
    "threecentre": AFTER_COUPLING,
    "lattice": AFTER_LATTICE,
    "coupling": AFTER_COUPLING,
    "firstprinciples": AFTER_REAL,
    "dataset": AFTER_SHARDS,
    "model": {"train", *AFTER_TRAIN},
    "baselines": {*TASKS, "report"},
    "train": {"train", *AFTER_TRAIN},
    "compress": {"compress", "report"},
    "classify": {"classify", "latent", "report"},
    "superresolve": {"superresolve", "report"},
    "latent": {"latent", "report"},
    "coverage": {"coverage", "report"},
    "report": {"report"},
    "ablation": set(),
    "dispersions": {"dispersions", "report"},
    "observables": {"compress", "dispersions", "report"},
    "espresso": set(),
    "audit": set(),
    "bench": set(),
    "cli": set(),
    "api": set(),
    "mapcodec": set(),
    "trust": {"latent", "report"},
    "symmetry": set(),
    "modelcodec": set(),
    "refinement": set(),
}
VERSIONS = {
    "numpy": ALL,
    "jax": ALL,
    "netCDF4": ALL,
    "spglib": ALL,
    "asap3": AFTER_LATTICE,
    "ase": AFTER_LATTICE,
    "h5py": AFTER_REAL,
    "flax": {"train", *AFTER_TRAIN},
    "optax": {"train", *AFTER_TRAIN},
    "orbax-checkpoint": {"train", *AFTER_TRAIN},
    "scikit-learn": {*TASKS, "report"},  # through the baselines
    "matplotlib": {"compress", "dispersions", "report"},  # through the observables
    "constriction": {"train", *AFTER_TRAIN},
    "jinja2": {"report"},
    "snakemake": set(),
    "typer": set(),
    "pytest": set(),
}
LATTICE, COUPLING = "results/lattice/000000-000012.nc", "results/coupling/000000-000012.nc"
# file -> rules after its contents changed, rules after it was lost
FILES = {
    "resources/first_principles/si_2.nc": (AFTER_REAL, None),
    LATTICE: ({"coupling", *AFTER_SHARDS}, AFTER_LATTICE),
    COUPLING: (AFTER_SHARDS, {"coupling", *AFTER_SHARDS}),
    "results/firstprinciples/si_2.nc": (AFTER_REAL - {"firstprinciples"}, AFTER_REAL),
    "results/dataset/dataset.nc": (AFTER_SHARDS - {"dataset"}, AFTER_SHARDS),
    "results/train/autoencoder.nc": (AFTER_TRAIN, {"train", *AFTER_TRAIN}),
    "results/latent/metrics.json": ({"report"}, {"latent", "report"}),
    "results/report/compress.png": (set(), {"report"}),
}
NOTHING = {
    "a comment in the configuration": ("config.yaml", "# Generated from"),
    "a docstring": ("src/ephforge/lattice/stage.py", '"""Stage lattice'),
    "a profile": ("profiles/local/config.yaml", "keep-going: true"),
    "a comment in a rule": ("workflow/rules/physics.smk", "rule lattice:\n"),
}


class Campaign:
    """A finished campaign without results, and the process that plans it."""

    def __init__(self, checkout: Checkout):
        self.folder = checkout.folder
        shutil.copy(TINY, self.folder / "tiny.yaml")
        environment = os.environ | {"PYTHONPATH": str(self.folder / "src")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRY_RUNS],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"
        for output in re.findall(r"^    output: (.*)$", self.said("-n"), re.MULTILINE):
            for name in output.split(", "):
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / name).write_text(name)
        self.said("--touch", "--forceall")

    def said(self, *arguments, versions=None) -> str:
        """Output of Snakemake."""
        wanted = {"arguments": [*ARGUMENTS, *arguments], "versions": versions or {}}
        self.process.stdin.write(json.dumps(wanted) + "\n")
        self.process.stdin.flush()
        status = self.process.stdout.readline()
        output = (self.folder / "out").read_text()
        assert status == "0\n", output
        return output

    def planned(self, *changes, versions=None) -> dict[str, int]:
        """Rule -> number of jobs."""
        more = ["--config", *changes] if changes else []
        return jobs(self.said("-n", *more, versions=versions))

    @contextmanager
    def edited(self, name: str, content: bytes | None):
        """A file with other contents, or none, for a while."""
        path = self.folder / name
        before, times = path.read_bytes(), os.stat(path)
        target = path.readlink() if path.is_symlink() else None
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            if target is not None:
                path.symlink_to(target)
            else:
                path.write_bytes(before)
                os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def jobs(output: str) -> dict[str, int]:
    """Rule -> number of jobs, of what a dry run said."""
    if "Nothing to be done" in output:
        return {}
    table = output.split("Job stats:")[1].split("total")[0]
    found = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
    found.pop("all", None)
    return found


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    found = Campaign(Checkout(tmp_path_factory.mktemp("reruns")))
    yield found
    found.process.kill()
    found.process.wait()


def test_a_finished_campaign_has_nothing_to_do(campaign):
    assert campaign.planned() == {}


@pytest.mark.parametrize("change", OPTIONS)
def test_an_option(campaign, change):
    assert set(campaign.planned(change)) == OPTIONS[change]


def test_every_section_has_an_option_in_the_table():
    from ephforge.config import Config

    assert {change.split("=")[0] for change in OPTIONS} == set(Config.model_fields)


@pytest.mark.parametrize("folder", CODE)
def test_code(campaign, folder):
    """One more expression in any file of a folder."""
    name = sorted((campaign.folder / "src/ephforge" / folder).glob("*.py"))[-1]
    name = str(name.relative_to(campaign.folder))
    content = (campaign.folder / name).read_bytes() + b"\n_ADDED = 1\n"
    with campaign.edited(name, content):
        assert set(campaign.planned()) == CODE[folder]


def test_every_folder_of_code_is_in_the_table():
    from ephforge.layers import LAYERS

    assert set(CODE) == set(LAYERS)


@pytest.mark.parametrize("package", VERSIONS)
def test_the_version_of_a_package(campaign, package):
    assert set(campaign.planned(versions={package: "0.0.1"})) == VERSIONS[package]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_changed_or_was_lost(campaign, name):
    changed, lost = FILES[name]
    before = (campaign.folder / name).read_bytes()
    with campaign.edited(name, before + b"changed"):
        plan = campaign.planned()
    assert set(plan) == changed
    assert plan.get("coupling", 1) == 1, "the other shard reruns as well"
    if lost is not None:
        with campaign.edited(name, None):
            plan = campaign.planned()
        assert set(plan) == lost
        assert plan.get("lattice", 1) == plan.get("coupling", 1) == 1


def test_the_same_contents_at_another_time_rerun_nothing(campaign):
    """Inputs last, so that each is newer than what was made of it."""
    with ExitStack() as all_at_once:
        for name in reversed(FILES):
            content = (campaign.folder / name).read_bytes()
            all_at_once.enter_context(campaign.edited(name, content))
        assert campaign.planned() == {}


@pytest.mark.parametrize("edit", NOTHING)
def test_an_edit_that_reruns_nothing(campaign, edit):
    name, place = NOTHING[edit]
    text = (campaign.folder / name).read_text()
    assert place in text
    more = "Said otherwise. " if place.startswith('"""') else "\n# more words\n"
    place_after = place.replace('"""', f'"""{more}') if '"""' in place else f"{more}{place}"
    with campaign.edited(name, text.replace(place, place_after, 1).encode()):
        assert campaign.planned() == {}


@pytest.mark.parametrize("stage", ["modelcodec", "refinement"])
def test_a_record_from_outside_the_campaign_redoes_the_report_alone(campaign, stage):
    """It is shown where it is there, and never computed for the report."""
    path = campaign.folder / f"results/{stage}/si_2.json"
    path.parent.mkdir()
    path.write_text("{}")
    try:
        assert set(campaign.planned()) == {"report"}
    finally:
        path.unlink()
        path.parent.rmdir()
    assert campaign.planned() == {}


def test_growth_and_shrinkage(campaign):
    plan = campaign.planned("campaign={materials: 36}")
    assert set(plan) == AFTER_LATTICE
    assert plan["lattice"] == plan["coupling"] == 1
    assert set(campaign.planned("campaign={materials: 12}")) == AFTER_SHARDS


WHY = {
    "train={learning_rate: 0.002}": "train: 1 job: options changed: learning_rate 0.003 -> 0.002",
    "campaign={materials: 36}": "lattice: 1 job: not there: results/lattice/000024-000036.nc",
    "campaign={seed: 8}": "lattice: 2 jobs: options changed: 7 -> 8",
    "report={title: other}": "report: 1 job: options changed: title ephforge campaign -> other",
}


@pytest.mark.parametrize("change", WHY)
def test_the_reason_is_one_line(campaign, change):
    said = campaign.said("-n", "--config", change)
    told = why_lines(said)
    assert told[0] == WHY[change]
    rules = [line.split(":")[0] for line in told]
    assert len(rules) == len(set(rules))
    assert set(rules) == set(jobs(said))
    assert all(len(line) < 250 for line in told)


def test_the_reason_of_code_and_of_a_file(campaign):
    name = "src/ephforge/train/loop.py"
    with campaign.edited(name, (campaign.folder / name).read_bytes() + b"\n_ADDED = 1\n"):
        told = why_lines(campaign.said("-n"))
    assert told[0] == "train: 1 job: code or package versions changed"
    assert told[1].endswith(": 1 job: made again before it: results/train/autoencoder.nc")
    with campaign.edited(COUPLING, b"changed"):
        assert f"dataset: 1 job: changed input: {COUPLING}" in why_lines(campaign.said("-n"))


def test_after_all_of_that_there_is_nothing_to_do(campaign):
    """Each edit above was taken back."""
    assert campaign.planned() == {}
