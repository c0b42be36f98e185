"""Every fault of a file of ephforge, each in one line."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ephforge.audit.arrays import array_faults
from ephforge.audit.calibration import calibration_faults
from ephforge.audit.physics import (
    block_faults,
    crystal_faults,
    dipole_faults,
    force_constant_faults,
    hopping_faults,
)
from ephforge.audit.split_faults import split_faults
from ephforge.audit.tables import EVERY_FILE, IS_OPEN, MATERIALS, ROOTS, Table
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, Stored, outline, read


def validate(path: str | Path) -> tuple[str, int, Iterator[str]]:
    """Kind, number of groups, and the faults of a file, found as they are asked for.

    Whole files only: kind, completed flag and checksum are checked first, then the root, then
    each material.  A dataset is compared with its shards.

    Raises:
      EphforgeError: the file cannot be read, is damaged or of no known kind.
    """
    kind, stored = outline(path)
    if kind not in ROOTS:
        raise EphforgeError(
            f"{path}: kind '{kind}', expected one of {', '.join(ROOTS)}; nothing is known of others"
        )
    contents = read(path, kind)
    return kind, len(contents.groups), _faults(Path(path), kind, contents, stored)


def first_faults(path: str | Path, most: int) -> tuple[str, int, list[str]]:
    """Kind, number of groups, and at most so many of the faults of a file."""
    kind, count, faults = validate(path)
    return kind, count, list(islice(faults, most))


def kind_of(path: str | Path) -> str:
    """Kind of a file, from its attributes alone."""
    return outline(path)[0]


def _faults(
    path: Path, kind: str, contents: Contents, stored: dict[str, dict[str, Stored]]
) -> Iterator[str]:
    table = ROOTS[kind]
    root = Table(table.fields, EVERY_FILE | table.attributes)
    yield from _group_faults(root, contents, stored[""], kind)
    if kind in MATERIALS:
        yield from _range_faults(path, contents)
        for name, group in sorted(contents.groups.items()):
            for fault in _material_faults(kind, name, group, stored[name]):
                yield f"{name}: {fault}"
    elif kind == "dataset":
        yield from split_faults(path)
    elif kind in ("train", "calibration"):
        for name, group in sorted(contents.groups.items()):
            for fault in array_faults({}, stored[name], group.variables, True):
                yield f"{name}: {fault}"
        if kind == "calibration":
            yield from calibration_faults(contents)


def _group_faults(
    table: Table, contents: Contents, stored: dict[str, Stored], kind: str
) -> Iterator[str]:
    """Attributes and arrays; then what holds between arrays, if nothing was wrong so far."""
    faults = [
        *_attribute_faults(table.attributes, contents.attributes),
        *array_faults(table.fields, stored, contents.variables, kind in IS_OPEN),
    ]
    yield from faults
    if not faults:
        yield from _between(kind, contents)


def _between(kind: str, contents: Contents) -> Iterator[str]:
    found = contents.variables
    if "cell" in found:
        faults = list(crystal_faults(found))
        yield from faults
        if faults:  # without a crystal nothing else can be judged
            return
        yield from dipole_faults(found)
    if "phi" in found:
        yield from force_constant_faults(found)
    if kind == "model":
        yield from hopping_faults(found)
        yield from _coupling_form_faults(contents)
    if "orbit" in found:
        yield from _label_faults(contents.attributes["labels"])
        yield from block_faults(contents, kind != "maps")


def _coupling_form_faults(contents: Contents) -> Iterator[str]:
    form, found = contents.attributes["coupling"], contents.variables
    wanted = {"two-centre": ("gradient",), "wannier": ("g", "g_folded")}
    if form not in wanted:
        yield f"attribute coupling: '{form}', expected {' or '.join(wanted)}"
    elif not any(name in found for name in wanted[form]):
        yield f"{' or '.join(wanted[form])}: missing, the coupling is {form}"


def _attribute_faults(wanted: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for name, kind in wanted.items():
        if name not in found:
            yield f"attribute {name}: missing"
        elif not isinstance(found[name], kind):
            yield f"attribute {name}: {found[name]!r}, expected {kind.__name__}"


def _range_faults(path: Path, contents: Contents) -> Iterator[str]:
    """A shard holds the materials that its name says."""
    try:
        first, last = map(int, path.stem.split("-"))
    except ValueError:
        yield "expected a name like 000000-000060.nc"
        return
    expected = {f"{i:06d}" for i in range(first, last)}
    for name in sorted(expected ^ set(contents.groups))[:1]:
        where = "missing" if name in expected else "not of this shard"
        yield f"{name}: {where}"


def _material_faults(
    kind: str, name: str, group: Contents, stored: dict[str, Stored]
) -> Iterator[str]:
    found, table = group.attributes, MATERIALS[kind]
    status, reason = found.get("status"), found.get("reason")
    if status == "rejected":
        if not reason:
            yield "attribute reason: empty, a rejected material has one"
        if stored:
            yield f"{', '.join(sorted(stored))}: a rejected material has no arrays"
        return
    if status != "accepted":
        yield f"attribute status: {status!r}, expected 'accepted' or 'rejected'"
        return
    if reason:
        yield f"attribute reason: '{reason}', an accepted material has none"
    if found.get("name", name) != name:
        yield f"attribute name: '{found['name']}', expected that of the group"
    labels = found.get("labels", {})
    for label in sorted(labels.keys() & found.keys()):
        if labels[label] != found[label]:
            yield f"attribute labels: {label} '{labels[label]}', elsewhere '{found[label]}'"
    yield from _group_faults(table, group, stored, kind)


def _label_faults(labels: dict[str, str]) -> Iterator[str]:
    wanted = ("prototype", "potential", "basis", "family")
    for name in wanted:
        if not labels.get(name):
            yield f"attribute labels: no {name}"
            return
    family = "/".join(labels[name] for name in wanted[:3])
    if labels["family"] not in (family, "first-principles"):
        yield f"attribute labels: family '{labels['family']}', expected '{family}'"
