"""Commands compress and reconstruct: maps |g| or a whole model in few bytes, and back."""

from pathlib import Path
from typing import Annotated

import typer

from ephforge.cli.devices import DeviceOption
from ephforge.cli.pretrained import AutoencoderOption
from ephforge.cli.sources import Bands, KMesh, QMesh, Source

Output = Annotated[Path, typer.Option("-o", "--output", help="File to write.")]
_MODEL = "Of a model"


def compress(
    source: Source,
    output: Output,
    budget: Annotated[
        float | None,
        typer.Option(help="Bits / (32 x numbers in the full grid), as 0.001.", show_default=False),
    ] = None,
    error: Annotated[
        float | None,
        typer.Option(
            help="Largest relative error: of |g| over the block, or of a model's complex g.",
            show_default="0.02 with --model",
        ),
    ] = None,
    bound: Annotated[
        float | None,
        typer.Option(help="Largest error of any element, meV.", show_default=False),
    ] = None,
    model: Annotated[
        bool, typer.Option("--model", help="Store the model itself: H, Phi and complex g.")
    ] = False,
    magnitude_error: Annotated[
        float | None,
        typer.Option(
            help="Largest relative error of |g| on the coarse meshes.",
            show_default="no bound",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    band_error: Annotated[
        float, typer.Option(help="Largest error of bands, meV.", rich_help_panel=_MODEL)
    ] = 10.0,
    phonon_error: Annotated[
        float, typer.Option(help="Largest error of phonons, meV.", rich_help_panel=_MODEL)
    ] = 0.1,
    filled: Annotated[
        int | None,
        typer.Option(
            help="Full bands: couplings within the band edges at small q, by which carriers "
            "scatter, are kept several times better for a few per cent of the bits.",
            show_default="no band edge",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    k_mesh: KMesh = None,
    q_mesh: QMesh = None,
    bands: Bands = None,
    autoencoder: AutoencoderOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Store |g| on a mesh in few bits, with one of --budget, --error, --bound; or a --model.

    Errors are measured on what the bytes decode to. With --model, --k-mesh and --q-mesh are the
    coarse meshes of a file that does not say them.
    """
    from ephforge.cli.map_codec import compress_maps
    from ephforge.cli.modelfiles import ModelBounds, compress_model
    from ephforge.cli.sources import Window
    from ephforge.core.errors import EphforgeError

    if not model:
        if filled is not None:
            raise EphforgeError("--filled: is of models, expected with --model; leave it away")
        asked = {"--budget": budget, "--error": error, "--bound": bound}
        compress_maps(source, output, asked, Window(k_mesh, q_mesh, bands), autoencoder, device)
        return
    for name, value in (("--budget", budget), ("--bound", bound), ("--bands", bands)):
        if value is not None:
            raise EphforgeError(f"{name}: is of maps, expected bounds of --model; leave one away")
    bounds = ModelBounds(
        0.02 if error is None else error, magnitude_error, band_error, phonon_error
    )
    compress_model(source, output, bounds, filled, k_mesh, q_mesh)


def reconstruct(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="File of ephforge compress.")],
    output: Output,
    autoencoder: AutoencoderOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Take maps |g| or a model out of a compressed file, whichever it holds."""
    from ephforge.cli.map_codec import restore_maps
    from ephforge.cli.modelfiles import restore_model
    from ephforge.core.errors import EphforgeError
    from ephforge.modelcodec.container import MAGIC

    if not source.is_file():
        raise EphforgeError(f"{source}: no such file, expected one of compress; check the path")
    with source.open("rb") as file:
        is_model = file.read(len(MAGIC)) == MAGIC
    if is_model:
        restore_model(source, output)
    else:
        restore_maps(source, output, autoencoder, device)
