"""How far a campaign is, from what Snakemake and its jobs left on the disk; nothing is asked of it.

The log of a run, in .snakemake/log, has the plan ("Job stats") and a block
for the start, the end and the failure of every job.  This file imports fast: no jax.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

_TIME = re.compile(r"^\[(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4})\]$")
_STARTED = re.compile(r"^(?:local)?rule (\w+):$")
_FAILED = re.compile(r"^Error in rule (\w+)")
_FINISHED = re.compile(r"^Finished jobid: (\d+)")
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \S+: ")
_SENT = re.compile(r"^Job (\d+) has been submitted with SLURM jobid \d+ \(log: (.+)\)\.$")
_FIELD = re.compile(r"^    (jobid|log|message): (\S.*)")
_VERDICT = re.compile(r"SLURM status is: '(\w+)'")


STATES = ("done", "running", "queued", "failed")


class Job(NamedTuple):
    """One job of a run, as the last that was said of it has it.

    Attributes:
      state: "queued" (by Slurm), "running", "done", "failed", or "stopped" where the run ended
        before it; a job that is tried again is queued or running.
      log: what the job says itself, relative to the folder of the campaign.
      slurm_log: the file that Slurm opens when the job starts; empty for jobs of this machine.
      verdict: why Slurm says that it failed, such as TIMEOUT; empty if it does not say.
    """

    rule: str
    log: str
    started: datetime
    ended: datetime | None
    state: str
    slurm_log: str = ""
    verdict: str = ""


class Run(NamedTuple):
    """A run of Snakemake.

    Attributes:
      planned: rule -> jobs that this run has to do.
      jobs: by Snakemake's number.
      is_open: the run holds the lock of the folder: it is at work, or was killed.
      heard: when its log was last written.
    """

    started: datetime
    planned: dict[str, int]
    jobs: dict[int, Job]
    is_open: bool
    heard: datetime


class Forecast(NamedTuple):
    """What remains: seconds at the pace so far, and rules of which nothing is known yet."""

    seconds: float | None
    unknown: list[str]


def latest_run(folder: Path) -> Run | None:
    """The last run of Snakemake in a folder, dry runs left out; None if there was none."""
    for path in sorted((folder / ".snakemake/log").glob("*.log"), reverse=True):
        text = path.read_text(errors="replace")
        planned, jobs = _planned(text), _jobs(text)
        is_dry = "This was a dry-run" in text
        if (planned or jobs) and not is_dry:
            is_open = any((folder / ".snakemake/locks").glob("*.lock"))
            now = _in_queue if is_open else _without_run
            jobs = {number: now(job, folder) for number, job in jobs.items()}
            heard = datetime.fromtimestamp(path.stat().st_mtime)
            began = datetime.strptime(path.name[:17], "%Y-%m-%dT%H%M%S")
            return Run(began, planned, jobs, is_open, heard)
    return None


def counts(run: Run) -> dict[str, dict[str, int]]:
    """Rule -> number of jobs "planned" and in each of the `STATES`; in the order of the plan."""
    rules = list(dict.fromkeys([*run.planned, *(job.rule for job in run.jobs.values())]))
    found = {rule: {"planned": run.planned.get(rule, 0)} for rule in rules}
    for rule in rules:
        states = [job.state for job in run.jobs.values() if job.rule == rule]
        found[rule] |= {state: states.count(state) for state in STATES}
    return found


def forecast(run: Run, now: datetime, before: dict[str, float]) -> Forecast:
    """Time that the jobs still to be done take, as many at a time as so far.

    Args:
      before: rule -> seconds of a job in earlier runs, for rules of which none has finished.
    """
    if any(job.slurm_log for job in run.jobs.values()):
        return _forecast_of_queue(run, now, before)
    seconds = before | job_seconds(run)
    jobs = run.jobs.values()
    busy = sum(((job.ended or now) - job.started).total_seconds() for job in jobs)
    past = (now - run.started).total_seconds()
    width = max(1.0, busy / past) if past > 0 else 1.0
    remaining, unknown = 0.0, []
    for rule, count in counts(run).items():
        left = count["planned"] - count["done"] - count["failed"]
        if left > 0 and rule in seconds:
            remaining += left * seconds[rule]
        elif left > 0:
            unknown.append(rule)
    for job in jobs:
        if job.state == "running" and job.rule in seconds:
            remaining -= min(seconds[job.rule], (now - job.started).total_seconds())
    return Forecast(max(0.0, remaining) / width, unknown)


def _forecast_of_queue(run: Run, now: datetime, before: dict[str, float]) -> Forecast:
    """At the rate at which jobs came to their end: their times hold more waiting than work."""
    remaining, later, unknown = 0.0, 0.0, []
    width = max(1, sum(job.state == "running" for job in run.jobs.values()))
    for rule, count in counts(run).items():
        left = count["planned"] - count["done"] - count["failed"]
        if left > 0 and count["done"]:
            first = min(job.started for job in run.jobs.values() if job.rule == rule)
            # rules that are at work share the nodes
            remaining = max(remaining, left * (now - first).total_seconds() / count["done"])
        elif left > 0 and rule in before:
            later += left * before[rule] / width
        elif left > 0:
            unknown.append(rule)
    return Forecast(remaining + later, unknown)


def job_seconds(run: Run) -> dict[str, float]:
    """Rule -> mean seconds of its jobs that are done."""
    found: dict[str, list[float]] = {}
    for job in run.jobs.values():
        if job.state == "done":
            found.setdefault(job.rule, []).append((job.ended - job.started).total_seconds())
    return {rule: sum(seconds) / len(seconds) for rule, seconds in found.items()}


def earlier_seconds(folder: Path, rules: list[str]) -> dict[str, float]:
    """Rule -> mean seconds in the benchmark files that earlier runs left."""
    found = {}
    for rule in rules:
        paths = [folder / f"benchmarks/{rule}.tsv", *(folder / "benchmarks" / rule).glob("*.tsv")]
        rows = [path.read_text().splitlines()[1:2] for path in paths if path.is_file()]
        values = [float(row[0].split("\t")[0]) for row in rows if row]
        if values:
            found[rule] = sum(values) / len(values)
    return found


def last_word(path: Path) -> str:
    """Why a job failed, in its own words: its last line with "error", or its last line."""
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines()]
    except OSError:
        return "it wrote no log: it may have been killed before it began, or by the scheduler"
    lines = [_STAMP.sub("", line) for line in lines if line]
    errors = [line for line in lines if re.search(r"error\b", line, re.IGNORECASE)]
    told = (errors or lines or ["its log is empty: it may have been killed"])[-1]
    return told.removeprefix("error: ")


def _without_run(job: Job, folder: Path) -> Job:
    return job._replace(state="stopped") if job.state == "running" else job


def _in_queue(job: Job, folder: Path) -> Job:
    """A job that was handed in and has not started."""
    waits = job.state == "running" and job.slurm_log and not (folder / job.slurm_log).exists()
    return job._replace(state="queued") if waits else job


def _planned(text: str) -> dict[str, int]:
    """The table of the plan, without its total and the rule that only asks for files."""
    _, _, after = text.partition("Job stats:\n")
    table = after.partition("\n\n")[0].splitlines()[2:]
    rows = [line.split() for line in table]
    asked = ("total", "all", "real_materials", "observables_all", "models_all")
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[0] not in asked}


def _jobs(text: str) -> dict[int, Job]:
    """What became of each job, told event by event."""
    jobs: dict[int, Job] = {}
    for time, line, fields in _events(text):
        if finished := _FINISHED.match(line):
            number = int(finished[1])
            if number in jobs:
                jobs[number] = jobs[number]._replace(state="done", ended=time)
        elif sent := _SENT.match(line):
            if int(sent[1]) in jobs:
                jobs[int(sent[1])] = jobs[int(sent[1])]._replace(slurm_log=sent[2])
        elif "jobid" in fields:
            number = int(fields["jobid"])
            if failed := _FAILED.match(line):
                begun = jobs[number].started if number in jobs else time
                slurm_log = jobs[number].slurm_log if number in jobs else ""
                verdict = _VERDICT.search(fields.get("message", ""))
                jobs[number] = Job(
                    *(failed[1], fields.get("log", ""), begun, time, "failed", slurm_log),
                    verdict[1] if verdict else "",
                )
            else:
                rule = _STARTED.match(line)[1]
                if rule != "all":
                    jobs[number] = Job(rule, fields.get("log", ""), time, None, "running")
    return jobs


def _events(text: str) -> Iterator[tuple[datetime, str, dict[str, str]]]:
    """Time, first line, and the fields of every block of a log that tells of a job."""
    time, lines = None, text.splitlines()
    for i, line in enumerate(lines):
        if stamp := _TIME.match(line):
            time = datetime.strptime(stamp[1], "%a %b %d %H:%M:%S %Y")
        elif time and (_STARTED.match(line) or _FAILED.match(line)):
            fields: dict[str, str] = {}
            for below in lines[i + 1 :]:
                if not below.startswith("    "):
                    break
                if field := _FIELD.match(below):
                    is_text = field[1] == "message"
                    value = field[2] if is_text else field[2].split()[0].rstrip(",")
                    fields.setdefault(field[1], value)
            yield time, line, fields
        elif time and (_FINISHED.match(line) or _SENT.match(line)):
            yield time, line, {}
