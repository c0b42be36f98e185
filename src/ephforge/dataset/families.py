"""Splits by family: what the test sees is a new combination, not a new draw of an old one.

A family is "prototype/potential/basis".  Its materials stay together, and so do families
that differ in the parameter set of one potential only.
"""

from collections import Counter

import numpy as np

from ephforge.core.errors import EphforgeError

SPLITS = ("train", "validation", "test")
ASIDE = "aside"  # larger materials: in the database, but not learnt from
# Sets of one functional form. Copper, silver, gold and nickel have the same lattice constant in all
# of EMT's to 0.7 % and the same phonons to 15 %; the scales that each material draws go further.
_SETS_OF_ONE_FORM = {"emt2013": "emt", "emt_rasmussen": "emt", "emt_glass": "emt"}


def split_families(
    sizes: dict[str, int],
    validation_fraction: float,
    test_fraction: float,
    generator: np.random.Generator,
) -> dict[str, str]:
    """Split of every family; fractions are of materials and met as closely as families allow.

    Families that are `dealt_together` count as one.  They are drawn so that every prototype
    keeps one for training where it has two, and so that the prototypes take turns.  Test gets
    at least one family, and so does validation when there are three; with two families
    validation stays empty.

    Args:
      sizes: family -> number of materials.
      generator: decides between families that are equally suited.

    Raises:
      EphforgeError: fewer than two families.
    """
    together = {family: dealt_together(family) for family in sizes}
    sizes_together = Counter()
    for family, size in sizes.items():
        sizes_together[together[family]] += size
    dealt = _dealt(sizes_together, validation_fraction, test_fraction, generator)
    return {family: dealt[name] for family, name in sorted(together.items())}


def dealt_together(family: str) -> str:
    """The family with the name of the form in place of that of the set: one of a split each."""
    parts = family.split("/")
    return "/".join(_SETS_OF_ONE_FORM.get(part, part) for part in parts)


def _dealt(
    sizes: dict[str, int],
    validation_fraction: float,
    test_fraction: float,
    generator: np.random.Generator,
) -> dict[str, str]:
    if len(sizes) < 2:
        found = ", ".join(sizes) or "none"
        raise EphforgeError(
            f"dataset: accepted materials form {len(sizes)} families ({found}), but a split by "
            "family needs 2; draw more materials, prototypes, potentials or bases"
        )
    order = [str(name) for name in generator.permutation(sorted(sizes))]
    split = dict.fromkeys(order, "train")
    wanted = [("test", test_fraction)]
    if len(sizes) >= 3:
        wanted.append(("validation", validation_fraction))
    total = sum(sizes.values())
    for later, (name, fraction) in enumerate(wanted, start=1):
        keep = 1 + len(wanted) - later  # families for training and for the splits to come
        _fill(name, fraction * total, keep, split, sizes)
    return split


def _fill(
    name: str, target: float, keep: int, split: dict[str, str], sizes: dict[str, int]
) -> None:
    """Move families from train to a split until it is as close to its target as it gets."""
    filled = 0
    while True:
        candidates = _candidates(split, keep)
        taken = Counter(_prototype(f) for f, found in split.items() if found == name)
        fitting = [f for f in candidates if filled + sizes[f] / 2 < target]
        if not fitting and filled:
            return
        if fitting:
            choice = min(fitting, key=lambda f: taken[_prototype(f)])
        else:
            choice = min(candidates, key=lambda f: sizes[f])
        split[choice] = name
        filled += sizes[choice]


def _candidates(split: dict[str, str], keep: int) -> list[str]:
    """Training families whose prototype keeps another one; any if none has; `keep` stay."""
    training = [family for family, found in split.items() if found == "train"]
    left = Counter(_prototype(family) for family in training)
    spare = [family for family in training if left[_prototype(family)] > 1]
    return (spare or training) if len(training) > keep else []


def _prototype(family: str) -> str:
    return family.split("/")[0]
