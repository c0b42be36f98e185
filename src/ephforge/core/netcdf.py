"""NetCDF-4 files that are either whole or absent.

A file is written under a temporary name, closed, read back, brought to disk, and renamed; it
carries its kind, a completed flag, checksums of its contents (checksum.py) and of its bytes
(trailer.py), and who wrote it.  Reading checks all of that.  How arrays stand in it is in
variables.py.
"""

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import netCDF4
import numpy as np

from ephforge.core import trailer
from ephforge.core.checksum import FORMAT_VERSION, Checksum, feed
from ephforge.core.errors import EphforgeError
from ephforge.core.machine import machine
from ephforge.core.publish import put_in_place, temporary_of
from ephforge.core.variables import Variable, plain, set_attributes, store

_RECORDED_PACKAGES = (
    "ephforge",
    "numpy",
    "scipy",
    "jax",
    "ase",
    "asap3",
    "spglib",
    "flax",
    "optax",
)


class Contents(NamedTuple):
    """What a file holds: arrays, attributes, and groups of the same."""

    variables: dict[str, np.ndarray]
    attributes: dict[str, Any]
    groups: dict[str, "Contents"]


class Stored(NamedTuple):
    """How an array stands in a file; complex ones without their trailing axis."""

    axes: tuple[str, ...]
    unit: str | None
    meaning: str | None
    type: str


def write(
    path: str | Path,
    kind: str,
    variables: dict[str, Variable],
    attributes: dict[str, Any] | None = None,
    groups: dict[str, tuple[dict[str, Variable], dict[str, Any]]] | None = None,
) -> None:
    """Write a whole file or nothing.

    Args:
      path: final name; the folder is made if need be.
      kind: what the file is, e.g. "lattice"; `read` asks for it.
      variables: arrays of the root group; str arrays are allowed.
      attributes: values that JSON can hold; dicts and lists are stored as JSON text.
      groups: further named (variables, attributes).
    """
    path = Path(path)
    checksum = Checksum()
    with temporary_of(path) as temporary:
        with netCDF4.Dataset(temporary, "w", format="NETCDF4") as file:
            _fill(file, variables, attributes or {}, checksum)
            for name, (group_variables, group_attributes) in sorted((groups or {}).items()):
                checksum.group(name)
                group = file.createGroup(name)
                _fill(group, group_variables, group_attributes, checksum)
                checksum.attributes(group)
            seal(file, kind, checksum)
        trailer.append(temporary)
        publish(temporary, path)


def _fill(group, variables, attributes, checksum: Checksum) -> None:
    for name in sorted(variables):
        checksum.digest(store(group, name, variables[name]))
    set_attributes(group, attributes)


def publish(temporary: Path, path: Path) -> None:
    """Give a closed file its final name once it reads back as what was written.

    Raises:
      EphforgeError: the contents do not match the checksum.
    """
    if not _is_whole(temporary):
        raise EphforgeError(f"{path}: does not read back as it was written; check the disk")
    put_in_place(temporary, path)


def _is_whole(path: Path) -> bool:
    """Completed, and equal to its checksum; one group is in memory at a time."""
    checksum = Checksum()
    with _opened(path, None) as file:
        for _ in _parts(file, checksum):
            pass
        return _is_sealed(file, checksum)


def _is_sealed(file: netCDF4.Dataset, checksum: Checksum) -> bool:
    found = (_attribute(file, "completed"), _attribute(file, "checksum"))
    return found == (1, checksum.hexdigest())


def read(path: str | Path, kind: str) -> Contents:
    """Read a whole file, checking kind, completeness and checksum.

    Raises:
      EphforgeError: the file is absent, not NetCDF-4, of another kind, unfinished or damaged.
    """
    path = Path(path)
    with _opened(path, kind) as file:
        version = int(_attribute(file, "format_version") or FORMAT_VERSION)
        if version > FORMAT_VERSION:
            raise EphforgeError(
                f"{path}: format {version}, expected at most {FORMAT_VERSION}; it was written by a "
                "newer ephforge, read it with that"
            )
        checksum = Checksum(version)
        groups = dict(_parts(file, checksum))
        is_whole = _is_sealed(file, checksum)
    if not is_whole:
        raise EphforgeError(
            f"{path}: unfinished or damaged (contents do not match its checksum); "
            "remove it and run again"
        )
    return groups.pop("")._replace(groups=groups)


def _parts(file: netCDF4.Dataset, checksum: Checksum) -> Iterator[tuple[str, Contents]]:
    """The root, under the name "", and each group; the checksum is complete after the last."""
    yield "", _take(file, checksum)
    for name in sorted(file.groups):
        checksum.group(name)
        yield name, _take(file.groups[name], checksum)
        checksum.attributes(file.groups[name])
    checksum.attributes(file)


def read_groups(path: str | Path, kind: str, names: Iterable[str]) -> Iterator[Contents]:
    """Some groups of a file, one at a time and in the order given.

    The checksum of a file is that of all its groups; whoever reads some of them compares each
    with a `fingerprint` taken when the whole file was read.

    Raises:
      EphforgeError: the file is absent, not NetCDF-4 or of another kind, or lacks a group.
    """
    path = Path(path)
    with _opened(path, kind) as file:
        for name in names:
            if name not in file.groups:
                raise EphforgeError(f"{path}: no group '{name}'; remove the file and run again")
            yield _take(file.groups[name])


def outline(path: str | Path) -> tuple[str, dict[str, dict[str, Stored]]]:
    """Kind of a file, and of each group ("" is the root) how its arrays are stored.

    Raises:
      EphforgeError: the file is absent or not NetCDF-4.
    """
    with _opened(Path(path), None) as file:
        groups = {"": file} | dict(file.groups)
        stored = {name: _outline(group) for name, group in groups.items()}
        return str(_attribute(file, "kind")), stored


def _outline(group) -> dict[str, Stored]:
    found = {}
    for name, stored in group.variables.items():
        is_complex = bool(getattr(stored, "is_complex", 0))
        axes = stored.dimensions[:-1] if is_complex else stored.dimensions
        kind = "str" if stored.dtype is str else str(np.dtype(stored.dtype))
        unit, meaning = (_attribute(stored, key) for key in ("units", "long_name"))
        found[name] = Stored(tuple(axes), unit, meaning, "complex128" if is_complex else kind)
    return found


def _attribute(holder, name: str):
    return holder.getncattr(name) if name in holder.ncattrs() else None


@contextmanager
def _opened(path: Path, kind: str | None) -> Iterator[netCDF4.Dataset]:
    """The file, of any kind if None; what the library says against it is one line for the user.

    Of damage it tells by exceptions of many kinds, AttributeError among them.
    """
    if not path.is_file():
        raise EphforgeError(f"{path}: no such file, expected a {kind or 'NetCDF-4'} file")
    if trailer.is_damaged(path):
        raise EphforgeError(
            f"{path}: damaged (its bytes do not match the checksum at its end); "
            "remove it and run again"
        )
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            found = _attribute(file, "kind")
            if kind is not None and found != kind:
                raise EphforgeError(
                    f"{path}: expected a file of kind '{kind}', found '{found or 'none'}'"
                )
            yield file
    except (OSError, RuntimeError, ValueError, LookupError, AttributeError, MemoryError) as error:
        raise EphforgeError(
            f"{path}: not a readable NetCDF-4 file ({error}); remove it and run again"
        ) from error


def seal(file: netCDF4.Dataset, kind: str, checksum: Checksum) -> None:
    """Say in a file that it is whole, once all else is in it and in its checksum."""
    file.setncatts(
        {
            "kind": kind,
            "format_version": FORMAT_VERSION,
            "versions": json.dumps(versions()),
            "machine": json.dumps(machine()),
            "conventions": "CONVENTIONS.md: eV, angstrom, dalton; |g| in meV; e^{ik.R}",
        }
    )
    checksum.attributes(file)
    file.setncatts({"checksum": checksum.hexdigest(), "completed": 1})


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make the numbers."""
    found = {"python": platform.python_version()}
    for package in _RECORDED_PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found


def _take(group, checksum: Checksum | None = None) -> Contents:
    variables = {}
    for name in sorted(group.variables):
        stored = group.variables[name]
        data = np.asarray(stored[...])
        if checksum is not None:
            checksum.array(stored, data)
        if data.dtype.kind == "O":
            data = data.astype(str)
        if getattr(stored, "is_complex", 0):
            data = data[..., 0] + 1j * data[..., 1]
        variables[name] = data
    attributes = {name: plain(group.getncattr(name)) for name in group.ncattrs()}
    return Contents(variables, attributes, {})


def fingerprint(contents: Contents) -> bytes:
    """SHA-256 (32 bytes) of the arrays of a group and of its attributes."""
    running = hashlib.sha256()
    for name, data in sorted(contents.variables.items()):
        running.update(f"{name}{data.shape}".encode())
        feed(running, data)
    running.update(json.dumps(contents.attributes, sort_keys=True).encode())
    return running.digest()
