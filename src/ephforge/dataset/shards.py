"""Coupling shards read back, one at a time: is every material there, once?"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, read


def read_shards(paths: list) -> Iterator[tuple[Path, Contents]]:
    """Shards in the order of their ranges, whole and verified.

    A shard file is named by its range, first-last.nc, and holds first <= i < last.

    Raises:
      EphforgeError: a shard is damaged, or materials are missing, foreign or there twice.
    """
    ranges = sorted((*_range(path), path) for path in map(Path, paths))
    next_first = 0
    for first, last, path in ranges:
        if first < next_first:
            raise EphforgeError(
                f"{path}: material {first:06d} is in another shard as well; "
                "keep campaign.shard_size, or remove the shards of the old size"
            )
        if first > next_first:
            raise EphforgeError(
                f"dataset: material {next_first:06d} is in no shard; make its shard again"
            )
        next_first = last
    for first, last, path in ranges:
        contents = read(path, "coupling")
        _check_names(path, first, last, contents.groups)
        yield path, contents


def _range(path: Path) -> tuple[int, int]:
    try:
        first, last = map(int, path.stem.split("-"))
    except ValueError:
        raise EphforgeError(f"{path}: expected a shard named like 000000-000060.nc") from None
    return first, last


def _check_names(path: Path, first: int, last: int, names: Iterable[str]) -> None:
    expected = {f"{i:06d}" for i in range(first, last)}
    wrong = sorted(expected ^ set(names))
    if wrong:
        what = "missing" if wrong[0] in expected else "not of this shard"
        raise EphforgeError(f"{path}: material {wrong[0]} is {what}; remove the file and run again")
