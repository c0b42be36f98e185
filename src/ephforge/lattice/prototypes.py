"""Structure types: what one is, and how it is measured out in angstrom.

The types themselves are rows of `prototype_table.py`; variants of them are made by
`variants.py`.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase.geometry import cellpar_to_cell
from jaxtyping import Float

SYSTEMS = (
    "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic",
)  # fmt: skip
_LAST_GROUP = (2, 15, 74, 142, 167, 194, 230)  # highest space group number of each system
# primitive vectors in units of the conventional ones; R is the obverse setting
_CENTRINGS = {
    "P": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "I": ((-0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.5, 0.5, -0.5)),
    "F": ((0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)),
    "C": ((0.5, -0.5, 0), (0.5, 0.5, 0), (0, 0, 1)),
    "R": ((2 / 3, 1 / 3, 1 / 3), (-1 / 3, 1 / 3, 1 / 3), (-1 / 3, -2 / 3, 1 / 3)),
}
_ONE_PLACE = 1e-9


@dataclass(frozen=True)
class Prototype:
    """One structure type, or a variant of one.

    Attributes:
      name: of the type; variants keep it.
      space_group: number, of the structure as given here.
      cell: primitive vectors as rows for a = 1; layers lie in the plane of the first two, and
        the third one, along z, leaves a vacuum.
      fractional: positions of the atoms on those vectors.
      species: which of the drawn species each atom is.
      charges: formal charge of each species, e; zeros where ions make no sense.
      potentials: names of the potentials that are drawn for it: those that were seen to hold it.
      is_layer: two-dimensional; the cell does not relax along z.
      variant: "ideal", "distorted" or "ordered" (variants.py).
    """

    name: str
    space_group: int
    cell: tuple[tuple[float, float, float], ...]
    fractional: tuple[tuple[float, float, float], ...]
    species: tuple[int, ...]
    charges: tuple[float, ...]
    potentials: tuple[str, ...]
    is_layer: bool = False
    variant: str = "ideal"

    @property
    def system(self) -> str:
        """Crystal system of the space group."""
        return crystal_system(self.space_group)

    @property
    def periodic(self) -> tuple[bool, bool, bool]:
        """Along which cell vectors the crystal goes on."""
        return (True, True, not self.is_layer)

    @cached_property
    def neighbour(self) -> float:
        """Shortest distance between atoms / a."""
        return float(self._distances().min())

    @cached_property
    def like(self) -> float:
        """Shortest distance between atoms of one species / shortest distance."""
        species = np.array(self.species)
        is_like = species[:, None] == species[None, :]
        return float(self._distances()[:, is_like].min() / self.neighbour)

    def _distances(self) -> Float[np.ndarray, "m s t"]:
        cell_33, positions_s3 = structure(self, 1.0)
        shift_m3 = np.array(list(itertools.product(range(-2, 3), repeat=3))) @ cell_33
        between_st3 = positions_s3[None, :] - positions_s3[:, None]
        distance_mst = np.linalg.norm(shift_m3[:, None, None] + between_st3, axis=-1)
        return np.where(distance_mst < _ONE_PLACE, np.inf, distance_mst)


def structure(
    prototype: Prototype, length: float
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "s 3"]]:
    """Cell rows and Cartesian positions, angstrom, for a lattice parameter a."""
    cell_33 = length * np.array(prototype.cell)
    return cell_33, np.array(prototype.fractional) @ cell_33


def crystal_system(space_group: int) -> str:
    """Crystal system of a space group number."""
    return SYSTEMS[int(np.searchsorted(_LAST_GROUP, space_group))]


def from_conventional(
    name: str,
    space_group: int,
    centring: str,
    lattice: tuple[float | int, ...],
    sites: tuple[tuple[float | int, ...], ...],
    charges: tuple[float | int, ...],
    potentials: tuple[str, ...],
    is_layer: bool = False,
) -> Prototype:
    """A structure type from its conventional cell.

    Args:
      centring: P, I, F, C or R (hexagonal axes).
      lattice: a, b, c and the three angles in degrees; a may have any unit.
      sites: (species, x, y, z), conventional coordinates, one for each atom of the primitive cell.
      charges, potentials, is_layer: as in `Prototype`.
    """
    conventional_33 = cellpar_to_cell(np.array(lattice, dtype=float)) / lattice[0]
    centring_33 = np.array(_CENTRINGS[centring])
    fractional_s3 = np.array([site[1:] for site in sites]) @ np.linalg.inv(centring_33)
    return Prototype(
        name,
        space_group,
        tuple(map(tuple, (centring_33 @ conventional_33).tolist())),
        tuple(map(tuple, fractional_s3.tolist())),
        tuple(int(site[0]) for site in sites),
        tuple(map(float, charges)),
        potentials,
        is_layer,
    )
