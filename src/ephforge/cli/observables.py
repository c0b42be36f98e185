"""Command observables: physics checks of one model file; lambda and T_c of a metal."""

from pathlib import Path
from typing import Annotated

import typer

from ephforge.cli.devices import DeviceOption

Mesh = tuple[int, int, int]
# as the section `observables` of the configuration, which campaigns take
DEFAULTS = {
    "density_mesh": [64, 64, 64],
    "meshes": [
        [[16, 16, 16], [8, 8, 8]],
        [[24, 24, 24], [12, 12, 12]],
        [[32, 32, 32], [16, 16, 16]],
    ],
    "broadenings": [0.1, 0.2, 0.3],
    "broadening": 0.2,
    "phonon_broadening": 0.5,
    "repulsions": [0.1, 0.12, 0.14],
    "soft_mode": 0.1,
    "path_points": 300,
    "acoustic_window": [0.03, 0.1],
}


def observables(
    source: Annotated[Path, typer.Argument(help="Model file, general (Wannier) coupling.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")],
    figure: Annotated[
        Path | None, typer.Option(help="PNG file.", show_default="beside the JSON file")
    ] = None,
    electrons: Annotated[
        float | None,
        typer.Option(
            help="Of a metal, per cell, in the bands of the model: asks for lambda, alpha2F, T_c.",
            min=0,
            show_default=False,
        ),
    ] = None,
    k_mesh: Annotated[
        Mesh | None,
        typer.Option(metavar="A B C", help="Of lambda.", show_default="three, to compare"),
    ] = None,
    q_mesh: Annotated[
        Mesh | None,
        typer.Option(metavar="A B C", help="Of lambda; divides k.", show_default="three"),
    ] = None,
    density_mesh: Annotated[
        Mesh, typer.Option(metavar="A B C", help="Of the Fermi level, tetrahedra.")
    ] = tuple(DEFAULTS["density_mesh"]),
    device: DeviceOption = "auto",
) -> None:
    """Check the physics of one material; of a metal, compute lambda, alpha2F and T_c.

    Dispersions beside the first-principles points that the file carries, exponents of |g|^2 at
    small q, the limit of the polar coupling. With --electrons the Eliashberg function on meshes
    and broadenings that show how far it has converged. As the stage `observables` of a campaign.
    """
    from ephforge.cli.models import read_model_file
    from ephforge.core.devices import ask
    from ephforge.core.errors import EphforgeError
    from ephforge.core.records import read_record
    from ephforge.observables import stage

    if (k_mesh is None) != (q_mesh is None):
        raise typer.BadParameter("--k-mesh and --q-mesh: expected both or none of them")
    if not output.absolute().parent.is_dir():
        raise EphforgeError(f"{output}: no such folder, expected one to write into; make it first")
    name = read_model_file(source)[0].name
    ask(device)
    options = DEFAULTS | {"density_mesh": list(density_mesh), "metals": {}}
    if k_mesh is not None:
        options["meshes"] = [[list(k_mesh), list(q_mesh)]]
    if electrons is not None:
        options["metals"] = {name: {"electrons": electrons, "literature": None}}
    picture = figure or output.with_suffix(".png")
    provenance = {"stage": "observables", "options": options, "code": ""}
    stage.run(str(source), str(output), str(picture), options, provenance)
    for line in _lines(read_record(output)):
        typer.echo(line)
    typer.echo(f"{output}, {picture}: written")


def _lines(record: dict) -> list[str]:
    bands, phonons, metal = record["bands"], record["phonons"], record["metal"]
    lines = [
        f"{record['name']}: bands {bands['lowest_ev']:.3f} to {bands['highest_ev']:.3f} eV; "
        f"phonons {phonons['lowest_mev']:.2f} to {phonons['highest_mev']:.2f} meV"
    ]
    for what, found in (("bands", bands), ("phonons", phonons)):
        if "points" in found:
            lines.append(
                f"{what} against first principles at {found['points']} points: "
                f"rms {found['rms_deviation_mev']:.3g} meV, "
                f"largest {found['largest_deviation_mev']:.3g} meV"
            )
    if metal is not None:
        result = metal["result"]
        temperatures = ", ".join(
            f"{kelvin:.2f} K (mu* {mu})" for mu, kelvin in result["critical_temperature_k"].items()
        )
        lines.append(
            f"lambda {result['lambda']:.3f} at k {result['k_mesh']}, q {result['q_mesh']}, "
            f"{result['broadening_ev']:g} eV; T_c {temperatures}"
        )
    return lines
