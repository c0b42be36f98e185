"""Command status: how far a campaign is, and what went wrong last."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

SHOWN_FAILURES = 5
SHOWN_RULES = 4
SILENT = 600  # seconds; a run that holds the lock and says nothing for longer may be dead


def status(
    results: Annotated[
        Path, typer.Argument(help="Folder of the results of a campaign, or the checkout.")
    ] = Path("results"),
) -> None:
    """How far a campaign is: jobs done, running, queued, failed; pace, expected end, last errors.

    Reads what Snakemake and the jobs wrote, and touches nothing: it can be asked while the
    campaign runs. The exit status is 1 if a job of the last run failed.
    """
    from ephforge.audit import progress
    from ephforge.core.errors import EphforgeError

    folder = results.parent if results.absolute().name == "results" else results
    run = progress.latest_run(folder)
    if run is None:
        raise EphforgeError(
            f"{folder}: no run of Snakemake in this folder, expected .snakemake/log; "
            "name the folder where `make campaign` or snakemake was started"
        )
    now = datetime.now()
    counts = progress.counts(run)
    for line in (_headline(run, now), *_table(counts, progress.job_seconds(run))):
        typer.echo(line)
    if held := _held(folder / "results"):
        typer.echo(f"in results: {held}")
    failed = [job for job in run.jobs.values() if job.state == "failed"]
    is_finished = all(c["done"] >= c["planned"] for c in counts.values())
    if run.is_open and not is_finished:
        before = progress.earlier_seconds(folder, list(counts))
        typer.echo(_outlook(progress.forecast(run, now, before), now))
    for job in failed[-SHOWN_FAILURES:]:
        slurm = f"; Slurm: {job.verdict}" if job.verdict else ""
        typer.echo(f"failed: {job.rule}: {progress.last_word(folder / job.log)}{slurm} ({job.log})")
    if len(failed) > SHOWN_FAILURES:
        typer.echo(f"and {len(failed) - SHOWN_FAILURES} more before these")
    if failed:
        raise typer.Exit(1)


def _held(results: Path) -> str:
    """Files of the stages that make many: what earlier runs made counts too."""
    stages = ("lattice", "coupling", "firstprinciples")
    counts = {stage: len(list((results / stage).glob("*.nc"))) for stage in stages}
    return ", ".join(f"{count} files of {stage}" for stage, count in counts.items() if count)


def _headline(run, now: datetime) -> str:
    done = sum(job.state == "done" for job in run.jobs.values())
    silence = (now - run.heard).total_seconds()
    state = "running" if run.is_open else "ended"
    if run.is_open and silence > SILENT:
        state = "running, or killed: if no snakemake is at work, start it again with --unlock first"
    return (
        f"{done} of {sum(run.planned.values())} jobs done; {state}; "
        f"started {run.started:%d %b %H:%M}, last heard of {_span(silence)} ago"
    )


def _table(counts: dict, seconds: dict[str, float]) -> list[str]:
    from ephforge.audit.progress import STATES

    columns = ("planned", *STATES)
    lines = [f"{'':16s} {' '.join(f'{name:>8s}' for name in columns)} {'each':>9s}"]
    for rule, count in counts.items():
        each = _span(seconds[rule]) if rule in seconds else "-"
        numbers = " ".join(f"{count[key]:8d}" for key in columns)
        lines.append(f"{rule:16s} {numbers} {each:>9s}")
    return lines


def _outlook(forecast, now: datetime) -> str:
    shown = ", ".join(forecast.unknown[:SHOWN_RULES])
    if len(forecast.unknown) > SHOWN_RULES:
        shown += f" and {len(forecast.unknown) - SHOWN_RULES} more"
    known = f"about {_span(forecast.seconds)} left, until {_end(forecast.seconds, now)}"
    if not forecast.unknown:
        return known
    if forecast.seconds == 0:
        return f"time left not known yet: no job of {shown} has been seen to the end"
    return f"{known}, and the time of {shown}: no such job has been seen to the end"


def _end(seconds: float, now: datetime) -> str:
    end = now + timedelta(seconds=seconds)
    return f"{end:%H:%M}" if end.date() == now.date() else f"{end:%d %b %H:%M}"


def _span(seconds: float) -> str:
    """A time as people say it: 42 s, 12.3 min, 5.1 h, 2.4 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
