"""Jobs that Slurm ends: each shard comes back by itself, and no other is made twice."""

import pytest
from conftest import Checkout
from slurm_trial import SHARDS, Trial, until

from ephforge.audit import progress

pytestmark = pytest.mark.slurm

CANCELLED, FAILED, MEMORY, GOOD = SHARDS
TIMED_OUT = "000008-000010"
STATES = {
    CANCELLED: {"CANCELLED"},
    FAILED: {"FAILED"},
    MEMORY: {"OUT_OF_MEMORY", "FAILED"},  # FAILED where no cgroup counts the memory
    TIMED_OUT: {"TIMEOUT"},
}


def told(trial) -> dict[str, int]:
    """Jobs that wait and that run, as `ephforge status` has them."""
    counts = progress.counts(progress.latest_run(trial.folder))["lattice"]
    return {state: counts[state] for state in ("queued", "running")}


def in_slurm(slurm) -> dict[str, int]:
    states = [state for state, _ in slurm.queued().values()]
    return {"queued": states.count("PENDING"), "running": states.count("RUNNING")}


@pytest.fixture(scope="module")
def trial(slurm, tmp_path_factory, is_long):
    """One run in which all shards but one lose their first job, and the node its service."""
    faulty = [CANCELLED, FAILED, MEMORY]
    faulty += [TIMED_OUT] if is_long else []  # Slurm needs a minute for a time-out
    shards = [*faulty, GOOD]
    campaign = {"materials": 2 * len(shards), "shard_size": 2}
    trial = Trial(Checkout(tmp_path_factory.mktemp("jobs")), slurm, campaign=campaign)
    trial.shards = shards
    trial.fault(CANCELLED, "sleep")
    trial.fault(FAILED, "exit")
    trial.fault(MEMORY, "memory")
    trial.fault(TIMED_OUT, "sleep")
    targets = [f"results/lattice/{shard}.nc" for shard in shards]
    run = trial.start(*targets, "--set-resources", "lattice:mem_mb=1200*attempt")
    until(lambda: not any(map(trial.is_faulty, faulty)), 240, "all first jobs at their faults")
    slurm.node(State="DRAIN", Reason="test")
    before = max(map(int, slurm.queued()))
    slurm.call("scancel", min(trial.jobs_of(CANCELLED), key=int))
    if is_long:
        slurm.call(
            "scontrol", "update", f"JobId={min(trial.jobs_of(TIMED_OUT), key=int)}", "TimeLimit=1"
        )
    until(lambda: before < max(map(int, slurm.queued()), default=0), 120, "a job tried again")
    queued = {int(i): state for i, (state, _) in slurm.queued().items()}
    trial.states_when_drained = [state for i, state in queued.items() if i > before]
    until(lambda: told(trial) == in_slurm(slurm), 120, "status says what squeue says")
    trial.told_when_drained = told(trial)
    slurm.node(State="RESUME")
    trial.output = trial.finish(run, 300)
    assert run.returncode == 0, trial.output[-5000:]
    return trial


@pytest.mark.parametrize("shard", [CANCELLED, FAILED, MEMORY])
def test_a_lost_job_is_tried_again(trial, shard):
    first, *more = trial.jobs_of(shard).values()
    assert first in STATES[shard]
    assert more == ["COMPLETED"]


@pytest.mark.faults
def test_a_job_out_of_time_is_tried_again_with_more(trial):
    first, *more = trial.jobs_of(TIMED_OUT).values()
    assert first in STATES[TIMED_OUT]
    assert more == ["COMPLETED"]


def test_the_memory_limit_was_what_ended_a_job(trial, slurm):
    number = next(iter(trial.jobs_of(MEMORY)))
    assert f"[{number}.0] error: StepId={number}.0 exceeded memory" in slurm.log("slurmd")


def test_a_drained_node_starts_nothing_and_goes_on_when_it_is_back(trial):
    assert set(trial.states_when_drained) == {"PENDING"}


def test_status_tells_the_queue_from_the_jobs_that_run(trial):
    assert trial.told_when_drained["queued"] > 0


def test_status_of_the_whole_run(trial):
    run = progress.latest_run(trial.folder)
    counts = progress.counts(run)["lattice"]
    shards = len(trial.shards)
    assert counts == {"planned": shards, "done": shards, "running": 0, "queued": 0, "failed": 0}
    assert not run.is_open


def test_a_good_shard_is_made_once(trial):
    assert list(trial.jobs_of(GOOD).values()) == ["COMPLETED"]


def test_all_files_are_whole(trial, figures):
    assert trial.damaged() == []
    assert len(trial.identities()) == len(trial.shards)
    figures["jobs of shards"] = {
        shard: list(trial.jobs_of(shard).values()) for shard in trial.shards
    }
