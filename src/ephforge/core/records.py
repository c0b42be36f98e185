"""Small results as JSON, written whole or not at all."""

import json
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.machine import machine
from ephforge.core.netcdf import versions
from ephforge.core.publish import put_in_place, temporary_of


def write_record(path: str | Path, values: dict) -> None:
    """Write a dict of plain values under a temporary name and rename it.

    Package versions go in as "versions", hardware as "machine" unless the values tell it, as they
    do into every NetCDF file.
    """
    values = {"machine": machine()} | values | {"versions": versions()}
    write_text(path, json.dumps(values, indent=1, allow_nan=False) + "\n")


def write_text(path: str | Path, text: str) -> None:
    """Write a text under a temporary name, bring it to disk and rename it."""
    path = Path(path)
    with temporary_of(path) as temporary:
        temporary.write_text(text)
        put_in_place(temporary, path)


def read_record(path: str | Path) -> dict:
    """Read what `write_record` wrote.

    Raises:
      EphforgeError: the file is absent, not JSON or not a record.
    """
    try:
        found = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise EphforgeError(f"{path}: not a readable record ({error}); run again") from error
    if not isinstance(found, dict):
        raise EphforgeError(f"{path}: not a record, which has names and values; run again")
    return found
