"""The dataset index against itself and against the shards that it points to."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.dataset.families import ASIDE, SPLITS, dealt_together
from ephforge.dataset.index import FLAGS, NUMBERS, SIZES, TEXTS, Index, read_index
from ephforge.dataset.rows import row_of


def split_faults(path: Path) -> Iterator[str]:
    """Names once and in order, whole families in one split, every line as its shard has it."""
    index = read_index(path)
    if index.names != sorted(set(index.names)):
        yield "name: not in order, or one is there twice"
    unknown = sorted(set(index.splits) - {*SPLITS, ASIDE})
    if unknown:
        yield f"split: '{unknown[0]}', expected one of {', '.join((*SPLITS, ASIDE))}"
    if len(index.shard_i) and index.shard_i.max() >= len(index.shards):
        yield f"shard: number {index.shard_i.max()} of {len(index.shards)} files"
        return
    yield from _families(index)
    for number, shard in enumerate(index.shards):
        yield from _against_shard(index, number, shard)


def _families(index: Index) -> Iterator[str]:
    parts: dict[str, set[str]] = {}
    for family, split in zip(index.columns["family"], index.splits, strict=True):
        if split != ASIDE:
            parts.setdefault(dealt_together(str(family)), set()).add(split)
    for family, found in sorted(parts.items()):
        if len(found) > 1:
            yield f"split: family {family} is in {' and '.join(sorted(found))}, expected one"
    for split in ("train", "test"):
        if split not in index.splits:
            yield f"split: no material for {split}"


def _against_shard(index: Index, number: int, shard: Path) -> Iterator[str]:
    try:
        groups = read(shard, "coupling").groups
    except EphforgeError as error:
        yield str(error)
        return
    accepted = {n: g for n, g in groups.items() if g.attributes.get("status") == "accepted"}
    lines = {index.names[i]: int(i) for i in np.flatnonzero(index.shard_i == number)}
    for name in sorted(accepted.keys() ^ lines.keys())[:1]:
        where = "accepted there, not here" if name in accepted else "here, not accepted there"
        yield f"{name}: {where} ({shard})"
    for name in sorted(accepted.keys() & lines.keys()):
        i, row = lines[name], row_of(name, accepted[name])
        for key in (*TEXTS, *FLAGS, *SIZES):
            found = index.columns[key][i]
            if type(found.item())(row.get(key, "" if key in TEXTS else 0)) != found:
                yield f"{name}: {key} '{found}', in {shard} '{row.get(key)}'"
        for key in NUMBERS:
            found, there = float(index.columns[key][i]), float(row.get(key, "nan"))
            if found != there and not (np.isnan(found) and np.isnan(there)):
                yield f"{name}: {key} {found:g}, in {shard} {there:g}"
        if row["fingerprint"] != index.fingerprint_ib[i].tobytes():
            yield f"{name}: not the one that the dataset was made from ({shard})"
