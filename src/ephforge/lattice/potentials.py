"""The laws that draw the parameters of each interatomic potential.

Potentials made for elements (EMT, Brenner) keep their parameters, in units of length and
energy that are drawn: V(r) -> energy_scale V(r / length_scale) is again a potential, so the
material is a synthetic relative of the element and not the element.  The other potentials
have drawn parameters.  All are plain numbers in a dict that goes into the file.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.units import COULOMB
from ephforge.lattice import ionic
from ephforge.lattice.neighbours import pairs_within
from ephforge.lattice.prototypes import Prototype, structure

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
_NEIGHBOURS = 1.05  # of the shortest distance: species this close bind each other


def draw_species(
    generator: np.random.Generator, potential: str, count: int
) -> Int[np.ndarray, " x"]:
    """Atomic numbers of different species that the potential serves."""
    if potential == "brenner":
        return np.array(
            [generator.choice(BRENNER_ELEMENTS)] if count == 1 else generator.choice(BRENNER_PAIRS)
        )
    elements = EMT_ELEMENTS if potential == "emt" else ANY_ELEMENTS
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
        "energy_scale": _log_uniform(generator, 0.7, 1.4),
        "start": None,
    }


def _lennard_jones(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """4 epsilon [(sigma/r)^12 - (sigma/r)^6], cut near 2.3 sigma."""
    epsilon_xx = _pair_depths(generator, _log_uniform(generator, 0.1, 1.0), prototype)
    sigma_xx = _pair_sizes(generator, generator.uniform(2.0, 3.2), prototype)
    return {
        "start": 2 ** (1 / 6) * float(sigma_xx.min()),
        "epsilon": epsilon_xx.tolist(),
        "sigma": sigma_xx.tolist(),
        "cutoff": max(2.3 * float(sigma_xx.min()), 1.6 * float(sigma_xx.max())),
    }


def _morse(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """epsilon [e^{-2 alpha (r - r0)} - 2 e^{-alpha (r - r0)}], cut near 2.2 r0."""
    epsilon_xx = _pair_depths(generator, _log_uniform(generator, 0.15, 1.5), prototype)
    r0_xx = _pair_sizes(generator, generator.uniform(2.2, 3.4), prototype)
    stiffness = generator.uniform(*_MORSE_STIFFNESS.get(prototype.name, _USUAL_MORSE_STIFFNESS))
    return {
        "start": float(r0_xx.min()),
        "epsilon": epsilon_xx.tolist(),
        "alpha": (stiffness / r0_xx).tolist(),
        "r0": r0_xx.tolist(),
        "cutoff": max(2.2 * float(r0_xx.min()), 1.6 * float(r0_xx.max())),
    }


def _rgl(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    r"""E_i = sum_j a e^{-p(r/r0 - 1)} - sqrt(sum_j xi^2 e^{-2q(r/r0 - 1)}).

    With twelve neighbours at r0, and only those, the energy is lowest there when
    a p = xi q / sqrt(12), and is then -sqrt(12) xi (1 - q/p): this fixes a and xi from a drawn
    cohesive energy.  p, q and r0 are drawn around the sets for Pt and Y that asap3 ships.
    """
    count = species_count(prototype)
    p_x = generator.uniform(8.5, 13.0, size=count)
    q_x = generator.uniform(2.0, 4.0, size=count)
    cohesion_x = generator.uniform(2.0, 6.0, size=count)
    r0_x = generator.uniform(2.4, 3.4) * (1 + generator.uniform(-0.05, 0.05, size=count))
    p_xx, q_xx, r0_xx = (np.add.outer(x, x) / 2 for x in (p_x, q_x, r0_x))
    xi_x = cohesion_x / (np.sqrt(12) * (1 - q_x / p_x))
    xi_xx = np.sqrt(np.outer(xi_x, xi_x)) * _unlike_factor(generator, count, 1.0, 1.2)
    return {
        "start": float(r0_xx.mean()),
        "p": p_xx.tolist(),
        "q": q_xx.tolist(),
        "a": (xi_xx * q_xx / (np.sqrt(12) * p_xx)).tolist(),
        "xi": xi_xx.tolist(),
        "r0": r0_xx.tolist(),
    }


def _keating(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """Stiffness of bonds, angles and further shells (keating.py), eV/angstrom^2.

    Bonds stiffen as they shorten and as an atom has fewer of them.  Silicon, with four bonds of
    2.35 angstrom, has 9 eV/angstrom^2 in this form, and angles of a tenth of it.
    """
    start = generator.uniform(1.6, 3.3)
    usual = 9.0 * (2.35 / start) ** 2 * min(1.0, 4 / coordination(prototype))
    count = species_count(prototype)
    spring = min(usual * _log_uniform(generator, 0.4, 1.6), 20.0)
    bend_x = spring * np.exp(generator.uniform(np.log(0.05), np.log(0.25), size=count))
    spring_xx = spring * _unlike_factor(generator, count, 0.8, 1.25)
    return {
        "start": start,
        "reference": None,
        "spring": spring_xx.tolist(),
        "decay": generator.uniform(5.0, 9.0),
        "reach": generator.uniform(2.2, 2.6),
        "bend": bend_x.tolist(),
        "balance": (bend_x * generator.uniform(0.3, 1.0)).tolist(),
    }


def _polar(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """Springs as in `_keating`, with Born charges and a dielectric constant (polar.py).

    The formal charges are scaled by a drawn factor, and so that the dipoles' stiffness
    4 pi e^2 sum Z^2 / (eps volume) stays below half of the springs': more is a ferroelectric.
    """
    found = _keating(generator, prototype)
    dielectric = _log_uniform(generator, 2.0, 12.0)
    charge_x = np.array(prototype.charges) * generator.uniform(0.4, 1.1)
    cell_33, _ = structure(prototype, found["start"] / prototype.neighbour)
    square = np.sum(charge_x[np.array(prototype.species)] ** 2)
    stiffness = 4 * np.pi * COULOMB * square / (dielectric * abs(np.linalg.det(cell_33)))
    allowed = 0.5 * np.array(found["spring"]).min() * min(1.0, coordination(prototype) / 4)
    charge_x = charge_x * min(1.0, np.sqrt(allowed / stiffness))
    return found | {"charges": charge_x.tolist(), "dielectric": dielectric}


def _ionic(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """Born charges, dielectric constant, and the repulsion that holds the ions apart (ionic.py).

    Born charges are a drawn part of the formal ones.  Ions of opposite charge repel each other with
    the strength A where the prototype has them, others, softer, somewhat closer; A follows
    from the drawn shortest distance: there the energy does not change with the volume.  The
    hardness d/rho surrounds that of alkali halides, 8 to 10; softer ions shear away.
    """
    start = generator.uniform(1.7, 3.2)
    charge_x = np.array(prototype.charges) * generator.uniform(0.7, 1.2)
    distance_xx = start * species_distances(prototype)
    is_unlike_xx = np.outer(charge_x, charge_x) < 0
    softening = generator.uniform(0.55, 0.8)
    distance_xx = distance_xx * np.where(is_unlike_xx, 1.0, softening)
    found = {
        "start": start,
        "charges": charge_x.tolist(),
        "dielectric": _log_uniform(generator, 1.4, 4.5),
        "distance": distance_xx.tolist(),
        "rho": start / generator.uniform(8.5, 13.5),
        "repulsion": 1.0,
    }
    cell_33, positions_s3 = structure(prototype, start / prototype.neighbour)
    return found | {
        "repulsion": ionic.balancing_repulsion(
            cell_33, positions_s3, np.array(prototype.species), found
        )
    }


def species_count(prototype: Prototype) -> int:
    """Number of different species."""
    return max(prototype.species) + 1


def coordination(prototype: Prototype) -> float:
    """Neighbours per atom within 1.2 shortest distances, the mean over the atoms."""
    pairs = pairs_within(*structure(prototype, 1 / prototype.neighbour), 1.2)
    return len(pairs.i) / len(prototype.species)


def species_distances(prototype: Prototype) -> Float[np.ndarray, "x x"]:
    """Shortest distance between atoms of two species / shortest distance of all."""
    cell_33, positions_s3 = structure(prototype, 1 / prototype.neighbour)
    species_s, count = np.array(prototype.species), species_count(prototype)
    shortest_xx = np.full((count, count), np.inf)
    reach = 1.0
    while not np.all(np.isfinite(shortest_xx)):
        reach *= 1.5
        pairs = pairs_within(cell_33, positions_s3, reach)
        np.minimum.at(shortest_xx, (species_s[pairs.i], species_s[pairs.j]), pairs.distance)
    return shortest_xx


def _pair_depths(
    generator: np.random.Generator, deepest: float, prototype: Prototype
) -> Float[np.ndarray, "x x"]:
    """Well depths of a pair potential: atoms that are neighbours bind most."""
    count, distance_xx = species_count(prototype), species_distances(prototype)
    depth_xx = deepest * generator.uniform(0.1, 0.9, size=(count, count))
    depth_xx = np.where(
        distance_xx < _NEIGHBOURS, deepest, np.triu(depth_xx) + np.triu(depth_xx, 1).T
    )
    return depth_xx


def _pair_sizes(
    generator: np.random.Generator, shortest: float, prototype: Prototype
) -> Float[np.ndarray, "x x"]:
    """Sizes of a pair potential: atoms of two species fit near where the prototype has them.

    Without that, rocksalt and zincblende shear away: bonds between neighbours alone do not
    hold the angles.
    """
    count, distance_xx = species_count(prototype), species_distances(prototype)
    scatter_xx = np.triu(generator.uniform(0.88, 1.06, size=(count, count)))
    scatter_xx = scatter_xx + np.triu(scatter_xx, 1).T
    return shortest * np.where(distance_xx < _NEIGHBOURS, distance_xx, distance_xx * scatter_xx)


def _unlike_factor(
    generator: np.random.Generator, count: int, low: float, high: float
) -> Float[np.ndarray, "x x"]:
    """1 for like atoms, a drawn number for each unlike pair."""
    factor_xx = np.triu(generator.uniform(low, high, size=(count, count)), 1)
    return factor_xx + factor_xx.T + np.eye(count)


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


_LAWS = {
    "emt": _scaled_element,
    "rgl": _rgl,
    "lennard_jones": _lennard_jones,
    "morse": _morse,
    "brenner": _scaled_element,
    "ionic": _ionic,
    "keating": _keating,
    "polar": _polar,
}
