"""Crystals of the table of real materials: cell vectors and atoms of each structure type.

Imported by the rules when the workflow is read, so it knows nothing but numbers.
"""

import math

_ROOT3 = math.sqrt(3.0)
# cell rows in units of a (third component of hexagonal rows: c), fractional positions by species
_FCC = ((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
_CUBE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_BCC = ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5))
_HEXAGON = ((1.0, 0.0, 0.0), (-0.5, _ROOT3 / 2, 0.0), (0.0, 0.0, 1.0))
_ORIGIN = (0.0, 0.0, 0.0)
_QUARTER = (0.25, 0.25, 0.25)
_CENTRE = (0.5, 0.5, 0.5)
_PACKED = ((1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75))
IDEAL_U = 0.375  # wurtzite: distance of the two species along c; `relax: positions` finds it

_TYPES = {
    "fcc": (_FCC, ((_ORIGIN,),)),
    "bcc": (_BCC, ((_ORIGIN,),)),
    "hcp": (_HEXAGON, (_PACKED,)),
    "diamond": (_FCC, ((_ORIGIN, _QUARTER),)),
    "zincblende": (_FCC, ((_ORIGIN,), (_QUARTER,))),
    "rocksalt": (_FCC, ((_ORIGIN,), (_CENTRE,))),
    "cscl": (_CUBE, ((_ORIGIN,), (_CENTRE,))),
    "wurtzite": (
        _HEXAGON,
        (
            ((1 / 3, 2 / 3, 0.0), (2 / 3, 1 / 3, 0.5)),
            ((1 / 3, 2 / 3, IDEAL_U), (2 / 3, 1 / 3, 0.5 + IDEAL_U)),
        ),
    ),
}


def structure(material: dict) -> tuple[list[list[float]], list[tuple[str, list[float]]]]:
    """Cell rows (angstrom) and atoms (element, fractional coordinates) before any relaxation.

    Args:
      material: an entry of espresso.materials, checked by config.py.
    """
    if material["crystal"] == "free":
        atoms = [(atom[0], list(atom[1:])) for atom in material["atoms"]]
        return [list(row) for row in material["cell"]], atoms
    rows, sites = _TYPES[material["crystal"]]
    a, c = material["a"], material["c"]
    scale = (a, a, a if c is None else c)
    cell = [[x * s for x, s in zip(row, scale, strict=True)] for row in rows]
    atoms = [
        (element, list(position))
        for element, positions in zip(material["elements"], sites, strict=True)
        for position in positions
    ]
    return cell, atoms


def species(material: dict) -> list[str]:
    """Elements in the order in which the inputs of all codes list them."""
    return list(dict.fromkeys(element for element, _ in structure(material)[1]))
