"""Checksum of a NetCDF-4 file: SHA-256 of all that a reader learns from it.

Of each array that is its name, type, axes, numbers and attributes (unit, meaning, step); of each
group and of the file, the attributes, but for "completed" and the checksum itself.  Bytes of the
container that no reader gets are not in it: damage there, where HDF5 leaves room, does no harm.

Older formats covered less: 2, the names, shapes and numbers of arrays; 1, the same in one run of
bytes, so that no array could be hashed by itself.
"""

import hashlib
import json

import numpy as np

FORMAT_VERSION = 3
_LEFT_OUT = ("checksum", "completed")


class Checksum:
    """Of a file whose parts pass by in order of name: arrays of the root, then groups.

    A group is its name, its arrays, its attributes.  The attributes of the root come last.
    """

    def __init__(self, version: int = FORMAT_VERSION):
        self._digest, self._version = hashlib.sha256(), version

    def group(self, name: str) -> None:
        """A group begins."""
        self._digest.update(name.encode())

    def array(self, stored, data: np.ndarray) -> None:
        """An array of netCDF4, and its numbers as they are stored."""
        if self._version == 1:
            self._digest.update(f"{stored.name}{stored.shape}".encode())
            feed(self._digest, data)
        else:
            running = array_hash(stored, self._version)
            feed(running, data)
            self.digest(running.digest())

    def digest(self, of_array: bytes) -> None:
        """An array that has been hashed already."""
        self._digest.update(of_array)

    def attributes(self, holder) -> None:
        """Attributes of a group or of the file."""
        if self._version > 2:
            text = json.dumps(_attributes(holder), sort_keys=True, default=_typed)
            self._digest.update(hashlib.sha256(text.encode()).digest())

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def array_hash(stored, version: int = FORMAT_VERSION):
    """Running hash of an array of netCDF4, to be fed with its numbers, in slabs if need be."""
    about = f"{stored.name}{stored.shape}"
    if version > 2:
        kind = "str" if stored.dtype is str else stored.dtype.str
        known = [stored.name, kind, stored.dimensions, stored.shape, _attributes(stored)]
        about = json.dumps(known, sort_keys=True, default=_typed)
    return hashlib.sha256(about.encode())


def feed(running, data: np.ndarray) -> None:
    """Add numbers or texts to a running hash."""
    if data.dtype.kind in "UO":
        running.update(json.dumps(data.astype(str).tolist()).encode())
    else:
        running.update(np.ascontiguousarray(data))


def _attributes(holder) -> dict:
    return {name: holder.getncattr(name) for name in holder.ncattrs() if name not in _LEFT_OUT}


def _typed(value) -> list:
    """A number or an array of NumPy, for JSON."""
    return [value.dtype.str, value.tolist()]
