"""The cost of a campaign as lines to read."""

from collections.abc import Iterator
from typing import Any

from ephforge.audit.cost import COMPILE, START_UP, WRITE

LONGEST_NAME = 18


def lines(summary: dict[str, Any], larger: dict[str, Any]) -> Iterator[str]:
    """Of the finished campaign, then of the larger one."""
    yield (
        f"{summary['accepted']:,} materials accepted of {summary['drawn']:,} drawn, "
        f"{summary['matrices']:,} matrices, in {summary['shards']:,} shards"
    )
    for stage, found in summary["stages"].items():
        yield (
            f"{stage}: {found['seconds_per_accepted']:.4f} s and "
            f"{found['bytes_per_accepted']:,.0f} bytes per accepted material "
            f"(one core; time by {found['measured_by']})"
        )
        for step in _in_order(found["seconds"]):
            yield (
                f"  {step.replace('_', ' '):<{LONGEST_NAME}}"
                f"{found['seconds'][step]:>10.1f} s {100 * found['shares'][step]:>6.1f} %"
            )
        start = found["job_seconds_at_start"]
        yield (
            f"  start-up and compilation of a job: median {start['median']:.1f} s, "
            f"largest {start['largest']:.1f} s"
        )
    yield (
        f"together: {summary['seconds_per_accepted']:.4f} s and "
        f"{summary['bytes_per_accepted']:,.0f} bytes per accepted material"
    )
    yield from _larger(larger)


def _in_order(seconds: dict[str, float]) -> list[str]:
    """Start-up and compilation first, writing last, other steps by their weight between."""
    ends = [START_UP, COMPILE, WRITE]
    middle = sorted((s for s in seconds if s not in ends), key=seconds.get, reverse=True)
    return [s for s in [*ends[:2], *middle, WRITE] if s in seconds]


def _larger(found: dict[str, Any]) -> Iterator[str]:
    cpu, gpu = found["cpu_partition"], found["gpu_node"]
    hours = found["core_hours"]
    yield (
        f"{found['materials']:,} drawn in {found['jobs']:,} jobs, at the same rates: "
        f"{found['accepted']:,.0f} accepted, {found['matrices'] / 1e6:,.1f} million matrices, "
        f"{found['bytes'] / 1e9:,.1f} GB"
    )
    yield "  " + ", ".join(f"{stage} {spent:,.1f} core hours" for stage, spent in hours.items())
    yield (
        f"  {cpu['nodes']} nodes of {cpu['cores']} cores: {cpu['hours']:.3f} hours of computing if "
        f"all cores have jobs; no less than {cpu['hours_of_the_longest_path']:.3f} for one shard"
    )
    yield (
        f"  one GPU node of {cpu['cores']} cores: lattice {gpu['lattice_hours']:.2f} hours on its "
        "cores; coupling on the GPU was not measured here "
        f"(on the cores {gpu['coupling_hours_on_its_cores']:.2f} hours)"
    )
