"""Command superresolve: a fine q mesh from a coarse one, of a model or of maps |g|."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ephforge.cli.devices import DeviceOption
from ephforge.cli.pretrained import AutoencoderOption
from ephforge.cli.sources import Bands, KMesh, QMesh

Mesh = tuple[int, int, int]
Method = Literal["response", "relatives", "multipoles", "split", "short", "nearest", "zone", "epw"]
Coarse = Annotated[
    Mesh | None,
    typer.Option(metavar="A B C", help="Coarse mesh of the run.", show_default="in the file"),
]


def superresolve(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Model in a Wannier basis, or maps |g|.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="File of the same kind to write.")],
    q_grid: Annotated[
        Mesh | None,
        typer.Option(
            metavar="A B C",
            help="Fine q mesh, a multiple of the coarse one.",
            show_default="for maps: their k mesh",
        ),
    ] = None,
    method: Annotated[
        Method,
        typer.Option(
            help="Of a model. response: model electrons on the crystal tell the far part (a "
            "minute), with --relative both do; relatives: --relative alone; multipoles: "
            "quadrupoles and octupoles do; split, short (metals), nearest: images alone; zone, "
            "epw: as EPW."
        ),
    ] = "response",
    relatives: Annotated[
        list[Path] | None,
        typer.Option(
            "--relative",
            metavar="FILE",
            help="Model of another material on the fine q mesh, atoms and functions at the same "
            "places; once for each.",
        ),
    ] = None,
    coarse_q: Coarse = None,
    coarse_k: Coarse = None,
    maps: Annotated[
        bool, typer.Option("--maps", help="Refine maps |g| made from a model, not the model.")
    ] = False,
    k_mesh: KMesh = None,
    q_mesh: QMesh = None,
    bands: Bands = None,
    autoencoder: AutoencoderOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Refine in q: better coupling between the q of a run than interpolation gives.

    A model is refined by what its own coarse data and its crystal tell, without anything learned:
    at the q of the coarse mesh nothing changes, and the result is a model file for couple, show
    and campaigns. Maps are refined by the trained autoencoder.
    """
    from ephforge.cli.map_codec import refine_maps
    from ephforge.cli.sources import MAPS, Window, kind_of
    from ephforge.core.errors import EphforgeError

    if maps or kind_of(source) in MAPS:
        window = Window(k_mesh, q_mesh, bands)
        refine_maps(source, output, q_grid, window, autoencoder, device)
    elif q_grid is None:
        raise EphforgeError(f"{source}: no --q-grid, expected the fine q mesh; give --q-grid A B C")
    else:
        refine_model(source, output, q_grid, method, (coarse_k, coarse_q), relatives or [])


def refine_model(
    source: Path, output: Path, q_grid: Mesh, method: str, coarse, relatives: list[Path]
) -> None:
    """Write a model on a fine q mesh; coarse k and q meshes where the file does not say them."""
    from ephforge.cli.models import read_model_file
    from ephforge.core.netcdf import write
    from ephforge.core.realspace import model_variables
    from ephforge.refinement.refine import METHODS, RELATIVES, refine

    model, contents = read_model_file(source)
    meshes = (
        _mesh("k", coarse[0], contents.variables, source),
        _mesh("q", coarse[1], contents.variables, source),
    )
    settings = RELATIVES if relatives or method == "relatives" else METHODS[method]
    known = _known(model, meshes, q_grid, method, relatives)
    fine = refine(model, meshes, q_grid, settings, known)
    variables, attributes = model_variables(fine, contents.attributes.get("g_step"))
    attributes["source"] = contents.attributes.get("source", {})
    attributes["refinement"] = {
        "method": method,
        "k_mesh": list(meshes[0]),
        "from_q_mesh": list(meshes[1]),
        "to_q_mesh": list(q_grid),
        "settings": settings._asdict(),
    }
    if relatives:
        attributes["refinement"]["relatives"] = [path.stem for path in relatives]
    write(output, "model", variables, attributes)
    beside = f" with {', '.join(path.stem for path in relatives)}" if relatives else ""
    typer.echo(
        f"{output}: {model.name}, q mesh {meshes[1]} refined to {tuple(q_grid)} by '{method}'"
        f"{beside}; "
        f"{len(fine.coupling.phonon_cells)} cells of Rp"
    )


def _known(model, meshes: tuple[Mesh, Mesh], q_grid: Mesh, method: str, relatives: list[Path]):
    """Couplings that are combined; None where the method has its own or none."""
    from ephforge.core.errors import EphforgeError
    from ephforge.refinement import response
    from ephforge.refinement.coarse import points_of
    from ephforge.refinement.relatives import columns, read_relative

    if not relatives:
        if method == "relatives":
            raise EphforgeError(
                "--method relatives: no relatives, expected at least one; give --relative FILE"
            )
        return None
    if method not in ("response", "relatives"):
        raise EphforgeError(
            f"--relative: nothing that --method {method} uses, expected response or relatives; "
            "leave one of the two out"
        )
    points_of(meshes[1], q_grid)
    found = columns(model, [read_relative(str(one)) for one in relatives], meshes[0], q_grid)
    return found + (response.templates(model, meshes[0], q_grid) if method == "response" else [])


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
