"""What is taken out of the training split: a potential, a basis, a kind; and random controls.

A control takes as many materials from every class of symmetry as the family held there, so
that it differs from the family in variety only, not in the amount of data.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

KINDS = ("potential", "basis")
FLAGS = ("polar", "three_centre", "spin_orbit", "overlap", "crystal_field")


class Family(NamedTuple):
    """Materials to remove: what they share, e.g. "potential", "emt", and their numbers."""

    kind: str
    value: str
    members: list[int]


def families(facts: list[dict]) -> list[Family]:
    """Every family that some, but not all, materials belong to.

    Args:
      facts: of each training material: potential, basis, and the flags that are known.
    """
    found = []
    for kind in KINDS:
        values = sorted({fact[kind] for fact in facts})
        found += [
            Family(kind, value, [i for i, fact in enumerate(facts) if fact[kind] == value])
            for value in values
        ]
    found += [
        Family("flag", flag, [i for i, fact in enumerate(facts) if fact.get(flag)])
        for flag in FLAGS
    ]
    return [family for family in found if 0 < len(family.members) < len(facts)]


def control(members: list[int], classes: list[str], generator: np.random.Generator) -> list[int]:
    """A random choice of materials with the classes of the members."""
    wanted = Counter(classes[i] for i in members)
    chosen = []
    for name in sorted(wanted):
        pool = [i for i, found in enumerate(classes) if found == name]
        chosen += [pool[i] for i in generator.choice(len(pool), wanted[name], replace=False)]
    return sorted(chosen)
