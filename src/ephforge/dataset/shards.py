"""Coupling shards read back: is every material there, once?"""

from collections.abc import Iterable
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, read


def read_shards(paths: list) -> tuple[dict[str, Contents], list[dict]]:
    """All materials by name, and the attributes of each shard.

    A shard file is named by its range, first-last.nc, and holds first <= i < last.

    Raises:
      EphforgeError: a shard is damaged, or materials are missing, foreign or there twice.
    """
    materials, attributes = {}, []
    for path in map(Path, paths):
        contents = read(path, "coupling")
        _check_range(path, contents.groups)
        twice = sorted(materials.keys() & contents.groups.keys())
        if twice:
            raise EphforgeError(
                f"{path}: material {twice[0]} is in another shard as well; "
                "keep campaign.shard_size, or remove the shards of the old size"
            )
        materials |= contents.groups
        attributes.append(contents.attributes)
    gaps = sorted({f"{i:06d}" for i in range(len(materials))} - materials.keys())
    if gaps:
        raise EphforgeError(f"dataset: material {gaps[0]} is in no shard; make its shard again")
    return materials, attributes


def _check_range(path: Path, names: Iterable[str]) -> None:
    try:
        first, last = map(int, path.stem.split("-"))
    except ValueError:
        raise EphforgeError(f"{path}: expected a shard named like 000000-000060.nc") from None
    expected = {f"{i:06d}" for i in range(first, last)}
    wrong = sorted(expected ^ set(names))
    if wrong:
        what = "missing" if wrong[0] in expected else "not of this shard"
        raise EphforgeError(f"{path}: material {wrong[0]} is {what}; remove the file and run again")
