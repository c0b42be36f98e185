"""Material i of a campaign: structure type and variant, potential, species, parameters, strain.

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
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import Prototype
from ephforge.lattice.variants import draw_variant

_MASS_FACTOR = (0.8, 1.25)
# A layer under pressure buckles at long wavelengths, whatever it is made of.
_LEAST_LAYER_STRAIN = 1 / 3  # of the largest strain
# How often a potential is drawn, others 1: EMT's sets of parameters are near relatives.
_SHARE = {"emt": 0.5, "emt2013": 0.5, "emt_rasmussen": 0.5, "emt_glass": 0.5}

_CARBON = 6  # its honeycomb is kept for first-principles tests


@dataclass(frozen=True)
class Draft:
    """A material as drawn, before anything is computed.

    Attributes:
      prototype: the structure type, or the variant of it.
      potential: name.
      numbers: atomic number of each atom of the cell.
      masses: dalton, one per atom, equal for equal species.
      parameters: of the potential (potentials.py).
      strain: isotropic, put on after relaxing.
    """

    prototype: Prototype
    potential: str
    numbers: Int[np.ndarray, " s"]
    masses: Float[np.ndarray, " s"]
    parameters: dict[str, Any]
    strain: float


def draw(seed: int, material: int, options: dict[str, Any]) -> Draft:
    """Draw a material: first a potential, then one of the structure types that it may hold.

    Args:
      seed, material: campaign seed and material number.
      options: section lattice; the order of names in it does not matter.

    Raises:
      EphforgeError: no structure type is compatible with any of the potentials.
    """
    generator = numbered_generator(seed, material, "structure")
    held = _held(options["prototypes"], options["potentials"])
    share_p = np.array([_SHARE.get(potential, 1.0) for potential in held])
    potential = list(held)[generator.choice(len(held), p=share_p / share_p.sum())]
    name = held[potential][generator.integers(len(held[potential]))]
    prototype = draw_variant(generator, PROTOTYPES[name], potential, options["variants"])
    species_s = np.array(prototype.species)
    number_x = draw_species(generator, potential, int(species_s.max()) + 1)
    while name == "honeycomb_layer" and _CARBON in number_x:
        number_x = draw_species(generator, potential, int(species_s.max()) + 1)
    mass_x = atomic_masses[number_x] * generator.uniform(*_MASS_FACTOR, size=len(number_x))
    parameters = draw_parameters(generator, potential, prototype)
    low = options["strain"] * (_LEAST_LAYER_STRAIN if prototype.is_layer else -1)
    strain = generator.uniform(low, options["strain"])
    return Draft(prototype, potential, number_x[species_s], mass_x[species_s], parameters, strain)


def _held(prototypes: list[str], potentials: list[str]) -> dict[str, list[str]]:
    """The structure types that each potential may hold."""
    found = {
        potential: [
            name
            for name, entry in PROTOTYPES.items()
            if name in prototypes and potential in entry.potentials
        ]
        for potential in sorted(set(potentials))
    }
    found = {potential: names for potential, names in found.items() if names}
    if not found:
        raise EphforgeError(
            f"lattice: none of the prototypes {', '.join(prototypes)} goes with any of the "
            f"potentials {', '.join(potentials)}; add some to config lattice"
        )
    return found
