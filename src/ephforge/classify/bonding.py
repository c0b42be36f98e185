"""Bonding within one lattice: what holds the atoms together, read off |g| of one shape.

Structure types are nearly given away by the symmetry orbits and the numbers of bands and modes.
Here probes are fitted and judged among materials in which all of these are the same: a shape.
What is left to tell them by is |g| itself: which modes couple at which q, and how degenerate
they are.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ephforge.baselines.pca import lattice_key
from ephforge.classify.accuracy import balanced, fewer_errors, wilson
from ephforge.classify.probe import PROBES, fit_balanced
from ephforge.core.blocks import Block
from ephforge.dataset.families import dealt_together

Features = dict[str, Callable[[Block], Float[np.ndarray, " f"]]]


class Bonds(NamedTuple):
    """Bonding of synthetic materials by their potential, of real ones by their name."""

    synthetic: dict[str, str]
    real: dict[str, str]

    def of(self, block: Block) -> str | None:
        """None where it is not said."""
        return self.real.get(block.name, self.synthetic.get(block.labels["potential"]))


class Answers(NamedTuple):
    """What each probe says of held-out materials of all shapes of one lattice.

    Attributes:
      group: shape and true bonding of each; the same weight for each in balanced accuracies.
      right: (features, probe) -> whether it is right.
      known: shape -> kinds of bonds that its probes choose from.
    """

    group: list[tuple]
    right: dict[tuple[str, str], list[bool]]
    known: dict[tuple, int]


def shape_of(block: Block) -> tuple:
    """Equal for materials of the same orbits, bands and modes."""
    return lattice_key(block.orbits), len(block.g), block.g.shape[2]


def compared(
    splits: dict[str, list[Block]],
    real: list[Block],
    bonds: Bonds,
    features_of: Callable[[list[Block]], Features],
    folds: int,
) -> dict:
    """Probes of every kind of features for every shape with two kinds of bonds.

    Args:
      features_of: descriptions fitted on the training materials of one shape.

    Returns:
      `shapes`; `lattices`, all shapes of one lattice together; `first_principles`.
    """
    members = defaultdict(list)
    for block in splits["train"]:
        if bonds.of(block) is not None:
            members[shape_of(block)].append(block)
    shapes, answers, words = [], {}, {}
    for shape, train in sorted(members.items(), key=lambda item: -len(item[1])):
        if len({bonds.of(block) for block in train}) < 2:
            continue
        test, asked = (
            [b for b in blocks if shape_of(b) == shape and bonds.of(b) is not None]
            for blocks in (splits["test"], real)
        )
        of_lattice = answers.setdefault(shape[0], Answers([], {}, {}))
        row, said = _of_shape(train, test, asked, bonds, features_of(train), folds, of_lattice)
        shapes.append(row)
        words |= said
    lattices = [_lattice(key, one, splits["test"]) for key, one in answers.items() if one.group]
    return {"shapes": shapes, "lattices": lattices, "first_principles": words}


def _of_shape(train, test, asked, bonds: Bonds, features: Features, folds: int, answers: Answers):
    """Facts of one shape, and what its probes say of the real materials; answers are extended."""
    labels = [bonds.of(block) for block in train]
    families = [dealt_together(block.labels["family"]) for block in train]
    true = [bonds.of(block) for block in test]
    number = len(answers.group)
    answers.known[shape_of(train[0])] = len(set(labels))
    answers.group.extend((shape_of(train[0]), label) for label in true)
    words = {block.name: {"true": bonds.of(block)} for block in asked}
    row = {
        "prototypes": sorted({block.labels["prototype"] for block in train}),
        "bands": len(train[0].g),
        "modes": train[0].g.shape[2],
        "classes": sorted(set(labels)),
        "materials": {"train": len(train), "test": len(test)},
        "cross_validated": {},
        "test": {},
    }
    for kind, describe in features.items():
        known_if = np.array([describe(block) for block in train])
        told_if = np.array([describe(block) for block in (*test, *asked)])
        for name in PROBES:
            probe = fit_balanced(name, known_if, labels, families, folds)
            said = probe.pipeline.predict(told_if).tolist() if len(told_if) else []
            right = [a == b for a, b in zip(said, true, strict=False)]
            answers.right.setdefault((kind, name), [True] * number).extend(right)
            row["cross_validated"].setdefault(kind, {})[name] = probe.cross_validated
            row["test"].setdefault(kind, {})[name] = _rates(right, true)
            for block, word in zip(asked, said[len(true) :], strict=True):
                words[block.name].setdefault(kind, {})[name] = word
    return row, words


def _lattice(key: bytes, answers: Answers, test: list[Block]) -> dict:
    """Accuracies over all shapes of a lattice, and errors against those of the PCA probes."""
    group_i, found = [str(one) for one in answers.group], {}
    for (kind, name), right in answers.right.items():
        rates = _rates(right, group_i)
        against = fewer_errors(np.array(right), np.array(answers.right["pca", name]))
        rates["fewer_errors_than_pca"] = against and list(against)
        found.setdefault(kind, {})[name] = rates
    prototypes = {b.labels["prototype"] for b in test if lattice_key(b.orbits) == key}
    return {
        "prototypes": sorted(prototypes),
        "materials": len(group_i),
        # of guesses among all that a probe knows, whatever the held-out materials are
        "chance": float(np.mean([1 / answers.known[shape] for shape, _ in set(answers.group)])),
        "test": found,
    }


def _rates(right: list[bool], true: list[str]) -> dict | None:
    if not true:
        return None
    is_right_i: Bool[np.ndarray, " i"] = np.array(right)
    class_i = np.unique(true, return_inverse=True)[1]
    return {
        "accuracy": list(wilson(int(is_right_i.sum()), len(true))),
        "balanced": list(balanced(is_right_i, class_i)),
    }
