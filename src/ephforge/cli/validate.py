"""Command validate: is everything in these files as it should be?"""

from pathlib import Path
from typing import Annotated

import typer

MOST_FAULTS = 20  # lines for one file


def validate(
    sources: Annotated[
        list[Path], typer.Argument(help="Files of ephforge, or folders to search for them.")
    ],
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Seconds for one file; a damaged one may take for ever.")
    ] = 600.0,
) -> None:
    """Check files in every detail; one line for each fault.

    Kind, completed flag, checksum and provenance; of every array its axes, unit, meaning, number
    type and bounds; and what holds between them: symmetry orbits, hermiticity, sum rules, labels,
    splits. Lattice, coupling, dataset, firstprinciples, model, autoencoder, calibration and maps
    files; a dataset is compared with its shards. Each file is read in a process of its own: one
    that crashes or hangs the HDF5 library is told like any other fault.
    """
    bad = 0
    files = [path for source in sources for path in _files(source, time_limit)]
    for path in files:
        faults = _report(path, time_limit)
        for fault in faults:
            typer.echo(f"ephforge: error: {fault}", err=True)
        bad += bool(faults)
    if bad:
        typer.echo(f"{bad} of {len(files)} files are not as they should be")
        raise typer.Exit(1)


def _report(path: Path, time_limit: float) -> list[str]:
    """Lines of faults; a good file is told on the way."""
    from ephforge.audit.child import in_child
    from ephforge.audit.validate import first_faults
    from ephforge.core.errors import EphforgeError

    try:
        kind, count, faults = in_child(time_limit, first_faults, path, MOST_FAULTS + 1)
    except EphforgeError as error:
        return [str(error)]
    found = [f"{path}: {fault}" for fault in faults]
    if len(found) > MOST_FAULTS:
        found[MOST_FAULTS] = f"{path}: more than {MOST_FAULTS} faults, the others are not shown"
    if not found:
        typer.echo(f"{path}: good, kind '{kind}'{f', {count} groups' if count else ''}")
    return found


def _files(source: Path, time_limit: float) -> list[Path]:
    """The file, or the files of a folder that are of a kind that can be checked."""
    from ephforge.audit.child import in_child
    from ephforge.audit.tables import ROOTS
    from ephforge.audit.validate import kind_of
    from ephforge.core.errors import EphforgeError

    if not source.is_dir():
        return [source]
    found = []
    for path in sorted(source.rglob("*.nc")):
        try:
            kind = in_child(time_limit, kind_of, path)
        except EphforgeError:
            kind = None  # damaged: to be told as such
        if kind is None or kind in ROOTS:
            found.append(path)
    if not found:
        raise EphforgeError(f"{source}: no files of ephforge in this folder; name another")
    return found
