"""The tiny campaign, run for real: all stages, then what reruns after which change.

The campaign runs once in a copy of the checkout; tests that change something take a copy of
that copy.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import browser
import pytest
import yaml
from conftest import ROOT, TINY, Checkout
from file_formats import NAMED_ELSEWHERE, documented_arrays
from page_blocks import run_blocks

from ephforge.core.netcdf import outline

pytestmark = pytest.mark.campaign

PROFILE = ("--profile", "profiles/local", "--configfile", "tiny.yaml")
TASKS = {"compress", "classify", "superresolve", "latent"}
AFTER_TRAIN = {*TASKS, "report"}
AFTER_COUPLING = {"dataset", "train", "coverage", "dispersions", *AFTER_TRAIN}


@pytest.fixture(scope="module")
def campaign(new_checkout):
    """A finished tiny campaign; not to be changed."""
    checkout = new_checkout("campaign")
    shutil.copy(TINY, checkout.folder / "tiny.yaml")
    run = checkout.snakemake(*PROFILE)
    assert run.returncode == 0, run.stdout[-5000:]
    return checkout


@pytest.fixture
def changed(campaign, tmp_path):
    """A finished tiny campaign to change."""
    shutil.copytree(campaign.folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Checkout(tmp_path, is_new=False)


def contents(checkout) -> dict[str, str]:
    """Path -> checksum of every result."""
    files = [p for p in (checkout.folder / "results").rglob("*") if p.is_file()]
    return {
        str(p.relative_to(checkout.folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in files
    }


def user_lines(output: str, culprit: str) -> list[str]:
    return [line for line in output.splitlines() if "error: " in line and culprit in line]


def test_all_stages_run(campaign):
    """In about a minute on two idle cores; no bound here, machines of tests are not idle."""
    assert "<html" in (campaign.folder / "results/report/index.html").read_text()


def test_metrics_hold_both_sources_and_all_tasks(campaign):
    metrics = json.loads((campaign.folder / "results/report/metrics.json").read_text())
    for found in (metrics["synthetic_test"], metrics["first_principles"]["si_2"]):
        assert {"compress", "superresolve", "classify"} <= set(found)
        for row in found["compress"].values():
            assert {"autoencoder", "svd"} <= set(row)
    materials = metrics["materials"]
    tiny = yaml.safe_load(TINY.read_text())
    assert materials["drawn"] == tiny["campaign"]["materials"]
    assert materials["drawn"] == materials["accepted"] + sum(materials["rejected"].values())
    for entry in ("prototypes", "potentials", "bases"):
        assert sum(materials[entry].values()) == materials["accepted"]


def test_every_array_is_on_the_page_of_file_formats(campaign):
    """Axes and units as docs/file_formats.md has them."""
    documented = documented_arrays()
    paths = list((campaign.folder / "results").rglob("*.nc"))
    paths += list((ROOT / "resources/first_principles").glob("*.nc"))
    for path in paths:
        kind, groups = outline(path)
        assert kind in documented, path.name
        if kind not in NAMED_ELSEWHERE:
            for name, stored in ((n, s) for group in groups.values() for n, s in group.items()):
                expected = (stored.axes, stored.unit)
                assert documented[kind].get(name) == expected, f"{path.name}: {name}"


def test_the_tutorial_runs(campaign, tmp_path):
    for name in ("resources", "results", "logs", "benchmarks", ".snakemake"):
        (tmp_path / name).symlink_to(campaign.folder / name)
    said = run_blocks("tutorial.md", tmp_path)
    assert "jobs done; ended" in said
    assert (tmp_path / "si.png").stat().st_size > 10_000
    run_blocks("python.md", tmp_path)


@pytest.mark.skipif(browser.PROGRAM is None, reason="no chromium on this machine")
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_in_a_browser(campaign, tmp_path, width):
    found = browser.look(campaign.folder / "results/report/index.html", width, tmp_path)
    assert found["width"] == width
    assert found["console"] == []
    assert found["wide"] == []
    assert found["scroll"] <= width
    assert len(found["images"]) >= 8
    assert all(is_done and natural > 0 and text for text, is_done, natural in found["images"])
    assert found["links"]
    for link in found["links"]:
        assert link.startswith("#"), "the page needs no other file"
        assert link[1:] in found["ids"]


def test_a_second_run_has_nothing_to_do(campaign):
    run = campaign.snakemake(*PROFILE)
    assert "Nothing to be done" in run.stdout


def test_snakemake_makes_its_own_report(campaign, tmp_path):
    run = campaign.snakemake(*PROFILE, "--report", str(tmp_path / "report.html"))
    assert run.returncode == 0, run.stdout[-3000:]
    assert (tmp_path / "report.html").stat().st_size > 10_000


# of results made for real; every option and every folder of code: test_reruns.py


def test_an_option_reruns_its_stage_and_what_follows(campaign):
    planned = campaign.planned(*PROFILE, "--config", "dataset={test_fraction: 0.25}")
    assert set(planned) == AFTER_COUPLING


def test_code_reruns_its_stage_and_what_follows_and_docstrings_nothing(changed):
    path = "src/ephforge/coupling/stage.py"
    changed.replace(path, '"""', '"""Said otherwise. ')
    assert changed.planned(*PROFILE) == {}
    original = (changed.folder / path).read_text()
    changed.replace(path, "time.perf_counter()", "(0.0 + time.perf_counter())")
    assert set(changed.planned(*PROFILE)) == {"coupling", "firstprinciples", *AFTER_COUPLING}
    (changed.folder / path).write_text(original)
    assert changed.planned(*PROFILE) == {}


def test_more_materials_run_the_new_shards_and_the_fan_in_only(changed):
    tiny = yaml.safe_load(TINY.read_text())["campaign"]
    size, old = tiny["shard_size"], tiny["materials"]
    more = ("--config", f"campaign={{materials: {old + size}}}")
    plan = changed.planned(*PROFILE, *more)
    assert set(plan) == {"lattice", "coupling", *AFTER_COUPLING}
    assert plan["lattice"] == plan["coupling"] == 1

    before = contents(changed)
    run = changed.snakemake("results/dataset/dataset.nc", *PROFILE, *more)
    assert run.returncode == 0, run.stdout[-3000:]
    after = contents(changed)
    new = f"{old:06d}-{old + size:06d}.nc"
    assert set(after) - set(before) == {f"results/lattice/{new}", f"results/coupling/{new}"}
    assert {p for p in before if after[p] != before[p]} == {
        "results/dataset/dataset.nc",
        "results/dataset/card.json",
        "results/dataset/card.md",
    }


def test_a_damaged_shard_is_named_and_nothing_else_is_lost(changed):
    tiny = yaml.safe_load(TINY.read_text())["campaign"]
    shard = f"results/coupling/000000-{tiny['shard_size']:06d}.nc"
    path = changed.folder / shard
    content = path.read_bytes()
    before = contents(changed)
    path.write_bytes(content[: len(content) // 2])
    for _ in range(2):  # and a second run does not take it for good
        run = changed.snakemake(*PROFILE)
        assert run.returncode != 0
        assert len(user_lines(run.stdout, shard)) == 1
        assert "Traceback" not in run.stdout
    assert len(user_lines((changed.folder / "logs/dataset.log").read_text(), shard)) == 1
    after = contents(changed)
    # a failed rule loses its own outputs; everything before and after it stays
    lost = {f"results/dataset/{name}" for name in ("dataset.nc", "card.json", "card.md")}
    assert set(before) - set(after) == lost
    assert {p for p in after if after[p] != before[p]} == {shard}

    path.unlink()
    run = changed.snakemake("results/dataset/dataset.nc", *PROFILE)
    assert run.returncode == 0, run.stdout[-3000:]
    assert set(contents(changed)) == set(before)


def test_a_damaged_model_file_is_named(changed):
    model = changed.folder / "resources/first_principles/si_2.nc"
    content = model.read_bytes()
    model.unlink()
    model.write_bytes(content[: len(content) // 2])
    before = contents(changed)
    run = changed.snakemake(*PROFILE)
    assert run.returncode != 0
    assert len(user_lines(run.stdout, "resources/first_principles/si_2.nc")) == 1
    assert "Traceback" not in run.stdout
    after = contents(changed)
    assert set(before) - set(after) == {"results/firstprinciples/si_2.nc"}
    assert all(after[p] == before[p] for p in after)


def test_killed_training_goes_on_from_its_checkpoint(changed):
    longer = ("--config", "train={steps: 400, evaluate_every: 20}")
    target = ("results/train/autoencoder.nc", *PROFILE, *longer)
    run = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *target],
        cwd=changed.folder,
        env=changed.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    checkpoints = changed.folder / "results/train/checkpoints"
    deadline = time.monotonic() + 300
    try:
        while not [p for p in checkpoints.glob("*/*") if p.name.isdigit() and int(p.name)]:
            assert run.poll() is None, "training ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()

    changed.snakemake("--unlock", *PROFILE)
    again = changed.snakemake(*target)
    assert again.returncode == 0, again.stdout[-3000:]
    assert "resumed at step" in (changed.folder / "logs/train.log").read_text()
    assert not list(checkpoints.glob("*/*")), "checkpoints are removed once training is done"
