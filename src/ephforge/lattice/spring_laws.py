"""Laws that draw springs, charges and three-body bonds."""

from typing import Any

import numpy as np

from ephforge.core.units import COULOMB
from ephforge.lattice import ionic as ions
from ephforge.lattice.prototypes import Prototype, structure
from ephforge.lattice.sizes import (
    coordination,
    log_uniform,
    mean_cosine,
    species_count,
    species_distances,
    unlike_factor,
)
from ephforge.lattice.stillinger_weber import LAMBDA

_TERSOFF_KEYS = {"A": 0, "B": 0, "lambda": 0, "mu": 0, "R": 0, "S": 0}
_SHAPE = ("beta", "n", "c", "d", "h")

# bond length -> Tersoff's set for carbon, silicon, germanium: Phys. Rev. B 39, 5566 (1989), Table I
_TERSOFF = {
    1.54: {
        "A": 1393.6, "B": 346.74, "lambda": 3.4879, "mu": 2.2119, "R": 1.8, "S": 2.1,
        "beta": 1.5724e-7, "n": 0.72751, "c": 3.8049e4, "d": 4.3484, "h": -0.57058,
    },
    2.35: {
        "A": 1830.8, "B": 471.18, "lambda": 2.4799, "mu": 1.7322, "R": 2.7, "S": 3.0,
        "beta": 1.1e-6, "n": 0.78734, "c": 1.0039e5, "d": 16.217, "h": -0.59825,
    },
    2.44: {
        "A": 1769.0, "B": 419.23, "lambda": 2.4451, "mu": 1.7047, "R": 2.8, "S": 3.1,
        "beta": 9.0166e-7, "n": 0.75627, "c": 1.0643e5, "d": 15.652, "h": -0.43884,
    },
}  # fmt: skip


def keating(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """Stiffness of bonds, angles and further shells (keating.py), eV/angstrom^2.

    Bonds stiffen as they shorten and as an atom has fewer of them.  Silicon, with four bonds of
    2.35 angstrom, has 9 eV/angstrom^2 in this form, and angles of a tenth of it.
    """
    start = generator.uniform(1.6, 3.3)
    usual = 9.0 * (2.35 / start) ** 2 * min(1.0, 4 / coordination(prototype))
    count = species_count(prototype)
    spring = min(usual * log_uniform(generator, 0.4, 1.6), 20.0)
    bend_x = spring * np.exp(generator.uniform(np.log(0.05), np.log(0.25), size=count))
    spring_xx = spring * unlike_factor(generator, count, 0.8, 1.25)
    return {
        "start": start,
        "reference": None,
        "spring": spring_xx.tolist(),
        "decay": generator.uniform(5.0, 9.0),
        "reach": generator.uniform(2.2, 2.6),
        "bend": bend_x.tolist(),
        "balance": (bend_x * generator.uniform(0.3, 1.0)).tolist(),
    }


def polar(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """Springs as in `keating`, with Born charges and a dielectric constant (polar.py).

    The formal charges are scaled by a drawn factor, and so that the dipoles' stiffness
    4 pi e^2 sum Z^2 / (eps volume) stays below half of the springs': more is a ferroelectric.
    """
    found = keating(generator, prototype)
    dielectric = log_uniform(generator, 2.0, 12.0)
    charge_x = np.array(prototype.charges) * generator.uniform(0.4, 1.1)
    cell_33, _ = structure(prototype, found["start"] / prototype.neighbour)
    square = np.sum(charge_x[np.array(prototype.species)] ** 2)
    stiffness = 4 * np.pi * COULOMB * square / (dielectric * abs(np.linalg.det(cell_33)))
    allowed = 0.5 * np.array(found["spring"]).min() * min(1.0, coordination(prototype) / 4)
    charge_x = charge_x * np.sqrt(allowed / max(allowed, stiffness))
    return found | {"charges": charge_x.tolist(), "dielectric": dielectric}


def ionic(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
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
        "dielectric": log_uniform(generator, 1.4, 4.5),
        "distance": distance_xx.tolist(),
        "rho": start / generator.uniform(8.5, 13.5),
        "repulsion": 1.0,
    }
    cell_33, positions_s3 = structure(prototype, start / prototype.neighbour)
    return found | {
        "repulsion": ions.balancing_repulsion(
            cell_33, positions_s3, np.array(prototype.species), found
        )
    }


def stillinger_weber(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """Around the published silicon: depth, size, stiffness of angles, and the angle.

    Silicon has 2.17 eV, a bond of 2.35 angstrom and lambda = 21; other published sets go up to 42.
    The angle at rest is the mean one of the prototype.
    """
    count = species_count(prototype)
    start = generator.uniform(1.6, 3.0)
    size_x = 1 + generator.uniform(-0.04, 0.04, size=count)
    depth_x = log_uniform(generator, 0.8, 2.6) * generator.uniform(0.85, 1.15, size=count)
    epsilon_xx = np.sqrt(np.outer(depth_x, depth_x)) * unlike_factor(generator, count, 1.0, 1.2)
    bend_x = LAMBDA * generator.uniform(0.95, 2.0) * depth_x
    return {
        "start": start,
        "epsilon": epsilon_xx.tolist(),
        "sigma": (start / 2 ** (1 / 6) * np.add.outer(size_x, size_x) / 2).tolist(),
        "bend": bend_x.tolist(),
        "cosine": [mean_cosine(prototype)] * count,
    }


def tersoff(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """Each species has a published set (C, Si or Ge) in drawn units of length and energy.

    The units of length make bonds alike within a few percent.  Mixed pairs as Tersoff has them:
    means of lambda and mu, geometric means of the rest, chi near 1.
    """
    count = species_count(prototype)
    start, energy = generator.uniform(1.5, 3.0), log_uniform(generator, 0.6, 1.3)
    bonds = list(_TERSOFF)
    chosen = [bonds[k] for k in generator.integers(len(bonds), size=count)]
    bond_x = start * (1 + generator.uniform(-0.04, 0.04, size=count))
    unit_x = bond_x / np.array(chosen)
    value = {key: np.array([_TERSOFF[bond][key] for bond in chosen]) for key in _TERSOFF_KEYS}
    found = {"start": start, "chi": unlike_factor(generator, count, 0.96, 1.02).tolist()}
    for key in ("lambda", "mu"):
        found[key] = (np.add.outer(value[key] / unit_x, value[key] / unit_x) / 2).tolist()
    for key, unit in (("A", energy), ("B", energy), ("R", unit_x), ("S", unit_x)):
        found[key] = np.sqrt(np.outer(value[key] * unit, value[key] * unit)).tolist()
    return found | {key: [_TERSOFF[bond][key] for bond in chosen] for key in _SHAPE}
