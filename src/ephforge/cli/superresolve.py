"""Command superresolve: a model with a fine q mesh from one with a coarse q mesh."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Mesh = tuple[int, int, int]
Coarse = Annotated[
    Mesh | None,
    typer.Option(metavar="A B C", help="Coarse mesh of the run.", show_default="in the file"),
]


def superresolve(
    source: Annotated[Path, typer.Argument(help="Model file in a Wannier basis.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Model file to write.")],
    q_grid: Annotated[
        Mesh,
        typer.Option(metavar="A B C", help="Fine q mesh; a multiple of the coarse one."),
    ],
    method: Annotated[
        Literal["response", "multipoles", "split", "short", "nearest", "zone", "epw"],
        typer.Option(
            help="response: model electrons on the crystal tell the far part (a minute); "
            "multipoles: quadrupoles and octupoles do; split, short (metals), nearest: images "
            "alone; zone, epw: as EPW."
        ),
    ] = "response",
    coarse_q: Coarse = None,
    coarse_k: Coarse = None,
) -> None:
    """Refine a model in q: better |g| between the q of the run than its own interpolation gives.

    At the q of the coarse mesh nothing changes. The result is a model file for couple, show and
    campaigns.
    """
    from ephforge.cli.models import read_model_file
    from ephforge.core.netcdf import write
    from ephforge.core.realspace import model_variables
    from ephforge.refinement.refine import METHODS, refine

    model, contents = read_model_file(source)
    meshes = (
        _mesh("k", coarse_k, contents.variables, source),
        _mesh("q", coarse_q, contents.variables, source),
    )
    fine = refine(model, meshes, q_grid, METHODS[method])
    variables, attributes = model_variables(fine, contents.attributes.get("g_step"))
    attributes["source"] = contents.attributes.get("source", {})
    attributes["refinement"] = {
        "method": method,
        "k_mesh": list(meshes[0]),
        "from_q_mesh": list(meshes[1]),
        "to_q_mesh": list(q_grid),
        "settings": METHODS[method]._asdict(),
    }
    write(output, "model", variables, attributes)
    typer.echo(
        f"{output}: {model.name}, q mesh {meshes[1]} refined to {tuple(q_grid)} by '{method}'; "
        f"{len(fine.coupling.phonon_cells)} cells of Rp"
    )


def _mesh(letter: str, stated: Mesh | None, variables: dict, source: Path) -> Mesh:
    """Stated, or as the file has it."""
    from ephforge.core.errors import EphforgeError

    name = f"g_{letter}_mesh"
    if stated is not None:
        if min(stated) < 1:
            raise EphforgeError(f"--coarse-{letter} {stated}: expected positive numbers of points")
        return stated
    if name not in variables:
        raise EphforgeError(
            f"{source}: does not say its coarse {letter} mesh; state it with --coarse-{letter}"
        )
    return tuple(int(n) for n in variables[name])
