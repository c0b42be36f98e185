"""The structure types that materials are drawn from, as a table.

Every atom sits on a site whose symmetry leaves no direction for a force, so a structure is
fixed by one length, and the ratio c/a where there is one.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_FCC = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
_BCC = ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5))
_CUBIC = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_HEXAGONAL = ((1.0, 0.0, 0.0), (-0.5, 0.75**0.5, 0.0), (0.0, 0.0, 1.0))
_ORIGIN = (0.0, 0.0, 0.0)
_CENTRE = (0.5, 0.5, 0.5)
_QUARTER = (0.25, 0.25, 0.25)


@dataclass(frozen=True)
class Prototype:
    """One structure type.

    Attributes:
      cell: primitive vectors as rows for a = 1 (and c = 1).
      fractional: positions of the atoms on those vectors.
      species: which of the drawn species each atom is.
      neighbour: nearest-neighbour distance / a, at the ideal ratio.
      like: shortest distance between atoms of one species / nearest-neighbour distance.
      ratio: ideal c/a where it is free, else None.
      potentials: which potentials are drawn for it, with relative weights; those that
        cannot hold the structure (every draw unstable) are left out.
    """

    cell: tuple[tuple[float, float, float], ...]
    fractional: tuple[tuple[float, float, float], ...]
    species: tuple[int, ...]
    neighbour: float
    like: float
    ratio: float | None
    potentials: dict[str, float]


PROTOTYPES = {
    "fcc": Prototype(
        _FCC, (_ORIGIN,), (0,), 0.5**0.5, 1.0, None,
        {"emt": 1.0, "rgl": 1.0, "lennard_jones": 1.0, "morse": 1.0},
    ),
    "bcc": Prototype(
        _BCC, (_ORIGIN,), (0,), 0.75**0.5, 1.0, None,
        {"emt": 1.0, "rgl": 0.5, "morse": 2.0},
    ),
    "hcp": Prototype(
        _HEXAGONAL, ((1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)), (0, 0), 1.0, 1.0, (8 / 3) ** 0.5,
        {"emt": 1.0, "rgl": 1.0, "lennard_jones": 1.0, "morse": 1.0},
    ),
    "diamond": Prototype(
        _FCC, (_ORIGIN, _QUARTER), (0, 0), 3**0.5 / 4, 1.0, None,
        {"brenner": 1.0},
    ),
    "zincblende": Prototype(
        _FCC, (_ORIGIN, _QUARTER), (0, 1), 3**0.5 / 4, (8 / 3) ** 0.5, None,
        {"lennard_jones": 1.0, "morse": 1.0, "brenner": 1.0},
    ),
    "rocksalt": Prototype(
        _FCC, (_ORIGIN, _CENTRE), (0, 1), 0.5, 2**0.5, None,
        {"lennard_jones": 1.0, "morse": 1.0},
    ),
    "cscl": Prototype(
        _CUBIC, (_ORIGIN, _CENTRE), (0, 1), 0.75**0.5, (4 / 3) ** 0.5, None,
        {"emt": 1.0, "rgl": 1.0, "lennard_jones": 2.0, "morse": 2.0},
    ),
    "l1_0": Prototype(
        _CUBIC, (_ORIGIN, _CENTRE), (0, 1), 1.0, 1.0, 2**0.5,
        {"emt": 1.0, "rgl": 1.0, "lennard_jones": 1.0, "morse": 1.0},
    ),
}  # fmt: skip


def structure(
    prototype: Prototype, length: float, ratio: float | None
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "s 3"]]:
    """Cell rows and Cartesian positions, angstrom, for a lattice parameter a and a ratio c/a."""
    cell_33 = length * np.array(prototype.cell)
    if ratio is not None:
        cell_33[2] *= ratio
    return cell_33, np.array(prototype.fractional) @ cell_33
