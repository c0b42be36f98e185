"""A file of any kind that tells |g| of a material, as a block: model, EPW folder, epr.h5, maps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from ephforge.core.blocks import Block
    from ephforge.core.realspace import Model

Mesh = tuple[int, int, int]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Model or maps of ephforge, folder of an EPW run, Perturbo's epr.h5."
    ),
]
KMesh = Annotated[
    Mesh | None,
    typer.Option(metavar="A B C", help="k mesh of maps made from a model.", show_default="4 4 4"),
]
QMesh = Annotated[
    Mesh | None,
    typer.Option(metavar="A B C", help="q mesh of these maps.", show_default="4 4 4"),
]
Bands = Annotated[
    int | None,
    typer.Option(help="Lowest bands of a model that are taken.", min=1, show_default="4"),
]
MAPS = ("maps", "firstprinciples")  # kinds of files that hold one block
_MESH, _BANDS = (4, 4, 4), 4
_LIMITS = {"degeneracy": 0.1, "soft_mode": 1.0, "batch_size": 1}  # as config.yaml has them


class Window(NamedTuple):
    """What of a model is looked at; None where nothing was said."""

    k_mesh: Mesh | None
    q_mesh: Mesh | None
    bands: int | None


def read_maps(source: Path, window: Window) -> "Block":
    """The block of a file, made by the way of the stage firstprinciples where it holds a model.

    Raises:
      EphforgeError: absent, damaged, of another kind, or meshes that do not fit.
    """
    from ephforge.core.blocks import read_block
    from ephforge.core.errors import EphforgeError
    from ephforge.core.netcdf import read

    kind = kind_of(source)
    if kind not in MAPS:
        return _made(source, _model(source, kind), window)
    for name, value in window._asdict().items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise EphforgeError(
                f"{option}: {source} holds maps on meshes of its own, expected a model to "
                f"make maps from; leave {option} away"
            )
    return read_block(read(source, kind))


def kind_of(source: Path) -> str:
    """ "epw", "perturbo", or the kind that a file of ephforge states."""
    import h5py

    from ephforge.core.errors import EphforgeError

    if source.is_dir():
        return "epw"
    if not source.is_file():
        raise EphforgeError(f"{source}: no such file, expected a model or maps; check the path")
    try:
        with h5py.File(source) as file:
            kind = file.attrs.get("kind", b"perturbo")
    except OSError:
        raise EphforgeError(
            f"{source}: not a NetCDF-4 or HDF5 file, expected a model or maps of ephforge, "
            "the folder of an EPW run, or Perturbo's epr.h5"
        ) from None
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if kind not in ("model", "perturbo", *MAPS):
        raise EphforgeError(
            f"{source}: file of kind '{kind}', expected 'model' or maps of one material; "
            "name another"
        )
    return kind


def _model(source: Path, kind: str) -> "Model":
    if kind == "epw":
        from ephforge.firstprinciples.epw import read_run
        from ephforge.firstprinciples.epw_run import Run

        return read_run(source, Run("", None, None, None, None))[0]
    if kind == "perturbo":
        from ephforge.firstprinciples.perturbo import read_perturbo

        return read_perturbo(source)
    from ephforge.cli.models import read_model_file

    return read_model_file(source)[0]


def _made(source: Path, model: "Model", window: Window) -> "Block":
    from ephforge.core.errors import EphforgeError
    from ephforge.firstprinciples.stage import mapped

    k_mesh, q_mesh = window.k_mesh or _MESH, window.q_mesh or _MESH
    if min(*k_mesh, *q_mesh) < 1 or any(k % q for k, q in zip(k_mesh, q_mesh, strict=True)):
        raise EphforgeError(
            f"--q-mesh {q_mesh}: does not divide --k-mesh {k_mesh}, where k+q has to be found; "
            "choose others"
        )
    asked = {"k_mesh": k_mesh, "q_mesh": q_mesh, "bands": window.bands or _BANDS}
    return mapped(str(source), model, asked | _LIMITS).block
