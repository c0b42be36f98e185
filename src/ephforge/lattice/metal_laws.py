"""Laws that draw pair potentials and metals: lennard_jones, morse, rgl, eam."""

from typing import Any

import numpy as np
from jaxtyping import Float

from ephforge.lattice import eam as embedded
from ephforge.lattice.prototypes import Prototype, structure
from ephforge.lattice.sizes import log_uniform, species_count, species_distances, unlike_factor

# Stiffness alpha r0 of Morse pairs: only soft ones hold bcc against shear.
_MORSE_STIFFNESS = {"bcc": (3.1, 4.5), "cscl": (3.0, 5.5)}
_USUAL_MORSE_STIFFNESS = (3.5, 6.5)
_NEIGHBOURS = 1.05  # of the shortest distance: species this close bind each other


def lennard_jones(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """4 epsilon [(sigma/r)^12 - (sigma/r)^6], cut near 2.3 sigma."""
    epsilon_xx = _pair_depths(generator, log_uniform(generator, 0.1, 1.0), prototype)
    sigma_xx = _pair_sizes(generator, generator.uniform(2.0, 3.2), prototype)
    return {
        "start": 2 ** (1 / 6) * float(sigma_xx.min()),
        "epsilon": epsilon_xx.tolist(),
        "sigma": sigma_xx.tolist(),
        "cutoff": max(2.3 * float(sigma_xx.min()), 1.6 * float(sigma_xx.max())),
    }


def morse(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """epsilon [e^{-2 alpha (r - r0)} - 2 e^{-alpha (r - r0)}], cut near 2.2 r0."""
    epsilon_xx = _pair_depths(generator, log_uniform(generator, 0.15, 1.5), prototype)
    r0_xx = _pair_sizes(generator, generator.uniform(2.2, 3.4), prototype)
    stiffness = generator.uniform(*_MORSE_STIFFNESS.get(prototype.name, _USUAL_MORSE_STIFFNESS))
    return {
        "start": float(r0_xx.min()),
        "epsilon": epsilon_xx.tolist(),
        "alpha": (stiffness / r0_xx).tolist(),
        "r0": r0_xx.tolist(),
        "cutoff": max(2.2 * float(r0_xx.min()), 1.6 * float(r0_xx.max())),
    }


def rgl(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
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
    xi_xx = np.sqrt(np.outer(xi_x, xi_x)) * unlike_factor(generator, count, 1.0, 1.2)
    return {
        "start": float(r0_xx.mean()),
        "p": p_xx.tolist(),
        "q": q_xx.tolist(),
        "a": (xi_xx * q_xx / (np.sqrt(12) * p_xx)).tolist(),
        "xi": xi_xx.tolist(),
        "r0": r0_xx.tolist(),
    }


def eam(generator: np.random.Generator, prototype: Prototype) -> dict[str, Any]:
    """Exponents, sizes and depths of eam.py around the published fcc metals.

    The embedding makes the drawn size that of no pressure, and the cohesive energy is drawn: the
    energy is linear in epsilon and c.
    """
    count = species_count(prototype)
    start = generator.uniform(2.3, 3.4)
    size_x = 1 + generator.uniform(-0.04, 0.04, size=count)
    depth_x = generator.uniform(0.8, 1.25, size=count)
    found = {
        "start": start,
        "a": (start * 2**0.5 * np.add.outer(size_x, size_x) / 2).tolist(),
        "epsilon": np.sqrt(np.outer(depth_x, depth_x)).tolist(),
        "n": generator.uniform(8.5, 13.0),
        "m": generator.uniform(5.0, 7.0),
        "c": depth_x.tolist(),
        "embedding": generator.uniform(0.4, 0.6),
        "reach": generator.uniform(2.1, 2.5) * start,
    }
    cell_33, positions_s3 = structure(prototype, start / prototype.neighbour)
    arguments = (cell_33, positions_s3, np.array(prototype.species))
    factor = embedded.balancing_embedding(*arguments, found)
    found["c"] = (factor * depth_x).tolist()
    energy, _, _ = embedded.POTENTIAL.energy_forces_stress(*arguments, found)
    unit = generator.uniform(1.2, 7.0) * len(prototype.species) / abs(energy)
    return found | {
        "c": (unit * factor * depth_x).tolist(),
        "epsilon": (unit * np.array(found["epsilon"])).tolist(),
    }


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
