"""Small results as JSON, written whole or not at all."""

import json
import os
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import versions


def write_record(path: str | Path, values: dict) -> None:
    """Write a dict of plain values under a temporary name and rename it.

    Package versions go in as "versions", as they do into every NetCDF file.
    """
    values = values | {"versions": versions()}
    write_text(path, json.dumps(values, indent=1, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text under a temporary name and rename it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_text(text)
    os.replace(temporary, path)


def read_record(path: str | Path) -> dict:
    """Read what `write_record` wrote.

    Raises:
      EphforgeError: the file is absent or not JSON.
    """
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise EphforgeError(f"{path}: not a readable record ({error}); run again") from error
