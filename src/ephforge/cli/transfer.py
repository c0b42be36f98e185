"""Commands that take a material from another code, or hand one over."""

from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[Path, typer.Option("-o", "--output", help="File to write.")]
Mesh = tuple[int, int, int]


def import_epw(
    folder: Annotated[
        Path, typer.Argument(help="Folder with crystal.fmt, epwdata.fmt, PREFIX.epmatwp.")
    ],
    output: Output,
    prefix: Annotated[
        str | None, typer.Option(help="Prefix of the run.", show_default="of the only *.epmatwp")
    ] = None,
    k_mesh: Annotated[
        Mesh | None,
        typer.Option(metavar="A B C", help="Coarse k mesh (nk1..3).", show_default="found out"),
    ] = None,
    q_mesh: Annotated[
        Mesh | None,
        typer.Option(metavar="A B C", help="Coarse q mesh (nq1..3).", show_default="found out"),
    ] = None,
    species: Annotated[
        list[str] | None,
        typer.Option(
            help="Symbols in the order of EPW's atom types: Al,As or one option each.",
            show_default="from the masses",
        ),
    ] = None,
    use_ws: Annotated[
        bool | None,
        typer.Option("--use-ws/--no-use-ws", help="use_ws of the run.", show_default="found out"),
    ] = None,
    polar: Annotated[
        bool | None,
        typer.Option("--polar/--no-polar", help="lpolar of the run.", show_default="found out"),
    ] = None,
) -> None:
    """Make a model file from the files of an EPW 5.3 run."""
    from ephforge.firstprinciples.epw import read_run
    from ephforge.firstprinciples.epw_check import provenance, recorded_check
    from ephforge.firstprinciples.epw_run import Run

    symbols = [word for part in species for word in part.split(",") if word] if species else None
    stated = Run(prefix or "", k_mesh, q_mesh, use_ws, polar)
    model, run = read_run(folder, stated, symbols)
    reference, attributes = recorded_check(folder, run, model)
    attributes["source"] = provenance(folder, run)
    _write_model(output, model, reference, attributes, (run.k_mesh, run.q_mesh))
    typer.echo(_summary(output, model))
    for line in (
        f"  meshes k {run.k_mesh}, q {run.q_mesh}; use_ws {run.use_ws}; polar {run.polar}",
        f"  {attributes.get('check', 'no printed couplings in the folder to check it with')}",
    ):
        typer.echo(line)


def import_perturbo(
    source: Annotated[Path, typer.Argument(help="Perturbo's epr.h5.")], output: Output
) -> None:
    """Make a model file from Perturbo's epr.h5 (experimental)."""
    from ephforge.firstprinciples.perturbo import read_perturbo

    model = read_perturbo(source)
    _write_model(output, model, {}, {"source": {"codes": "Perturbo", "file": source.name}})
    typer.echo(_summary(output, model))


def export_perturbo(
    source: Annotated[Path, typer.Argument(help="Model file of ephforge.")], output: Output
) -> None:
    """Write a model as Perturbo's epr.h5 (experimental)."""
    from ephforge.cli.models import read_model_file
    from ephforge.firstprinciples.perturbo_write import write_perturbo

    model = read_model_file(source)[0]
    write_perturbo(model, output)
    typer.echo(_summary(output, model))


def _write_model(output: Path, model, reference: dict, attributes: dict, meshes=None) -> None:
    """With meshes every number of the coupling is kept once, which other meshes do not allow."""
    from ephforge.core.netcdf import write
    from ephforge.core.realspace import model_variables

    variables, own = model_variables(model, meshes=meshes)
    write(output, "model", variables | reference, own | attributes)


def _summary(output: Path, model) -> str:
    return (
        f"{output}: {model.name}, {len(model.crystal.numbers)} atoms, "
        f"{len(model.hopping.site)} bands, {3 * len(model.crystal.numbers)} modes"
    )
