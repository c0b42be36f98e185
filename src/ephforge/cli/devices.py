"""The option --device of commands that compute."""

from typing import Annotated, Literal

import typer

DeviceOption = Annotated[
    Literal["auto", "cpu", "gpu"],
    typer.Option(
        "--device",
        help="gpu: fail if JAX has none; auto: what is there, a GPU if Slurm gave one.",
    ),
]
