"""Command plot: the first picture of a material."""

from pathlib import Path
from typing import Annotated

import typer

from ephforge.cli.devices import DeviceOption


def plot(
    source: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Picture to write: .png, .pdf or .svg.")
    ],
    only: Annotated[
        str | None,
        typer.Option(help="bands, phonons, coupling, or some of them.", show_default="all three"),
    ] = None,
    k: Annotated[
        tuple[float, float, float],
        typer.Option(metavar="X Y Z", help="Electron that couples, crystal coordinates."),
    ] = (0.0, 0.0, 0.0),
    bands: Annotated[
        tuple[int, int] | None,
        typer.Option(
            metavar="FIRST LAST", help="Bands of the coupling, from 1.", show_default="all"
        ),
    ] = None,
    points: Annotated[int, typer.Option(help="Points of the path.", min=10, max=10_000)] = 300,
    device: DeviceOption = "auto",
) -> None:
    """Draw bands, phonons and |g| along the standard path of the lattice.

    |g| is that of an electron at k scattered by a phonon q on the path: the root of the sum of
    |g|^2 over final bands, averaged over initial ones, of each phonon branch, in meV. The path is
    that of Setyawan and Curtarolo for the Bravais lattice of the cell.
    """
    from ephforge.cli.models import read_model_file
    from ephforge.core.devices import ask, settle
    from ephforge.core.errors import EphforgeError
    from ephforge.observables import along

    panels = tuple((only or ",".join(along.PANELS)).replace(",", " ").split())
    if not panels or not set(panels) <= set(along.PANELS):
        raise typer.BadParameter(f"--only {only}: expected some of {', '.join(along.PANELS)}")
    if output.suffix.lower().removeprefix(".") not in along.FORMATS:
        raise EphforgeError(f"{output}: expected a name that ends in .{', .'.join(along.FORMATS)}")
    if not output.absolute().parent.is_dir():
        raise EphforgeError(f"{output}: no such folder, expected one to write into; make it first")
    model = read_model_file(source)[0]
    ask(device)
    settle()
    window = None if bands is None else (bands[0] - 1, bands[1] - 1)
    found = along.along(model, points, k, window)
    along.draw(model.name, found, panels, output)
    lowest, highest = found.frequency_kv.min(), found.frequency_kv.max()
    typer.echo(
        f"{output}: {model.name}, bands {found.energy_kn.min():.3f} to "
        f"{found.energy_kn.max():.3f} eV, phonons {lowest:.2f} to {highest:.2f} meV"
    )
