"""How an array and its attributes stand in a NetCDF-4 file.

Complex arrays are stored with a trailing axis (re, im), since NetCDF has no complex type.
Arrays may be rounded to whole multiples of a step: still plain doubles to every reader, but
their last bytes are zeros, which take no space once bytes of equal rank stand together.
"""

import json
import math
from typing import Any, NamedTuple

import numpy as np

from ephforge.core.checksum import array_hash, feed


class Variable(NamedTuple):
    """One array of a file: data, names of its axes, unit ("1" if none), one sentence.

    With a step (a power of two) it is written `rounded` to that step, and says so.
    """

    data: np.ndarray
    axes: tuple[str, ...]
    unit: str
    meaning: str
    step: float | None = None


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
    running = array_hash(stored)
    feed(running, data)
    return running.digest()


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


def set_attributes(group, attributes: dict[str, Any]) -> None:
    """Write attributes; dicts, lists and bools as JSON text."""
    for name, value in attributes.items():
        is_json = isinstance(value, dict | list | bool)
        group.setncattr(name, json.dumps(value) if is_json else value)


def plain(value):
    """Undo the JSON text of dicts, lists and bools; leave everything else."""
    if (isinstance(value, str) and value[:1] in ("{", "[")) or value in ("true", "false"):
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value
