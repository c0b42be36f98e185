"""Arrays against their table: there, explained, with the axes, unit, type and bounds of it."""

from collections.abc import Iterator

import numpy as np

from ephforge.audit.tables import Field
from ephforge.core.netcdf import Stored


def array_faults(
    fields: dict[str, Field],
    stored: dict[str, Stored],
    values: dict[str, np.ndarray],
    is_open: bool,
) -> Iterator[str]:
    """One line for each fault; arrays that the table does not name are faults unless `is_open`."""
    for name in sorted(fields.keys() - stored.keys()):
        if fields[name].is_required:
            yield f"{name}: missing"
    for name, found in sorted(stored.items()):
        if not found.meaning:
            yield f"{name}: no long_name, expected a sentence that says what it is"
        if found.unit is None:
            yield f"{name}: no units, expected a unit or '1'"
        if name in fields:
            yield from _against(name, fields[name], found, values[name])
        elif not is_open:
            yield f"{name}: not an array of this kind of file"
        elif values[name].dtype.kind in "fc" and not np.all(np.isfinite(values[name])):
            yield f"{name}: {_count_bad(values[name])} values are not finite"


def _against(name: str, field: Field, found: Stored, value: np.ndarray) -> Iterator[str]:
    if found.axes != field.axes:
        yield f"{name}: axes {_shown(found.axes)}, expected {_shown(field.axes)}"
    if found.unit is not None and found.unit != field.unit:
        yield f"{name}: unit '{found.unit}', expected '{field.unit}'"
    if found.type not in field.types:
        yield f"{name}: type {found.type}, expected {' or '.join(field.types)}"
    elif value.dtype.kind in "fiuc":
        yield from _bounds(name, field, value)


def _bounds(name: str, field: Field, value: np.ndarray) -> Iterator[str]:
    known = value
    if value.dtype.kind in "fc":
        known = value[np.isfinite(value)]
        infinite = np.isinf(value).sum() if field.may_be_nan else value.size - known.size
        if infinite:
            yield f"{name}: {infinite} values are not finite"
    if np.iscomplexobj(known):
        known = np.concatenate([known.real, known.imag])
    if known.size and (known.min() < field.low or known.max() > field.high):
        worst = known.min() if known.min() < field.low else known.max()
        yield (f"{name}: value {worst:.6g} {field.unit}, expected {field.low:g} to {field.high:g}")


def _count_bad(value: np.ndarray) -> int:
    return int(value.size - np.isfinite(value).sum())


def _shown(axes: tuple[str, ...]) -> str:
    return f"({', '.join(axes)})"
