"""Command cost: where the time of a campaign went, and what a larger one would take."""

from pathlib import Path
from typing import Annotated

import typer


def cost(
    results: Annotated[Path, typer.Argument(help="Folder of the results of a campaign.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="JSON file.", show_default=False)
    ] = None,
    materials: Annotated[
        int, typer.Option(help="To draw in the larger campaign.", min=1)
    ] = 200_000,
    shard_size: Annotated[int, typer.Option(help="Of the larger campaign.", min=1)] = 160,
    nodes: Annotated[int, typer.Option(help="Nodes of a CPU partition.", min=1)] = 100,
    cores: Annotated[int, typer.Option(help="Cores of a node.", min=1)] = 64,
) -> None:
    """Seconds and bytes per accepted material by stage, from shards and benchmark files.

    With the shares of start-up, compilation, computing and writing, and what a larger campaign of
    the same options would take on a CPU partition. Seconds are those that passed on this machine.
    """
    from ephforge.audit.cost import extrapolate, measure, summarise
    from ephforge.audit.cost_table import lines
    from ephforge.core.records import write_record

    summary = summarise(measure(results))
    larger = extrapolate(summary, materials, shard_size, nodes, cores)
    for line in lines(summary, larger):
        typer.echo(line)
    if output is not None:
        write_record(output, {"measured": summary, "extrapolated": larger})
        typer.echo(f"{output}: written")
