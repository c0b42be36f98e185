"""Material i of a campaign: structure type, potential, species, parameters, strain.

Everything follows from (campaign seed, i) and the options; no other material matters.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import atomic_masses
from jaxtyping import Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.rng import generator as numbered_generator
from ephforge.lattice.potentials import draw_parameters, draw_species
from ephforge.lattice.prototypes import PROTOTYPES

_MASS_FACTOR = (0.8, 1.25)


@dataclass(frozen=True)
class Draft:
    """A material as drawn, before anything is computed.

    Attributes:
      prototype, potential: names.
      numbers: atomic number of each atom of the cell.
      masses: dalton, one per atom, equal for equal species.
      parameters: of the potential (potentials.py).
      strain: isotropic, put on after relaxing.
    """

    prototype: str
    potential: str
    numbers: Int[np.ndarray, " s"]
    masses: Float[np.ndarray, " s"]
    parameters: dict[str, Any]
    strain: float


def draw(
    seed: int, material: int, prototypes: list[str], potentials: list[str], max_strain: float
) -> Draft:
    """Draw a material: a structure type first, then one of the potentials that may hold it.

    Args:
      seed, material: campaign seed and material number.
      prototypes, potentials: names to draw from; their order does not matter.
      max_strain: bound of the isotropic strain.

    Raises:
      EphforgeError: no structure type is compatible with any of the potentials.
    """
    generator = numbered_generator(seed, material, "structure")
    choices = _choices(prototypes, potentials)
    prototype = list(choices)[generator.integers(len(choices))]
    potential = _weighted(generator, choices[prototype])
    species_s = np.array(PROTOTYPES[prototype].species)
    number_x = draw_species(generator, potential, int(species_s.max()) + 1)
    mass_x = atomic_masses[number_x] * generator.uniform(*_MASS_FACTOR, size=len(number_x))
    parameters = draw_parameters(generator, potential, prototype)
    strain = generator.uniform(-max_strain, max_strain)
    return Draft(prototype, potential, number_x[species_s], mass_x[species_s], parameters, strain)


def _choices(prototypes: list[str], potentials: list[str]) -> dict[str, dict[str, float]]:
    found = {
        name: {p: weight for p, weight in entry.potentials.items() if p in potentials}
        for name, entry in PROTOTYPES.items()
        if name in prototypes
    }
    found = {name: weights for name, weights in found.items() if weights}
    if not found:
        raise EphforgeError(
            f"lattice: none of the prototypes {', '.join(prototypes)} goes with any of the "
            f"potentials {', '.join(potentials)}; add some to config lattice"
        )
    return found


def _weighted(generator: np.random.Generator, weights: dict[str, float]) -> str:
    share = np.array(list(weights.values()), dtype=float)
    return list(weights)[generator.choice(len(share), p=share / share.sum())]
