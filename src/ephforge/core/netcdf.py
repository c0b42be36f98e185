"""NetCDF-4 files that are either whole or absent.

A file is written under a temporary name, closed, read back, brought to disk, and renamed; it
carries its kind, a completed flag, a checksum of its contents, and who wrote it.  Reading checks
all of that.
Complex arrays are stored with a trailing axis (re, im), since NetCDF has no complex type.
Arrays may be rounded to whole multiples of a step: still plain doubles to every reader, but
their last bytes are zeros, which take no space once bytes of equal rank stand together.
"""

import hashlib
import importlib.metadata
import json
import math
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import netCDF4
import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.publish import put_in_place, temporary_of

# 2: the checksum is that of the digests of the arrays, so that one that arrives in slabs can be
# hashed as it comes, whatever its name; 1: that of the bytes of all arrays in order of name
FORMAT_VERSION = 2
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


class Variable(NamedTuple):
    """One array of a file: data, names of its axes, unit ("1" if none), one sentence.

    With a step (a power of two) it is written `rounded` to that step, and says so.
    """

    data: np.ndarray
    axes: tuple[str, ...]
    unit: str
    meaning: str
    step: float | None = None


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
    digest = hashlib.sha256()
    with temporary_of(path) as temporary:
        with netCDF4.Dataset(temporary, "w", format="NETCDF4") as file:
            _fill(file, variables, attributes or {}, digest)
            for name, (group_variables, group_attributes) in sorted((groups or {}).items()):
                digest.update(name.encode())
                _fill(file.createGroup(name), group_variables, group_attributes, digest)
            seal(file, kind, digest.hexdigest())
        publish(temporary, path)


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
    digest = hashlib.sha256()
    with _opened(path, None) as file:
        _take(file, digest)
        for name in sorted(file.groups):
            digest.update(name.encode())
            _take(file.groups[name], digest)
        found = (_attribute(file, "completed"), _attribute(file, "checksum"))
    return found == (1, digest.hexdigest())


def read(path: str | Path, kind: str) -> Contents:
    """Read a whole file, checking kind, completeness and checksum.

    Raises:
      EphforgeError: the file is absent, not NetCDF-4, of another kind, unfinished or damaged.
    """
    path = Path(path)
    digest = hashlib.sha256()
    with _opened(path, kind) as file:
        version = int(_attribute(file, "format_version") or FORMAT_VERSION)
        if version > FORMAT_VERSION:
            raise EphforgeError(
                f"{path}: format {version}, expected at most {FORMAT_VERSION}; it was written by a "
                "newer ephforge, read it with that"
            )
        contents = _take(file, digest, version)
        for name in sorted(file.groups):
            digest.update(name.encode())
            contents.groups[name] = _take(file.groups[name], digest, version)
    whole = contents.attributes.get("completed") == 1
    if not whole or contents.attributes.get("checksum") != digest.hexdigest():
        raise EphforgeError(
            f"{path}: unfinished or damaged (contents do not match its checksum); "
            "remove it and run again"
        )
    return contents


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
            yield _take(file.groups[name], hashlib.sha256())


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


def fingerprint(contents: Contents) -> bytes:
    """SHA-256 (32 bytes) of the arrays of a group and of its attributes."""
    digest = hashlib.sha256()
    for name in sorted(contents.variables):
        _digest_array(digest, name, contents.variables[name])
    digest.update(json.dumps(contents.attributes, sort_keys=True).encode())
    return digest.digest()


@contextmanager
def _opened(path: Path, kind: str | None) -> Iterator[netCDF4.Dataset]:
    """The file, of any kind if None; what the library says against it is one line for the user."""
    if not path.is_file():
        raise EphforgeError(f"{path}: no such file, expected a {kind or 'NetCDF-4'} file")
    try:
        with netCDF4.Dataset(path) as file:
            file.set_auto_mask(False)
            found = _attribute(file, "kind")
            if kind is not None and found != kind:
                raise EphforgeError(
                    f"{path}: expected a file of kind '{kind}', found '{found or 'none'}'"
                )
            yield file
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise EphforgeError(
            f"{path}: not a readable NetCDF-4 file ({error}); remove it and run again"
        ) from error


def seal(file: netCDF4.Dataset, kind: str, checksum: str) -> None:
    """Say in a file that it is whole: the last thing that is written."""
    file.setncatts(
        {
            "kind": kind,
            "format_version": FORMAT_VERSION,
            "versions": json.dumps(versions()),
            "conventions": "CONVENTIONS.md: eV, angstrom, dalton; |g| in meV; e^{ik.R}",
            "checksum": checksum,
            "completed": 1,
        }
    )


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make the numbers."""
    found = {"python": platform.python_version()}
    for package in _RECORDED_PACKAGES:
        found[package] = importlib.metadata.version(package)
    return found


def rounded(data: np.ndarray, step: float) -> np.ndarray:
    """Real or complex data at the nearest multiples of a step, in double precision.

    No number moves by more than step / 2 in its real or imaginary part; zeros stay zeros.

    Raises:
      ValueError: the step is not a power of two, so that its multiples would be rounded again.
    """
    if not step > 0 or math.frexp(step)[0] != 0.5:
        raise ValueError(f"step {step} is not a power of two")
    if np.iscomplexobj(data):
        return rounded(data.real, step) + 1j * rounded(data.imag, step)
    # adding zero turns -0.0, which would not compress, into 0.0
    return np.rint(np.asarray(data, dtype=float) / step) * step + 0.0


def _fill(group, variables, attributes, digest) -> None:
    for name in sorted(variables):
        digest.update(store(group, name, variables[name]))
    set_attributes(group, attributes)


def set_attributes(group, attributes: dict[str, Any]) -> None:
    """Write attributes; dicts, lists and bools as JSON text."""
    plain = {
        k: json.dumps(v) if isinstance(v, dict | list | bool) else v for k, v in attributes.items()
    }
    group.setncatts(plain)


def store(group, name: str, variable: Variable) -> bytes:
    """Write one array and return its digest, 32 bytes.

    Raises:
      ValueError: its axes do not fit its shape or the lengths that they have in the group.
    """
    data, axes, unit, meaning, step = variable
    data = np.asarray(data) if step is None else rounded(data, step)
    is_complex = np.iscomplexobj(data)
    if is_complex:
        data = np.stack([data.real, data.imag], axis=-1)
        axes = (*axes, "re_im")
    create_axes(group, name, axes, data.shape)
    is_text = data.dtype.kind in "UO"
    if data.dtype == bool:
        data = data.astype(np.int8)
    compression = {} if is_text else _compression(data.shape, is_complex, step)
    stored = group.createVariable(name, str if is_text else data.dtype, axes, **compression)
    stored.setncatts({"units": unit, "long_name": meaning, "is_complex": int(is_complex)})
    if step is not None:
        stored.setncatts({"step": float(step), "largest_rounding": float(step) / 2})
    stored[...] = data.astype(object) if is_text else data
    digest = hashlib.sha256()
    _digest_array(digest, name, data)
    return digest.digest()


def create_axes(group, name: str, axes: tuple[str, ...], shape: tuple[int, ...]) -> None:
    """Make the axes of an array that the group does not have yet.

    Raises:
      ValueError: they do not fit the shape or the lengths that they have.
    """
    if len(shape) != len(axes):
        raise ValueError(f"{name}: axes {axes} do not fit shape {shape}")
    for axis, length in zip(axes, shape, strict=True):
        if axis not in group.dimensions:
            group.createDimension(axis, length)
        elif len(group.dimensions[axis]) != length:
            raise ValueError(f"{name}: axis {axis} is {length}, elsewhere another length")


def _compression(shape: tuple[int, ...], is_complex: bool, step: float | None) -> dict:
    """Settings by which the arrays at hand became smallest (docs/first_principles.md)."""
    if step is None:
        # complex arrays are Wannier couplings, more than half zeros: unshuffled is smaller
        return {"zlib": True, "complevel": 2, "shuffle": not is_complex}
    # imaginary parts are the smaller ones: bytes of equal rank are alike within a part only
    chunk = (*shape[:-1], 1) if is_complex else shape
    return {"zlib": True, "complevel": 6, "shuffle": True, "chunksizes": chunk or None}


def _take(group, digest, version: int = FORMAT_VERSION) -> Contents:
    variables = {}
    for name in sorted(group.variables):
        stored = group.variables[name]
        data = np.asarray(stored[...])
        of_array = digest if version == 1 else hashlib.sha256()
        _digest_array(of_array, name, data)
        if version > 1:
            digest.update(of_array.digest())
        if data.dtype.kind == "O":
            data = data.astype(str)
        if getattr(stored, "is_complex", 0):
            data = data[..., 0] + 1j * data[..., 1]
        variables[name] = data
    attributes = {name: _plain(group.getncattr(name)) for name in group.ncattrs()}
    return Contents(variables, attributes, {})


def _plain(value):
    """Undo the JSON text of dicts, lists and bools; leave everything else."""
    if (isinstance(value, str) and value[:1] in ("{", "[")) or value in ("true", "false"):
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value


def _digest_array(digest, name, data) -> None:
    digest.update(f"{name}{data.shape}".encode())
    if data.dtype.kind in "UO":
        digest.update(json.dumps(data.astype(str).tolist()).encode())
    else:
        digest.update(np.ascontiguousarray(data).tobytes())
