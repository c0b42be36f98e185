"""Commands classify and calibrate: what material is this like, and how that is known."""

from pathlib import Path
from typing import Annotated

import typer

from ephforge.cli.devices import DeviceOption
from ephforge.cli.pretrained import AutoencoderOption
from ephforge.cli.sources import Bands, KMesh, QMesh, Source

TOLD = 3  # classes and neighbours


def classify(
    source: Source,
    k_mesh: KMesh = None,
    q_mesh: QMesh = None,
    bands: Bands = None,
    autoencoder: AutoencoderOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Tell the structure and the bonding of a material from its |g|, and how far to trust that.

    Linear probes on the features of the autoencoder, fitted on synthetic materials only; the
    nearest of these; and which share of other synthetic families is as far from them.
    """
    from ephforge.cli.pretrained import load, warn
    from ephforge.cli.sources import Window, read_maps
    from ephforge.core.devices import ask
    from ephforge.trust.calibration import judge
    from ephforge.trust.cloud import nearest
    from ephforge.trust.linear_probe import probabilities

    ask(device)
    found = load(autoencoder, needs_calibration=True)
    block = read_maps(source, Window(k_mesh, q_mesh, bands))
    feature_f = found.codec.features(block)
    typer.echo(f"{source}: {block.name}")
    for label, probe in found.calibration.probes.items():
        likely = probabilities(probe, feature_f)[:TOLD]
        told = ", ".join(f"{name} {share:.2f}" for name, share in likely)
        typer.echo(f"  {label}: {told} (cross-validated accuracy {probe.accuracy:.2f})")
    near = nearest(found.calibration.cloud, feature_f, TOLD)
    told = ", ".join(f"{one.name} ({one.family}) at {one.distance:.2f}" for one in near)
    typer.echo(f"  nearest synthetic materials: {told}")
    verdict = judge(found.calibration, found.codec, block)
    typer.echo(
        f"  distance to the training materials {verdict.novelty:.2f}; "
        f"{100 * verdict.share:.2g} % of held-out synthetic ones are as far or farther"
    )
    warn(found, block)


def calibrate(
    autoencoder: Annotated[Path, typer.Argument(help="autoencoder.nc of a campaign.")],
    dataset: Annotated[Path, typer.Argument(help="dataset.nc of the same campaign.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="File to write.", show_default="calibration.nc beside it"
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="Of the cross-validation, by family.", min=2)] = 5,
    device: DeviceOption = "auto",
) -> None:
    """Fit classifiers and error estimates of an autoencoder, on the splits it was trained with.

    Classifiers come from the training split, limits and intervals from the families that are held
    out of it; how often they hold is measured on each of these with what the others say.
    """
    from ephforge.cli.pretrained import CALIBRATION
    from ephforge.core.devices import ask
    from ephforge.trust.stage import run

    ask(device)
    output = output or autoencoder.with_name(CALIBRATION)
    provenance = {"stage": "trust", "options": {"folds": folds}}
    coverage = run(str(dataset), str(autoencoder), str(output), folds, provenance)
    typer.echo(f"{output}: written; {_told(coverage)}")


def _told(coverage: dict) -> str:
    names = {"beyond_limit": "beyond the 95 % limit", "inside_interval": "inside 90 % intervals"}
    shares = [f"{coverage[k]:.3f} {n}" for k, n in names.items() if coverage.get(k) is not None]
    held_out = f"{coverage['families']} families held out, {coverage['materials']} materials: "
    return held_out + (", ".join(shares) or "too few to measure what limits are worth")
