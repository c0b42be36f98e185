"""Disks that fill up or turn read-only, files that are damaged: one line, and a way back."""

import shutil
import subprocess
from contextlib import contextmanager

import pytest
from conftest import Checkout
from slurm_trial import SHARDS, Trial

pytestmark = pytest.mark.slurm

SHARD, OTHER = SHARDS[:2]
LATTICE, COUPLING = f"results/lattice/{SHARD}.nc", f"results/coupling/{SHARD}.nc"
NO_RETRIES = ("--retries", "0")


@contextmanager
def small_disk(folder):
    """A file system of 20 kB over a folder; it says yes to nothing once it is read-only."""
    folder.mkdir(parents=True)
    made = mount("-t", "tmpfs", "-o", "size=20k", "tmpfs", folder)
    if made.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def mount(*arguments):
    command = ["mount", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def remount(folder, options):
    made = mount("-o", f"remount,{options}", folder)
    assert made.returncode == 0, made.stderr


def user_lines(trial, shard, rule):
    """What the job said to the user."""
    text = (trial.folder / f"logs/{rule}/{shard}.log").read_text()
    assert "Traceback" not in text
    return [line for line in text.splitlines() if "error: " in line]


def test_full_then_read_only_then_mended(slurm, checkout):
    trial = Trial(checkout, slurm)
    folder = trial.folder / "results/lattice"
    with small_disk(trial.folder / "results"):
        folder.mkdir()
        (folder / "other").write_text("")  # Snakemake removes empty folders
        output = trial.fail(LATTICE, *NO_RETRIES)
        (line,) = user_lines(trial, SHARD, "lattice")
        assert f"{LATTICE}: cannot be written (No space left on device)" in line
        assert line in output
        assert [p.name for p in folder.iterdir()] == ["other"], "nothing half written"

        remount(trial.folder / "results", "ro,size=10m")
        output = trial.fail(LATTICE, *NO_RETRIES)
        assert "results: cannot be written (Read-only file system)" in output
        assert len(trial.jobs_of(SHARD)) == 1, "no job is sent off"
        assert [p.name for p in folder.iterdir()] == ["other"]

        remount(trial.folder / "results", "rw,size=10m")
        trial.complete(LATTICE)
        assert trial.damaged() == []
        assert sorted(p.name for p in folder.iterdir()) == [f"{SHARD}.nc", "other"]


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """One bit of the compressed numbers in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def replace(path):
    """A good file of another shard."""
    shutil.copy(path.with_name(f"{OTHER}.nc"), path)


@pytest.fixture(scope="module")
def whole(slurm, tmp_path_factory):
    """Two shards with their couplings, as they should be."""
    trial = Trial(Checkout(tmp_path_factory.mktemp("whole")), slurm)
    trial.complete(COUPLING, f"results/coupling/{OTHER}.nc")
    return trial


@pytest.mark.faults  # tests/test_campaign.py does the same without Slurm, each time
@pytest.mark.parametrize("damage", [cut, flip, empty, replace])
def test_a_damaged_shard_is_named_and_made_again(whole, damage):
    path, before = whole.shard(SHARD), whole.identities()
    damage(path)
    output = whole.fail(COUPLING, *NO_RETRIES)
    (line,) = user_lines(whole, SHARD, "coupling")
    assert LATTICE in line
    assert line in output
    path.unlink()
    whole.complete(COUPLING)
    after = whole.identities()
    assert {p for p in before if after[p] != before[p]} == {LATTICE, COUPLING}
    assert whole.damaged() == []


def test_more_gpus_than_there_are_is_one_line(slurm, checkout):
    """The node has two; a job that asks for three could wait for ever."""
    trial = Trial(checkout, slurm)
    output = trial.fail(LATTICE, *NO_RETRIES, "--set-resources", "lattice:gpu=3")
    assert "Requested node configuration is not available" in output
    assert not slurm.queued()
    assert not trial.shard(SHARD).exists()
