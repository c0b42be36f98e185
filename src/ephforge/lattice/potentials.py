"""The laws that draw the parameters of each interatomic potential.

Potentials made for elements (EMT, Brenner) keep their parameters, in units of length and
energy that are drawn: V(r) -> energy_scale V(r / length_scale) is again a potential, so the
material is a synthetic relative of the element and not the element.  The other potentials
have drawn parameters.  All are plain numbers in a dict that goes into the file.
"""

from typing import Any

import numpy as np
from jaxtyping import Int

from ephforge.lattice import metal_laws, spring_laws
from ephforge.lattice.prototypes import Prototype
from ephforge.lattice.sizes import log_uniform

# asap3's EMT sets; that of metal glasses has Mg, too, which is kept for first-principles tests
EMT_ELEMENTS = {
    "emt": (13, 28, 29, 46, 47, 78, 79),
    "emt2013": (28, 29, 46, 47, 78, 79),
    "emt_rasmussen": (13, 29, 47, 79),
    "emt_glass": (29, 40),
}
# Lends mass and name where the parameters are drawn; without H and He, radioactive Tc and
# Pm, and Na and Mg, which are kept for first-principles tests.
ANY_ELEMENTS = tuple(z for z in range(3, 84) if z not in (11, 12, 43, 61))
# Brenner as asap3 has it: Ge and GeC are not bound, SiC has no restoring force against shear.
BRENNER_ELEMENTS = (6, 14)
BRENNER_PAIRS = ((14, 32),)
# Pairs kept for first-principles tests: BN, BAs, GaAs.
RESERVED_PAIRS = ({5, 7}, {5, 33}, {31, 33})


def draw_species(
    generator: np.random.Generator, potential: str, count: int
) -> Int[np.ndarray, " x"]:
    """Atomic numbers of different species that the potential serves."""
    if potential == "brenner":
        return np.array(
            [generator.choice(BRENNER_ELEMENTS)] if count == 1 else generator.choice(BRENNER_PAIRS)
        )
    elements = EMT_ELEMENTS.get(potential, ANY_ELEMENTS)
    while True:
        number_x = generator.choice(np.array(elements), size=count, replace=False)
        if not any(pair <= set(number_x.tolist()) for pair in RESERVED_PAIRS):
            return number_x


def draw_parameters(
    generator: np.random.Generator, potential: str, prototype: Prototype
) -> dict[str, Any]:
    """Parameters of one material; matrices are nested lists [species][species].

    Always there: length_scale and energy_scale, the units of the potential in angstrom and
    eV, and start, the expected distance of nearest neighbours in these units (None where
    the elements decide it).
    """
    scales = {"length_scale": 1.0, "energy_scale": 1.0}
    return scales | _LAWS[potential](generator, prototype)


def _scaled_element(generator: np.random.Generator, _prototype: Prototype) -> dict[str, Any]:
    return {
        "length_scale": generator.uniform(0.9, 1.15),
        "energy_scale": log_uniform(generator, 0.7, 1.4),
        "start": None,
    }


_LAWS = {
    **dict.fromkeys(EMT_ELEMENTS, _scaled_element),
    "rgl": metal_laws.rgl,
    "eam": metal_laws.eam,
    "lennard_jones": metal_laws.lennard_jones,
    "morse": metal_laws.morse,
    "brenner": _scaled_element,
    "stillinger_weber": spring_laws.stillinger_weber,
    "tersoff": spring_laws.tersoff,
    "keating": spring_laws.keating,
    "polar": spring_laws.polar,
    "ionic": spring_laws.ionic,
}
