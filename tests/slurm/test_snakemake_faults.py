"""Snakemake interrupted, killed, started twice: good shards stay, the others come once more."""

import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from slurm_trial import SHARDS, Trial, kill, until

pytestmark = pytest.mark.slurm

GOOD, HELD = SHARDS[:2]
KILLS = 6
TARGETS = [f"results/lattice/{shard}.nc" for shard in (GOOD, HELD)]


def reached(trial, jobs: int) -> None:
    """So many jobs wait within the held shard."""
    until(lambda: trial.started(HELD) >= jobs, 120, f"{jobs} jobs of the held shard")


def test_interrupted_then_killed_then_started_twice(slurm, checkout, figures):
    trial = Trial(checkout, slurm)
    held = trial.fault(HELD, "hold")

    run = trial.start(*TARGETS)
    reached(trial, 1)
    until(lambda: trial.said("1 of 2 steps"), 120, "the good shard")
    os.killpg(run.pid, signal.SIGINT)
    output = trial.finish(run)
    assert run.returncode != 0
    until(lambda: not slurm.queued(), 60, "an interrupted Snakemake cancels its jobs")
    assert "Traceback" not in output
    good = trial.identities()
    assert list(good) == TARGETS[:1]
    assert trial.damaged() == []

    run = trial.start(*TARGETS)
    reached(trial, 2)
    kill(run)
    left = set(slurm.queued())
    assert len(left) == 1, "a killed Snakemake leaves its job"

    output = trial.fail(*TARGETS)
    assert "Directory cannot be locked" in output  # and it says how to unlock it
    trial.unlock()
    run = trial.start(*TARGETS)
    reached(trial, 3)
    assert left < set(slurm.queued()), "both jobs of the shard run"
    held.unlink()
    output = trial.finish(run)
    assert run.returncode == 0, output[-5000:]
    until(lambda: not slurm.queued(), 60)
    found = trial.identities()
    assert sorted(found) == TARGETS
    assert found[TARGETS[0]] == good[TARGETS[0]], "a good shard was made again"
    assert trial.damaged() == []
    assert trial.left_behind() == []
    figures["Snakemake interrupted, killed, overlapping"] = {
        "jobs of the held shard": len(trial.jobs_of(HELD)),
        "jobs of the good shard": len(trial.jobs_of(GOOD)),
    }


@pytest.mark.faults
def test_killed_at_random_moments(slurm, checkout, figures):
    """A finished shard for which no second job had been sent off stays as it is."""
    many = 8
    trial = Trial(checkout, slurm, campaign={"materials": many, "shard_size": 1})
    targets = [f"results/lattice/{i:06d}-{i + 1:06d}.nc" for i in range(many)]
    moments, kept, unfinished = random.Random(0), {}, 0
    for _ in range(KILLS):
        run = trial.start(*targets, "--jobs", "4")
        with suppress(subprocess.TimeoutExpired):
            run.wait(moments.uniform(3, 40))
        unfinished += run.poll() is None
        kill(run)
        assert trial.damaged() == []
        sent = " ".join(comment for _, comment in slurm.queued().values())
        found = trial.identities()
        assert kept.items() <= found.items(), "a good shard was made again or lost"
        kept |= {
            path: was
            for path, was in found.items()
            if Path(path).stem not in sent and not trial.is_incomplete(path)
        }
        trial.unlock()
    trial.complete(*targets, timeout=300)
    assert kept.items() <= trial.identities().items()
    until(lambda: not slurm.queued(), 120)
    assert trial.damaged() == []
    assert trial.left_behind() == []
    assert sorted(trial.identities()) == targets
    figures["SIGKILL of Snakemake"] = {
        "kills": KILLS,
        "while shards were made": unfinished,
        "shards": many,
        "kept from before the last kill": len(kept),
        "jobs": len(slurm.ended()),
    }
