"""A shard is named by the materials it holds, first-last.nc with the last excluded; is it so?"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ephforge.core.errors import EphforgeError


def range_of(path: Path) -> tuple[int, int]:
    """First and last of the materials that a name promises.

    Raises:
      EphforgeError: the name is none of a shard.
    """
    try:
        first, last = map(int, path.stem.split("-"))
    except ValueError:
        raise EphforgeError(f"{path}: expected a shard named like 000000-000060.nc") from None
    return first, last


def check_shard(path: Path, names: Iterable[str], attributes: dict[str, Any], seed: int) -> None:
    """Refuse a whole file that stands under the name of another, or is of another campaign.

    Raises:
      EphforgeError: materials are missing or foreign, or the seed is another one.
    """
    first, last = range_of(path)
    expected = {f"{i:06d}" for i in range(first, last)}
    wrong = sorted(expected ^ set(names))
    if wrong:
        what = "missing" if wrong[0] in expected else "not of this shard"
        raise EphforgeError(f"{path}: material {wrong[0]} is {what}; remove the file and run again")
    found = attributes.get("seed", seed)
    if found != seed:
        raise EphforgeError(
            f"{path}: made with campaign.seed {found}, this campaign has {seed}; "
            "remove the file and run again"
        )
