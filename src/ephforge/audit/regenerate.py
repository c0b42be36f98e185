"""A material made again from the seed, its number and the options in its file, bit by bit."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, outline, read, write
from ephforge.coupling import clock as coupling_clock
from ephforge.coupling.stage import rows
from ephforge.lattice import timing
from ephforge.lattice.stage import material_group
from ephforge.layers import code_version

STAGES = {  # kind of file -> the stages that made it, and what stands before their attributes
    "lattice": {"lattice": ""},
    "coupling": {"lattice": "lattice_", "coupling": ""},
}


class Comparison(NamedTuple):
    """What was compared, and one line for each difference."""

    arrays: int
    attributes: int
    differences: list[str]


def regenerate(path: str | Path, name: str, any_code: bool = False) -> Comparison:
    """Make one material of a lattice or coupling shard again and compare it with the shard.

    Everything comes from the file: seed, options of the stages, number of the material.  Nothing
    of the other materials of the shard is used.

    Args:
      name: of the group, e.g. "000012".
      any_code: go on although the file was made by other code or packages than are here.

    Raises:
      EphforgeError: not a shard, no such material, or made by other code.
    """
    kind = outline(path)[0]
    if kind not in STAGES:
        raise EphforgeError(f"{path}: kind '{kind}', expected a lattice or coupling shard")
    shard = read(path, kind)
    if name not in shard.groups:
        first, last = min(shard.groups), max(shard.groups)
        raise EphforgeError(f"{path}: no material '{name}', expected one of {first} to {last}")
    if not any_code:
        _require_same_code(path, kind, shard.attributes)
    return compare(shard.groups[name], _made_again(name, kind, shard.attributes))


def _require_same_code(path: str | Path, kind: str, attributes: dict[str, Any]) -> None:
    for stage, prefix in STAGES[kind].items():
        found, here = attributes[f"{prefix}code"], code_version(stage)
        if found != here:
            raise EphforgeError(
                f"{path}: stage {stage} ran code {found}, here is {here}, so the same bits cannot "
                "be expected; install the version that the file names, or go on with --any-code"
            )


def _made_again(name: str, kind: str, attributes: dict[str, Any]) -> Contents:
    prefix = STAGES[kind]["lattice"]
    seed, number = attributes["seed"], int(name)
    drawn = material_group(seed, number, attributes[f"{prefix}options"], timing.Clock())
    lattice = _as_stored(name, drawn)
    if kind == "lattice":
        return lattice
    made = rows({name: lattice}, seed, attributes["options"], coupling_clock.Clock())
    return _as_stored(name, made[name])


def _as_stored(name: str, group: tuple[dict, dict]) -> Contents:
    """What a file gives back of a group: it rounds, and turns attributes into JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.nc"
        write(path, "one material", {}, {}, {name: group})
        return read(path, "one material").groups[name]


def compare(stored: Contents, made: Contents) -> Comparison:
    """Arrays by their bits, attributes by their values."""
    names = sorted(stored.variables.keys() | made.variables.keys())
    differences = []
    for name in names:
        pair = stored.variables.get(name), made.variables.get(name)
        if found := _difference(*pair):
            differences.append(f"{name}: {found}")
    keys = sorted(stored.attributes.keys() | made.attributes.keys())
    for key in keys:
        old, new = (contents.attributes.get(key, "nothing") for contents in (stored, made))
        both_nan = old != old and new != new
        if old != new and not both_nan:
            differences.append(f"attribute {key}: stored {_short(old)}, made again {_short(new)}")
    return Comparison(len(names), len(keys), differences)


def _difference(stored: np.ndarray | None, made: np.ndarray | None) -> str:
    """How two arrays differ; nothing if every bit is the same."""
    if stored is None or made is None:
        return "not in the file" if stored is None else "not made again"
    if (stored.shape, stored.dtype) != (made.shape, made.dtype):
        return f"stored {stored.dtype} {stored.shape}, made again {made.dtype} {made.shape}"
    if stored.tobytes() == made.tobytes():
        return ""
    wide = np.result_type(stored.dtype, np.float64)
    distance = np.abs(stored.astype(wide) - made.astype(wide))
    largest, scale = float(distance.max()), float(np.abs(stored).max())
    share = f", {largest / scale:.2g} of the largest value" if scale > 0 else ""
    count = np.count_nonzero(distance)
    if not count:
        return "the same values, other bits (the sign of a zero)"
    return f"{count} of {stored.size} values differ, by {largest:.3g} at most{share}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
