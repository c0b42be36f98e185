"""Command bench: how fast this machine computes couplings, beside what it could do."""

from pathlib import Path
from typing import Annotated

import typer

from ephforge.cli.devices import DeviceOption


def bench(
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    model: Annotated[
        Path | None,
        typer.Option(
            help="Model file for the general coupling.", show_default="a made-up one like si_4"
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Seconds: tiny cases.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Minutes: large meshes too.")] = False,
    device: DeviceOption = "auto",
) -> None:
    """Time the coupling kernel on this machine, about a minute.

    Matrix elements a second of a two-centre and of a general (Wannier) model on several meshes and
    numbers of orbitals, beside matrix products and copies in the same process; memory, start-up
    and compilation. M/s is million elements a second and core on a CPU, a second on an accelerator.
    """
    from ephforge.bench import suite, table
    from ephforge.core.devices import ask
    from ephforge.core.errors import EphforgeError
    from ephforge.core.records import write_record

    if quick and full:
        raise EphforgeError("--quick --full: expected one of them; leave one away")
    if not output.parent.is_dir():
        raise EphforgeError(f"{output}: no such folder, expected one to write into; make it first")
    ask(device)
    size = "quick" if quick else "full" if full else "default"
    typer.echo(table.head())
    record = suite.run(size, str(model) if model else None, lambda row: typer.echo(table.line(row)))
    for line in table.foot(record):
        typer.echo(line)
    write_record(output, record)
    typer.echo(f"{output}: {record['wall_seconds']:.0f} s")
