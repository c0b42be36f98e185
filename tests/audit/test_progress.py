"""How far a campaign is, read from logs as Snakemake 9.27 writes them."""

import os
from datetime import datetime, timedelta

import pytest
from typer.testing import CliRunner

from ephforge.audit import progress
from ephforge.cli.main import app

START = datetime(2026, 11, 27, 6, 0, 0)
HEAD = """Building DAG of jobs...
Job stats:
job        count
-------  -------
lattice        4
dataset        1
all            1
total          6

Select jobs to execute...
"""


def stamp(second: int) -> str:
    return f"[{START + timedelta(seconds=second):%a %b %d %H:%M:%S %Y}]\n"


def started(second: int, number: int, rule: str, local: str = "local") -> str:
    log = f"logs/{rule}/{number}.log"
    return (
        f"{stamp(second)}{local}rule {rule}:\n    output: results/{rule}/{number}.nc\n"
        f"    log: {log}\n    jobid: {number}\n    reason: Missing output files: x\n"
    )


def failed(second: int, number: int, rule: str) -> str:
    return (
        f"{stamp(second)}Error in rule {rule}:\n    message: None\n    jobid: {number}\n"
        f"    log: logs/{rule}/{number}.log (check log file(s) for error details)\n"
    )


def finished(second: int, number: int, rule: str) -> str:
    return f"{stamp(second)}Finished jobid: {number} (Rule: {rule})\n1 of 6 steps (17%) done\n"


@pytest.fixture
def campaign(tmp_path):
    """Write a log of a run; with a lock it is at work."""

    def write(*events: str, is_open: bool = True, name="2026-11-27T060000.123456"):
        folder = tmp_path / ".snakemake"
        (folder / "log").mkdir(parents=True, exist_ok=True)
        (folder / "log" / f"{name}.snakemake.log").write_text(HEAD + "".join(events))
        (folder / "locks").mkdir(exist_ok=True)
        if is_open:
            (folder / "locks/0.input.lock").write_text("")
        return tmp_path

    return write


def test_what_became_of_each_job(campaign):
    folder = campaign(
        started(0, 1, "lattice"), started(0, 2, "lattice", local=""), finished(10, 1, "lattice"),
        started(10, 3, "lattice"), failed(20, 2, "lattice"), started(20, 4, "lattice"),
        failed(25, 3, "lattice"), started(26, 3, "lattice"),  # tried again
    )  # fmt: skip
    run = progress.latest_run(folder)
    assert run.planned == {"lattice": 4, "dataset": 1}
    assert progress.counts(run) == {
        "lattice": {"planned": 4, "done": 1, "running": 2, "queued": 0, "failed": 1},
        "dataset": {"planned": 1, "done": 0, "running": 0, "queued": 0, "failed": 0},
    }
    assert run.jobs[2].log == "logs/lattice/2.log"
    assert progress.job_seconds(run) == {"lattice": 10.0}
    assert run.is_open


def test_the_forecast_counts_jobs_at_a_time(campaign):
    # two at a time, 10 s each: after 20 s two are done and two have worked for 10 s
    folder = campaign(
        started(0, 1, "lattice"), started(0, 2, "lattice"), finished(20, 1, "lattice"),
        finished(20, 2, "lattice"), started(20, 3, "lattice"), started(20, 4, "lattice"),
    )  # fmt: skip
    run = progress.latest_run(folder)._replace(started=START)
    now = START + timedelta(seconds=30)
    found = progress.forecast(run, now, {})
    assert found.unknown == ["dataset"]
    assert found.seconds == pytest.approx(10)  # 2 x (20 - 10) s of work, two at a time
    assert progress.forecast(run, now, {"dataset": 40.0}).seconds == pytest.approx(30)


def sent(number: int, folder) -> str:
    """Slurm has taken a job; it opens the log when the job starts."""
    log = folder / f"logs/slurm/{number}.log"
    return f"Job {number} has been submitted with SLURM jobid 1{number} (log: {log}).\n"


def test_jobs_in_the_queue_of_slurm_do_not_run_yet(campaign, tmp_path):
    (tmp_path / "logs/slurm").mkdir(parents=True)
    for number in (1, 2, 3):
        (tmp_path / f"logs/slurm/{number}.log").write_text("")
    events = [started(0, n, "lattice", local="") + sent(n, tmp_path) for n in (1, 2, 3, 4)]
    why = "    message: SLURM-job '13' failed, SLURM status is: 'TIMEOUT'. More.\n    jobid: 3\n"
    lost = f"{stamp(30)}Error in rule lattice:\n{why}    log: logs/lattice/3.log (check)\n"
    folder = campaign(*events, finished(20, 1, "lattice"), lost)
    run = progress.latest_run(folder)
    states = {"planned": 4, "done": 1, "running": 1, "queued": 1, "failed": 1}
    assert progress.counts(run)["lattice"] == states
    assert run.jobs[3].verdict == "TIMEOUT"
    # one of four came to its end within 40 s, two are left
    now = START + timedelta(seconds=40)
    assert progress.forecast(run, now, {"dataset": 7.0}).seconds == pytest.approx(87)
    shown = CliRunner().invoke(app, ["status", str(folder)]).output
    assert "killed before it began, or by the scheduler; Slurm: TIMEOUT (logs/lattice/3" in shown


def test_a_job_that_is_tried_again_waits_for_its_own_start(campaign, tmp_path):
    (tmp_path / "logs/slurm").mkdir(parents=True)
    (tmp_path / "logs/slurm/1.log").write_text("")
    again = started(30, 1, "lattice", local="") + sent(1, tmp_path).replace("/1.log", "/new.log")
    first = started(0, 1, "lattice", local="") + sent(1, tmp_path) + failed(20, 1, "lattice")
    run = progress.latest_run(campaign(first, again))
    assert run.jobs[1].state == "queued"
    assert run.jobs[1].verdict == ""


def test_jobs_of_a_run_that_ended_do_not_run(campaign):
    run = progress.latest_run(campaign(started(0, 1, "lattice"), is_open=False))
    assert run.jobs[1].state == "stopped"


def test_dry_runs_and_runs_of_nothing_are_left_out(campaign):
    campaign(started(0, 1, "lattice"))
    campaign("This was a dry-run (flag -n).\n", name="2026-11-27T070000.000000")
    folder = campaign(name="2026-11-27T050000.000000")
    assert progress.latest_run(folder).jobs.keys() == {1}


def test_earlier_seconds(tmp_path):
    (tmp_path / "benchmarks/lattice").mkdir(parents=True)
    for name, seconds in (("a", 10), ("b", 30)):
        (tmp_path / f"benchmarks/lattice/{name}.tsv").write_text(f"s\th:m:s\n{seconds}\t0\n")
    assert progress.earlier_seconds(tmp_path, ["lattice", "train"]) == {"lattice": 20.0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-27 06:31:56,333 ephforge.lattice: error: shard: too few\n", "shard: too few"),
        ("Traceback\nKeyError: 'x'\n\nbye\n", "KeyError: 'x'"),
        ("2026-11-27 06:31:56,333 ephforge.lattice: 3 of 5\n", "3 of 5"),
        ("", "its log is empty: it may have been killed"),
    ],
)
def test_the_last_word_of_a_job(tmp_path, text, expected):
    (tmp_path / "job.log").write_text(text)
    assert progress.last_word(tmp_path / "job.log") == expected


def test_the_command(campaign, monkeypatch):
    folder = campaign(started(0, 1, "lattice"), failed(9, 1, "lattice"), started(9, 2, "lattice"))
    (folder / "logs/lattice").mkdir(parents=True)
    (folder / "logs/lattice/1.log").write_text("x: error: nothing relaxes; widen it\n")
    (folder / "results").mkdir()
    monkeypatch.chdir(folder)
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith("0 of 5 jobs done; running")
    assert lines[2].split() == ["lattice", "4", "0", "1", "0", "1", "-"]
    assert lines[-1] == "failed: lattice: x: error: nothing relaxes; widen it (logs/lattice/1.log)"
    assert lines[-2].startswith("time left not known yet: no job of lattice, dataset has been seen")


def test_a_silent_run_may_be_dead(campaign):
    folder = campaign(started(0, 1, "lattice"))
    log = next((folder / ".snakemake/log").iterdir())
    os.utime(log, (0, 0))
    assert "or killed" in CliRunner().invoke(app, ["status", str(folder)]).output


def test_no_campaign(tmp_path):
    result = CliRunner().invoke(app, ["status", str(tmp_path)])
    assert result.exit_code == 1
    assert "no run of Snakemake in this folder" in result.stderr
