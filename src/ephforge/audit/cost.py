"""What a finished campaign cost, from its shards and benchmark files, and what a larger one would.

Seconds are those of one core of the machine that ran it, as they passed: other work on the same
cores is in them.  Nothing is said of a GPU that none was measured on.
"""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from ephforge.core.errors import EphforgeError

STAGES = ("lattice", "coupling")
START_UP, COMPILE, WRITE = "start_up", "compile", "write"
JOB_STEPS = (START_UP, COMPILE)  # once for each job, whatever its number of materials


class Shard(NamedTuple):
    """One shard of one stage; job_seconds of the whole process, None without a benchmark file."""

    drawn: int
    accepted: int
    matrices: int
    bytes: int
    seconds: dict[str, float]
    wall_seconds: float
    job_seconds: float | None


def measure(results: str | Path) -> dict[str, list[Shard]]:
    """Shards of the two stages of a campaign.

    Args:
      results: folder of the results; benchmark files are looked for beside it.

    Raises:
      EphforgeError: no shards there, or other ones of one stage than of the other.
    """
    results = Path(results)
    names = {stage: sorted(p.name for p in (results / stage).glob("*-*.nc")) for stage in STAGES}
    if not names["coupling"]:
        raise EphforgeError(f"{results}: no shards in {results / 'coupling'}; run a campaign first")
    odd = sorted(set(names["lattice"]) ^ set(names["coupling"]))
    if odd:
        raise EphforgeError(f"{results}: shard {odd[0]} is of one stage only; finish the campaign")
    benchmarks = results.parent / "benchmarks"
    return {
        stage: [
            _shard(results / stage / name, benchmarks / stage / f"{Path(name).stem}.tsv")
            for name in names[stage]
        ]
        for stage in STAGES
    }


def _shard(path: Path, benchmark: Path) -> Shard:
    try:
        with h5py.File(path) as file:
            facts = {name: _plain(value) for name, value in file.attrs.items()}
            groups = [item for item in file.values() if isinstance(item, h5py.Group)]
            accepted = [g for g in groups if _plain(g.attrs["status"]) == "accepted"]
            matrices = sum(_matrices(group) for group in accepted)
            drawn = len(groups)
        seconds, wall = dict(facts.get("seconds", {})), float(facts["wall_seconds"])
    except (OSError, KeyError, ValueError) as error:
        raise EphforgeError(f"{path}: not a whole shard ({error}); make it again") from None
    job = _job_seconds(benchmark)
    if job is not None:  # what passed outside of the stage: starting, and writing the file
        outside = job - wall
        known = START_UP in seconds
        seconds[WRITE if known else START_UP] = max(0.0, outside - seconds.get(START_UP, 0.0))
    return Shard(drawn, len(accepted), matrices, path.stat().st_size, seconds, wall, job)


def _matrices(group: h5py.Group) -> int:
    return (
        int(group["g"].shape[0] * group["g"].shape[1] * group["g"].shape[2]) if "g" in group else 0
    )


def _plain(value: Any) -> Any:
    """An attribute as HDF5 gives it: bytes, arrays of one number, JSON text."""
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.item()
    value = value.decode() if isinstance(value, bytes) else value
    return json.loads(value) if isinstance(value, str) and value.startswith(("{", "[")) else value


def _job_seconds(path: Path) -> float | None:
    """Wall time of the last run of the job, as Snakemake measured it."""
    if not path.is_file():
        return None
    with path.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return float(rows[-1]["s"]) if rows else None


def summarise(shards: dict[str, list[Shard]]) -> dict[str, Any]:
    """Of each stage: seconds by step, their shares, per accepted material; and bytes."""
    last = shards["coupling"]
    accepted = sum(shard.accepted for shard in last)
    if not accepted:
        raise EphforgeError("cost: no material was accepted; nothing can be said per material")
    stages = {stage: _stage(found, accepted) for stage, found in shards.items()}
    return {
        "drawn": sum(shard.drawn for shard in last),
        "accepted": accepted,
        "matrices": sum(shard.matrices for shard in last),
        "shards": len(last),
        "stages": stages,
        "seconds_per_accepted": sum(found["seconds_per_accepted"] for found in stages.values()),
        "bytes_per_accepted": sum(found["bytes_per_accepted"] for found in stages.values()),
    }


def _stage(shards: list[Shard], accepted: int) -> dict[str, Any]:
    steps: Counter[str] = Counter()
    for shard in shards:
        steps.update(shard.seconds)
        inside = sum(s for step, s in shard.seconds.items() if step not in (START_UP, WRITE))
        steps["other"] += max(0.0, shard.wall_seconds - inside)
    total = sum(steps.values())
    # the first jobs compile, later ones fetch what was compiled
    at_start = [sum(shard.seconds.get(step, 0.0) for step in JOB_STEPS) for shard in shards]
    return {
        "seconds": dict(steps),
        "shares": {step: spent / total for step, spent in steps.items()},
        "seconds_per_accepted": total / accepted,
        "seconds_of_work_per_accepted": (total - sum(steps[s] for s in JOB_STEPS)) / accepted,
        "job_seconds_at_start": {
            "median": float(np.median(at_start)),
            "largest": float(np.max(at_start)),
        },
        "measured_by": "benchmark files" if all(s.job_seconds for s in shards) else "shards alone",
        "bytes_per_accepted": sum(shard.bytes for shard in shards) / accepted,
    }


def extrapolate(
    summary: dict[str, Any], materials: int, shard_size: int, nodes: int, cores: int
) -> dict[str, Any]:
    """Cost of a campaign of the same options.

    A job costs its start-up and compilation once, as the median job did, and the rest in
    proportion to its materials; jobs are taken to fill the cores evenly.

    Args:
      materials, shard_size: to draw, and in one job.
      nodes, cores: of a CPU partition, cores in each node.
    """
    accepted = materials * summary["accepted"] / summary["drawn"]
    jobs = -(-materials // shard_size)
    seconds = {
        stage: jobs * found["job_seconds_at_start"]["median"]
        + accepted * found["seconds_of_work_per_accepted"]
        for stage, found in summary["stages"].items()
    }
    core_seconds = sum(seconds.values())
    return {
        "materials": materials,
        "accepted": accepted,
        "matrices": accepted * summary["matrices"] / summary["accepted"],
        "jobs": jobs * len(seconds),
        "core_hours": {stage: found / 3600 for stage, found in seconds.items()},
        "bytes": accepted * summary["bytes_per_accepted"],
        "cpu_partition": {
            "nodes": nodes,
            "cores": cores,
            "hours": core_seconds / 3600 / (nodes * cores),
            # no job is shorter than itself, however many cores there are
            "hours_of_the_longest_path": core_seconds / jobs / 3600,
        },
        "gpu_node": {
            "lattice_hours": seconds["lattice"] / 3600 / cores,
            "coupling_hours": None,
            "coupling_hours_on_its_cores": seconds["coupling"] / 3600 / cores,
        },
    }
