"""Models of synthetic materials, made again from lattice shards and the seed."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import Model
from ephforge.coupling.stage import material_model


def models_again(
    names: list[str], lattice: list[str], seed: int, coupling: dict
) -> Iterator[Model]:
    """Models of synthetic materials, one at a time; one lattice shard is open at a time.

    Args:
      names: material numbers as they stand in the files.
      lattice: all lattice shards, named by their range, first-last.nc.
      seed, coupling: of the campaign; the same electrons are drawn again.

    Raises:
      EphforgeError: a material is in no shard, or a shard is damaged.
    """
    wanted = defaultdict(list)
    ranges = [(*map(int, Path(path).stem.split("-")), path) for path in lattice]
    for name in names:
        found = [path for first, last, path in ranges if first <= int(name) < last]
        if not found:
            raise EphforgeError(f"material {name} is in no lattice shard; run again")
        wanted[found[0]].append(name)
    for path, members in wanted.items():
        groups = read(path, "lattice").groups
        for name in members:
            yield material_model(name, groups[name], seed, coupling)[0]
