"""Blocks back from the files: splits of the dataset, and real materials."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ephforge.core.blocks import Block, read_block
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import fingerprint, read, read_groups
from ephforge.dataset.families import SPLITS
from ephforge.dataset.index import Index, read_index


def iterate(
    path: str | Path, split: str | None = None, names: Iterable[str] | None = None
) -> Iterator[Block]:
    """Blocks in order of their names, one in memory at a time.

    Args:
      path: dataset file; the shards that it names have to be there.
      split: "train", "validation", "test" or "aside"; None for all.
      names: only these materials; shards without any of them are not opened.

    Raises:
      EphforgeError: a shard is absent or damaged, or is not the one that the dataset was made from.
    """
    index = read_index(path)
    asked = None if names is None else set(names)
    wanted = [
        i
        for i, name in enumerate(index.names)
        if split in (None, index.splits[i]) and (asked is None or name in asked)
    ]
    return _blocks(Path(path), index, wanted)


def read_split(path: str | Path, split: str) -> list[Block]:
    """Blocks of one split, in order of their names; arguments and errors as `iterate`."""
    return list(iterate(path, split))


def read_splits(path: str | Path) -> dict[str, list[Block]]:
    """Blocks of "train", "validation" and "test", not of "aside"; errors as `iterate`."""
    return {split: read_split(path, split) for split in SPLITS}


def read_materials(paths: list) -> list[Block]:
    """Blocks of real materials, one per file, full grid included."""
    return [read_block(read(path, "firstprinciples")) for path in paths]


def evenly(blocks: list, count: int) -> list:
    """That many of the blocks, evenly spaced, or all."""
    count = min(count, len(blocks))
    return [blocks[i * len(blocks) // count] for i in range(count)]


def _blocks(path: Path, index: Index, wanted: list[int]) -> Iterator[Block]:
    """Blocks of some materials; each shard is opened once for a run of its materials."""
    start = 0
    while start < len(wanted):
        shard, end = index.shard_i[wanted[start]], start
        while end < len(wanted) and index.shard_i[wanted[end]] == shard:
            end += 1
        members = wanted[start:end]
        groups = read_groups(index.shards[shard], "coupling", [index.names[i] for i in members])
        for i, contents in zip(members, groups, strict=True):
            if fingerprint(contents) != index.fingerprint_ib[i].tobytes():
                raise EphforgeError(
                    f"{index.shards[shard]}: material {index.names[i]} is not the one that {path} "
                    "was made from; make the dataset again"
                )
            yield read_block(contents)
        start = end
