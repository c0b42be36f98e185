"""Blocks back from the files: splits of the dataset, and real materials."""

from pathlib import Path

from ephforge.core.blocks import Block, read_block
from ephforge.core.netcdf import read
from ephforge.dataset.families import SPLITS


def read_splits(path: str | Path) -> dict[str, list[Block]]:
    """Blocks of all splits, "train", "validation" and "test", in order of their names."""
    groups = read(path, "dataset").groups
    found = {split: [] for split in SPLITS}
    for name in sorted(groups):
        found[groups[name].attributes["split"]].append(read_block(groups[name]))
    return found


def read_split(path: str | Path, split: str) -> list[Block]:
    """Blocks of one split, in order of their names."""
    return read_splits(path)[split]


def read_materials(paths: list) -> list[Block]:
    """Blocks of real materials, one per file, full grid included."""
    return [read_block(read(path, "firstprinciples")) for path in paths]
