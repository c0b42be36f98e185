"""Coupling shards read back, one at a time: is every material there, once?"""

import logging
from collections.abc import Iterator
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, read
from ephforge.core.shards import check_shard, range_of

log = logging.getLogger(__name__)


def read_shards(paths: list, seed: int) -> Iterator[tuple[Path, Contents]]:
    """Shards in the order of their ranges, whole and verified.

    A shard file is named by its range, first-last.nc, and holds first <= i < last.

    Raises:
      EphforgeError: a shard is damaged or of another seed, or materials are missing, foreign or
        there twice.
    """
    ranges = sorted((*range_of(path), path) for path in map(Path, paths))
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
    for _, _, path in ranges:
        log.info("reading %s", path)  # the last line if the library crashes on it
        contents = read(path, "coupling")
        check_shard(path, contents.groups, contents.attributes, seed)
        yield path, contents
