"""Points from the command line: a Gamma-centred mesh or a file with one point a line."""

import math
from pathlib import Path

import numpy as np
import typer
from jaxtyping import Float

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points

_LARGEST_MESH = 10**7  # points, 240 MB


def points(
    name: str, grid: tuple[int, int, int] | None, path: Path | None
) -> Float[np.ndarray, "k 3"]:
    """Fractional points of either a mesh or a file.

    Args:
      name: "k" or "q", for messages.

    Raises:
      BadParameter: neither or both are given, or a mesh of other than positive integers.
      EphforgeError: as `read_points`, or a mesh too large to be listed.
    """
    if (grid is None) == (path is None):
        raise typer.BadParameter(
            f"{'neither' if grid is None else 'both'} of --{name}-grid and --{name}-list given, "
            "expected one of them"
        )
    if path is not None:
        return read_points(path)
    if min(grid) < 1:
        raise typer.BadParameter(
            f"--{name}-grid {' '.join(map(str, grid))}: expected three positive integers"
        )
    if math.prod(grid) > _LARGEST_MESH:
        raise EphforgeError(
            f"--{name}-grid {' '.join(map(str, grid))}: expected at most {_LARGEST_MESH} points; "
            f"ask for fewer points, or for parts of the mesh by --{name}-list"
        )
    return mesh_points(grid)


def read_points(path: Path) -> Float[np.ndarray, "k 3"]:
    """Points of a file: three numbers a line, crystal coordinates; # starts a comment.

    Raises:
      EphforgeError: not readable, a line that is not three finite numbers, or no points.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EphforgeError(
            f"{path}: cannot be read ({error}), expected a list of points"
        ) from None
    rows = []
    for number, line in enumerate(lines, start=1):
        words = line.split("#")[0].split()
        if words:
            rows.append(_point(f"{path}: line {number}", words))
    if not rows:
        raise EphforgeError(f"{path}: no points, expected three numbers a line")
    return np.array(rows)


def _point(place: str, words: list[str]) -> list[float]:
    if len(words) != 3:
        raise EphforgeError(
            f"{place}: {len(words)} words, expected three crystal coordinates; take weights and "
            "headers away"
        )
    try:
        row = [float(word) for word in words]
    except ValueError:
        raise EphforgeError(f"{place}: '{' '.join(words)}', expected three numbers") from None
    if not np.all(np.isfinite(row)):
        raise EphforgeError(f"{place}: '{' '.join(words)}', expected finite numbers")
    return row
