"""Names the structure of a real material, so that it can be asked for among synthetic ones."""

from typing import NamedTuple

import numpy as np

from ephforge.core.realspace import Crystal

OTHER = "other"
RATIO_TOLERANCE = 0.01  # of the ratio of two neighbour distances
_REACH = 3  # cells looked at in each direction


class Shells(NamedTuple):
    """Neighbours of every atom: how many are nearest, next nearest; who; how much farther."""

    atoms: int
    nearest: int
    nearest_are_alike: bool
    next_nearest: int
    ratio: float


# the two shells of the different atoms, and the number of atoms in the primitive cell, tell
# these apart; wurtzite with its c/a close to the ideal one
PROTOTYPES = {
    "fcc": (Shells(1, 12, True, 6, 2**0.5),),
    "bcc": (Shells(1, 8, True, 6, 2 / 3**0.5),),
    "diamond": (Shells(2, 4, True, 12, (8 / 3) ** 0.5),),
    "zincblende": (Shells(2, 4, False, 12, (8 / 3) ** 0.5),),
    "rocksalt": (Shells(2, 6, False, 12, 2**0.5),),
    "cscl": (Shells(2, 8, False, 6, 2 / 3**0.5),),
    "wurtzite": (Shells(4, 4, False, 12, (8 / 3) ** 0.5),),
    "fluorite": (Shells(3, 8, False, 12, (8 / 3) ** 0.5), Shells(3, 4, False, 6, 2 / 3**0.5)),
}


def prototype(crystal: Crystal) -> str:
    """Name of the structure of a primitive cell: a key of `PROTOTYPES`, or "other"."""
    shells = [_shells(crystal, s) for s in range(len(crystal.numbers))]
    for name, wanted in PROTOTYPES.items():
        kinds = [[i for i, w in enumerate(wanted) if _equal(found, w)] for found in shells]
        if all(kinds) and {i for kind in kinds for i in kind} == set(range(len(wanted))):
            return name
    return OTHER


def _shells(crystal: Crystal, s: int) -> Shells:
    """The first two shells about atom s."""
    span = np.arange(-_REACH, _REACH + 1)
    image_t3 = np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 3)
    vector_ts3 = (image_t3 @ crystal.cell)[:, None] + crystal.positions - crystal.positions[s]
    distance = np.linalg.norm(vector_ts3, axis=-1).ravel()
    like = np.tile(crystal.numbers == crystal.numbers[s], len(image_t3))
    distance[distance < RATIO_TOLERANCE] = np.inf  # the atom itself
    first = distance < distance.min() * (1 + RATIO_TOLERANCE)
    rest = np.where(first, np.inf, distance)
    second = rest < rest.min() * (1 + RATIO_TOLERANCE)
    return Shells(
        len(crystal.numbers),
        int(first.sum()),
        bool(like[first].all()),
        int(second.sum()),
        float(rest.min() / distance.min()),
    )


def _equal(found: Shells, wanted: Shells) -> bool:
    return found[:-1] == wanted[:-1] and abs(found.ratio - wanted.ratio) < RATIO_TOLERANCE
