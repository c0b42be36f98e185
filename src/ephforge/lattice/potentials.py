"""The laws that draw the parameters of each interatomic potential.

Potentials made for elements (EMT, Brenner) keep their parameters, in units of length and
energy that are drawn: V(r) -> energy_scale V(r / length_scale) is again a potential, so the
material is a synthetic relative of the element and not the element.  The other potentials
have drawn parameters.  All are plain numbers in a dict that goes into the file.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ephforge.lattice.prototypes import PROTOTYPES

EMT_ELEMENTS = (13, 28, 29, 46, 47, 78, 79)  # Al Ni Cu Pd Ag Pt Au: asap3's default EMT set
# Lends mass and name where the parameters are drawn; without H and He, radioactive Tc and
# Pm, and Na and Mg, which are kept for first-principles tests.
ANY_ELEMENTS = tuple(z for z in range(3, 84) if z not in (11, 12, 43, 61))
# Brenner as asap3 has it: Ge and GeC are not bound, SiC has no restoring force against shear.
BRENNER_ELEMENTS = (6, 14)
BRENNER_PAIRS = ((14, 32),)
# Pairs kept for first-principles tests: BN, BAs, GaAs.
RESERVED_PAIRS = ({5, 7}, {5, 33}, {31, 33})

# Stiffness alpha r0 of Morse pairs: only soft ones hold bcc against shear.
_MORSE_STIFFNESS = {"bcc": (3.1, 4.5), "cscl": (3.0, 5.5)}
_USUAL_MORSE_STIFFNESS = (3.5, 6.5)


def draw_species(
    generator: np.random.Generator, potential: str, count: int
) -> Int[np.ndarray, " x"]:
    """Atomic numbers of one or two different species that the potential serves."""
    if potential == "brenner":
        return np.array(
            [generator.choice(BRENNER_ELEMENTS)] if count == 1 else generator.choice(BRENNER_PAIRS)
        )
    elements = EMT_ELEMENTS if potential == "emt" else ANY_ELEMENTS
    while True:
        number_x = generator.choice(np.array(elements), size=count, replace=False)
        if set(number_x.tolist()) not in RESERVED_PAIRS:
            return number_x


def draw_parameters(
    generator: np.random.Generator, potential: str, prototype: str
) -> dict[str, Any]:
    """Parameters of one material; matrices are nested lists [species][species].

    Always there: length_scale and energy_scale, the units of the potential in angstrom and
    eV, and start, the expected distance of nearest neighbours in these units (None where
    the elements decide it).  Matrices are drawn for two species, elemental crystals use the
    first.
    """
    scales = {"length_scale": 1.0, "energy_scale": 1.0}
    return scales | _LAWS[potential](generator, prototype)


def _scaled_element(generator: np.random.Generator, _prototype: str) -> dict[str, Any]:
    return {
        "length_scale": generator.uniform(0.9, 1.15),
        "energy_scale": _log_uniform(generator, 0.7, 1.4),
        "start": None,
    }


def _lennard_jones(generator: np.random.Generator, prototype: str) -> dict[str, Any]:
    """4 epsilon [(sigma/r)^12 - (sigma/r)^6], cut near 2.3 sigma."""
    epsilon = _pair_depths(generator, _log_uniform(generator, 0.1, 1.0))
    sigma = _pair_sizes(generator, generator.uniform(2.0, 3.2), prototype)
    return {
        "start": 2 ** (1 / 6) * float(sigma[0, 1]),
        "epsilon": epsilon.tolist(),
        "sigma": sigma.tolist(),
        "cutoff": max(2.3 * float(sigma[0, 1]), 1.6 * float(sigma.max())),
    }


def _morse(generator: np.random.Generator, prototype: str) -> dict[str, Any]:
    """epsilon [e^{-2 alpha (r - r0)} - 2 e^{-alpha (r - r0)}], cut near 2.2 r0."""
    epsilon = _pair_depths(generator, _log_uniform(generator, 0.15, 1.5))
    r0 = _pair_sizes(generator, generator.uniform(2.2, 3.4), prototype)
    stiffness = generator.uniform(*_MORSE_STIFFNESS.get(prototype, _USUAL_MORSE_STIFFNESS))
    return {
        "start": float(r0[0, 1]),
        "epsilon": epsilon.tolist(),
        "alpha": (stiffness / r0).tolist(),
        "r0": r0.tolist(),
        "cutoff": max(2.2 * float(r0[0, 1]), 1.6 * float(r0.max())),
    }


def _rgl(generator: np.random.Generator, prototype: str) -> dict[str, Any]:
    r"""E_i = sum_j a e^{-p(r/r0 - 1)} - sqrt(sum_j xi^2 e^{-2q(r/r0 - 1)}).

    With twelve neighbours at r0, and only those, the energy is lowest there when
    a p = xi q / sqrt(12), and is then -sqrt(12) xi (1 - q/p): this fixes a and xi from a drawn
    cohesive energy.  p, q and r0 are drawn around the sets for Pt and Y that asap3 ships.
    """
    p_x = generator.uniform(8.5, 13.0, size=2)
    q_x = generator.uniform(2.0, 4.0, size=2)
    cohesion_x = generator.uniform(2.0, 6.0, size=2)
    r0_x = generator.uniform(2.4, 3.4) * (1 + generator.uniform(-0.05, 0.05, size=2))
    p, q, r0 = (np.add.outer(x, x) / 2 for x in (p_x, q_x, r0_x))
    xi_x = cohesion_x / (np.sqrt(12) * (1 - q_x / p_x))
    xi = np.sqrt(np.outer(xi_x, xi_x))
    xi[0, 1] = xi[1, 0] = xi[0, 1] * generator.uniform(1.0, 1.2)
    a = xi * q / (np.sqrt(12) * p)
    is_binary = max(PROTOTYPES[prototype].species) == 1
    return {
        "start": float(r0[0, int(is_binary)]),
        "p": p.tolist(),
        "q": q.tolist(),
        "a": a.tolist(),
        "xi": xi.tolist(),
        "r0": r0.tolist(),
    }


def _pair_depths(generator: np.random.Generator, unlike: float) -> Float[np.ndarray, "x x"]:
    """Well depths of a binary pair potential: unlike atoms bind most."""
    like_x = unlike * generator.uniform(0.1, 0.9, size=2)
    return np.array([[like_x[0], unlike], [unlike, like_x[1]]])


def _pair_sizes(
    generator: np.random.Generator, unlike: float, prototype: str
) -> Float[np.ndarray, "x x"]:
    """Sizes of a binary pair potential: like atoms fit near where the prototype has them.

    Without that, rocksalt and zincblende shear away: bonds between unlike atoms alone do
    not hold the angles.
    """
    like_x = unlike * PROTOTYPES[prototype].like * generator.uniform(0.88, 1.06, size=2)
    return np.array([[like_x[0], unlike], [unlike, like_x[1]]])


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


_LAWS = {
    "emt": _scaled_element,
    "rgl": _rgl,
    "lennard_jones": _lennard_jones,
    "morse": _morse,
    "brenner": _scaled_element,
}
