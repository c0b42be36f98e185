"""Datasets of an HDF5 file, each checked as it is read; whatever is wrong is one clear line."""

from pathlib import Path

import h5py
import numpy as np

from ephforge.core.errors import EphforgeError

LARGEST_MESH = 64  # points in each direction; more is a damaged number
_AGAIN = "copy it again, or make it again with qe2pert.x"


class Fields:
    """An open epr.h5 file; used in a `with` statement.

    Names without a group are those of basic_data.
    """

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> "Fields":
        if not self.path.is_file():
            raise EphforgeError(f"{self.path}: no such file, expected an epr.h5 of Perturbo")
        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            raise EphforgeError(
                f"{self.path}: not a whole HDF5 file ({_one_line(error)}), expected an epr.h5 of "
                f"Perturbo; {_AGAIN}"
            ) from None
        return self

    def __exit__(self, *_) -> None:
        self.file.close()

    def error(self, name: str, found: str, expected: str, action: str = _AGAIN) -> EphforgeError:
        """The line for the user: field, what it is, what was expected, what to do."""
        return EphforgeError(f"{self.path}: {_full(name)} {found}, expected {expected}; {action}")

    def has(self, name: str) -> bool:
        """Whether there is such a dataset."""
        return isinstance(self._found(name), h5py.Dataset)

    def read(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Numbers of a dataset, float64.

        Raises:
          EphforgeError: absent, of another shape or type, unreadable, NaN or infinite.
        """
        expected = f"{' x '.join(map(str, shape)) or 'one'} numbers"
        stored = self._found(name)
        if not isinstance(stored, h5py.Dataset):
            raise self.error(name, "is missing", expected)
        # a scalar may also be stored as an array of one
        if stored.shape != shape and not (shape == () and stored.shape == (1,)):
            size = " x ".join(map(str, stored.shape or ())) or "one"
            raise self.error(name, f"has {size} numbers", f"{expected} (cells, meshes, sizes)")
        if stored.dtype.kind not in "iuf":
            raise self.error(name, f"is of type {stored.dtype}", expected)
        try:
            values = np.asarray(stored[()], dtype=float).reshape(shape)
        except (OSError, RuntimeError) as error:
            raise self.error(name, f"cannot be read ({_one_line(error)})", expected) from None
        if not np.all(np.isfinite(values)):
            raise self.error(name, "holds NaN or infinity", "finite numbers")
        return values

    def number(self, name: str, default: float | None = None) -> float:
        """One number of basic_data; the default where it is missing and a default is given."""
        if default is not None and not self.has(name):
            return default
        return float(self.read(name, ()))

    def flag(self, name: str, default: bool) -> bool:
        """A flag of basic_data, stored as 0 or 1."""
        return self.number(name, float(default)) > 0

    def count(self, name: str) -> int:
        """A positive whole number of basic_data."""
        value = self.number(name)
        if value < 1 or value != int(value):
            raise self.error(name, f"is {value:g}", "a positive whole number")
        return int(value)

    def mesh(self, name: str) -> tuple[int, int, int]:
        """Three positive whole numbers of basic_data."""
        values = self.read(name, (3,))
        if np.any(values < 1) or np.any(values > LARGEST_MESH) or np.any(values % 1):
            raise self.error(
                name, f"is {values.tolist()}", f"three numbers from 1 to {LARGEST_MESH}"
            )
        return tuple(int(value) for value in values)

    def _found(self, name: str):
        try:
            return self.file.get(_full(name))
        except (KeyError, OSError, RuntimeError) as error:
            raise self.error(name, f"cannot be opened ({_one_line(error)})", "a dataset") from None


def _full(name: str) -> str:
    return name if "/" in name else f"basic_data/{name}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
