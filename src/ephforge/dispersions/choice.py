"""Which synthetic materials are shown: small ones, as different from each other as can be."""

import numpy as np

from ephforge.dataset.index import Index, facts

LARGEST_MODES = 6  # of a material that is shown, where there are enough: more fill the pictures
_APART = ("kind", "prototype", "potential", "basis")


def chosen(index: Index, count: int, generator: np.random.Generator) -> dict[str, dict]:
    """Facts of some materials of the test split (of any, where that has too few), by name.

    One after the other is taken that shares the fewest of kind, prototype, potential and basis
    with those before it; the generator decides between equals.
    """
    table = facts(index)
    names = [str(name) for name in generator.permutation(sorted(table))]
    small = [name for name in names if table[name]["modes"] <= LARGEST_MODES]
    held_out = [name for name in small if table[name]["split"] == "test"]
    pool = next(pool for pool in (held_out, small, names) if len(pool) >= count or pool is names)
    found: dict[str, dict] = {}
    while pool and len(found) < count:
        best = min(pool, key=lambda name: _shared(table[name], list(found.values())))
        found[best] = table[best]
        pool = [name for name in pool if name != best]
    return found


def _shared(one: dict, others: list[dict]) -> int:
    return sum(one[key] == other[key] for other in others for key in _APART)
