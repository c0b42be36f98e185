"""A NetCDF-4 file written slab by slab in the background, while the caller computes the next one.

For results that are larger than memory.  The file is the one that `netcdf.write` would make:
whole under its final name or absent, with completed flag and checksum.  Arrays lie in it as they
are, one slab after the other, unless compression is asked for (docs/performance.md, "Output").

The HDF5 library is not safe for threads: while a stream is open, its process must touch no other
NetCDF file.
"""

import math
import queue
import shutil
import threading
from pathlib import Path
from typing import Any, NamedTuple

import netCDF4
import numpy as np

from ephforge.core.checksum import Checksum, array_hash, feed
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import seal
from ephforge.core.publish import make_way, put_in_place, temporary_name
from ephforge.core.variables import Variable, create_axes, set_attributes, store

WAITING = 2  # slabs between the caller and the disk; one more is being written
_LARGEST_CHUNK = 2**22  # bytes: what a reader of one number has to unpack
_END = object()


class Slabs(NamedTuple):
    """An array that arrives in slabs along its first axis: what it will be when it is whole.

    Real numbers only; unit "1" if none, one sentence.
    """

    shape: tuple[int, ...]
    dtype: str
    axes: tuple[str, ...]
    unit: str
    meaning: str

    @property
    def nbytes(self) -> int:
        """Bytes of the whole array, uncompressed."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Stream:
    """Context in which slabs are put into a file; leaving it makes the file appear.

        with Stream(path, "couplings", {"g": Slabs(...), "k_point": Variable(...)}, {}) as stream:
            for part in parts:
                stream.put(g=part)

    If the block is left by an exception, or the disk fails, neither the file nor a part of it
    stays.  Folders that are missing are made.

    Args:
      path: final name.
      kind: what the file is; `netcdf.read` asks for it.
      variables: arrays, given whole or arriving in slabs.
      attributes: values that JSON can hold.
      level: of zlib for the arrays that arrive in slabs, 1 (quick) to 9; 0 leaves them as they are.

    Raises:
      EphforgeError: the file cannot be written.
      ValueError: slabs do not fit their array, or are missing when the block ends.
    """

    def __init__(
        self,
        path: str | Path,
        kind: str,
        variables: dict[str, Variable | Slabs],
        attributes: dict[str, Any],
        level: int = 0,
    ):
        self._path = Path(path)
        self._kind, self._variables, self._attributes = kind, variables, attributes
        self._level = level
        self._temporary = temporary_name(self._path)
        self._digests: dict[str, bytes] = {}
        self._hashes: dict[str, Any] = {}
        self._rows: dict[str, int] = {}  # of each array that were put
        self._waiting: queue.Queue = queue.Queue(WAITING)
        self._error: Exception | None = None
        self._file: netCDF4.Dataset | None = None
        self._writer = threading.Thread(target=self._write, name="netcdf", daemon=True)

    def __enter__(self) -> "Stream":
        if self._path.is_dir():
            raise EphforgeError(f"{self._path}: a folder, expected the name of a file")
        try:
            make_way(self._path)
            self._file = netCDF4.Dataset(self._temporary, "w", format="NETCDF4")
            self._create()
        except (OSError, RuntimeError) as error:
            self._discard()
            raise self._told(error) from error
        except BaseException:
            self._discard()
            raise
        self._writer.start()
        return self

    def put(self, **slabs: np.ndarray) -> None:
        """Hand over the next rows of some arrays; waits while the disk is behind.

        The arrays are written later: the caller must not change them any more.

        Raises:
          EphforgeError: writing has failed, now or before.
          ValueError: a slab does not fit.
        """
        for name, slab in slabs.items():
            self._check(name, slab)
        for name, slab in slabs.items():
            if self._error is None:
                self._waiting.put((name, self._rows[name], slab))
                self._rows[name] += len(slab)
        if self._error is not None:
            raise self._told(self._error) from self._error

    def __exit__(self, kind, error, trace) -> None:
        if error is not None:
            self._error = self._error or error  # the writer leaves out what still waits
        self._waiting.put(_END)
        self._writer.join()
        try:
            if error is None:
                self._finish()
        finally:
            self._discard()

    def _create(self) -> None:
        """Everything but the slabs."""
        file = self._file
        file.set_fill_off()  # or every byte is written twice
        for name, variable in self._variables.items():
            if isinstance(variable, Variable):
                self._digests[name] = store(file, name, variable)
                continue
            create_axes(file, name, variable.axes, variable.shape)
            stored = file.createVariable(
                name, variable.dtype, variable.axes, **self._layout(variable)
            )
            about = {"units": variable.unit, "long_name": variable.meaning, "is_complex": 0}
            stored.setncatts(about)
            stored.set_auto_maskandscale(False)
            if self._level:
                # chunks come whole: a cache (64 MB each) only takes memory and hides a full disk
                stored.set_var_chunk_cache(1, 1, 1.0)
            self._rows[name] = 0
            self._hashes[name] = array_hash(stored)
        set_attributes(file, self._attributes)

    def _layout(self, variable: Slabs) -> dict:
        """Contiguous, or compressed in chunks of one row, cut where that is large."""
        if not self._level:
            return {"contiguous": True}
        chunk, size = [], _LARGEST_CHUNK // np.dtype(variable.dtype).itemsize
        for length in reversed(variable.shape[1:]):
            chunk.insert(0, max(1, min(length, size)))
            size //= chunk[0]
        compression = {"zlib": True, "complevel": self._level, "shuffle": True}
        return compression | {"chunksizes": (1, *chunk)}

    def _check(self, name: str, slab: np.ndarray) -> None:
        wanted = self._variables.get(name)
        if not isinstance(wanted, Slabs):
            raise ValueError(f"{name}: no array of this name arrives in slabs")
        is_like = slab.shape[1:] == wanted.shape[1:] and slab.dtype == np.dtype(wanted.dtype)
        if not is_like or self._rows[name] + len(slab) > wanted.shape[0]:
            raise ValueError(
                f"{name}: slab {slab.dtype}{slab.shape} after {self._rows[name]} rows does not fit "
                f"{wanted.dtype}{wanted.shape}"
            )

    def _write(self) -> None:
        """What the thread does: after an error it only empties the queue, so that none waits."""
        while (item := self._waiting.get()) is not _END:
            if self._error is not None:
                continue
            name, first, slab = item
            try:
                slab = np.ascontiguousarray(slab)
                self._file[name][first : first + len(slab)] = slab
                feed(self._hashes[name], slab)
            except Exception as error:
                self._error = error

    def _finish(self) -> None:
        """Check, seal, close and publish."""
        if self._error is not None:
            raise self._told(self._error) from self._error
        for name, rows in self._rows.items():
            if rows != self._variables[name].shape[0]:
                raise ValueError(
                    f"{self._path}: {name}: {rows} of {self._variables[name].shape[0]} rows came"
                )
        self._digests |= {name: found.digest() for name, found in self._hashes.items()}
        checksum = Checksum()
        for _, digest in sorted(self._digests.items()):
            checksum.digest(digest)
        try:
            seal(self._file, self._kind, checksum)
            file, self._file = self._file, None
            file.close()
            # not read back as `netcdf.write` does: it may be as large as the disk
            put_in_place(self._temporary, self._path)
        except (OSError, RuntimeError) as error:
            raise self._told(error) from error

    def _discard(self) -> None:
        """Close what is open and remove what is not published."""
        file, self._file = self._file, None
        try:
            if file is not None and file.isopen():
                file.close()
        except (OSError, RuntimeError):
            pass  # on a full disk: what it could not write is thrown away anyway
        finally:
            if self._temporary.is_file():
                self._temporary.unlink()

    def _told(self, error: Exception) -> Exception:
        """One line for the user; HDF5 does not say that a disk is full, so the disk is asked."""
        if not isinstance(error, OSError | RuntimeError):
            return error
        free = free_bytes(self._path)
        return EphforgeError(
            f"{self._path}: cannot be written ({error}; {1e-9 * free:.3g} GB free on its disk); "
            "make room or choose another folder, and run again"
        )


def free_bytes(path: str | Path) -> int:
    """Bytes free on the disk where a file would be written, its folder made or not."""
    folder = Path(path).absolute().parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
