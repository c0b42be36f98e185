"""The trained autoencoder that commands use, and the calibration that goes with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from ephforge.model.codec import Codec
    from ephforge.trust.calibration import Calibration

FOLDER = Path(__file__).parents[1] / "pretrained"  # part of the package: installed with it
NAME, CALIBRATION = "autoencoder.nc", "calibration.nc"
AutoencoderOption = Annotated[
    Path | None,
    typer.Option(
        "--autoencoder",
        help="autoencoder.nc of a campaign; calibration.nc is looked for beside it.",
        show_default="the one that comes with ephforge",
    ),
]


class Pretrained(NamedTuple):
    """An autoencoder, the fingerprint of its file, and its calibration if there is one."""

    codec: "Codec"
    fingerprint: str
    calibration: "Calibration | None"


def load(path: Path | None, needs_calibration: bool = False) -> Pretrained:
    """The autoencoder that is asked for, or the shipped one.

    Raises:
      EphforgeError: absent, damaged, or without the calibration that is needed.
    """
    from ephforge.core.errors import EphforgeError
    from ephforge.model.storage import load_codec
    from ephforge.trust.calibration import fingerprint_of
    from ephforge.trust.storage import load_calibration

    path = path or FOLDER / NAME
    if not path.is_file():
        raise EphforgeError(
            f"{path}: no such file, expected a trained autoencoder; name one with --autoencoder"
        )
    codec, fingerprint = load_codec(path), fingerprint_of(path)
    beside = path.with_name(CALIBRATION)
    if beside.is_file():
        return Pretrained(codec, fingerprint, load_calibration(beside, fingerprint))
    if needs_calibration:
        raise EphforgeError(
            f"{beside}: no such file, expected what the autoencoder beside it was calibrated with; "
            "make it with ephforge calibrate"
        )
    return Pretrained(codec, fingerprint, None)


def warn(found: Pretrained, block) -> None:
    """One line if a block is unlike the materials that the autoencoder was trained on."""
    from ephforge.trust.calibration import judge

    if found.calibration is None:
        return
    verdict = judge(found.calibration, found.codec, block)
    if verdict.is_unusual:
        typer.echo(
            f"ephforge: warning: {block.name}: unlike the training materials (distance "
            f"{verdict.novelty:.3g}; {100 * verdict.share:.2g} % of held-out ones are as far); "
            "do not rely on what was not checked against the original",
            err=True,
        )
