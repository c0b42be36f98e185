"""What a structure type says about sizes and neighbours, and draws that several laws share."""

import numpy as np
from jaxtyping import Float

from ephforge.lattice.neighbours import pairs_within
from ephforge.lattice.prototypes import Prototype, structure

_SHELL = 1.2  # of the shortest distance: neighbours
_PLAIN_ANGLE = -0.6  # cosines below are those of straight bonds, which no single angle describes


def species_count(prototype: Prototype) -> int:
    """Number of different species."""
    return max(prototype.species) + 1


def coordination(prototype: Prototype) -> float:
    """Neighbours per atom within 1.2 shortest distances, the mean over the atoms."""
    pairs = pairs_within(*structure(prototype, 1 / prototype.neighbour), _SHELL)
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


def mean_cosine(prototype: Prototype) -> float:
    """Mean cosine of the angles between the bonds of an atom; -1/3 where there are none."""
    pairs = pairs_within(*structure(prototype, 1 / prototype.neighbour), _SHELL)
    unit_p3 = pairs.vector / pairs.distance[:, None]
    cosines = []
    for s in range(len(prototype.species)):
        own_n3 = unit_p3[pairs.i == s]
        cosines.extend((own_n3 @ own_n3.T)[np.triu_indices(len(own_n3), 1)])
    return float(np.clip(np.mean(cosines), _PLAIN_ANGLE, 0.0)) if cosines else -1 / 3


def unlike_factor(
    generator: np.random.Generator, count: int, low: float, high: float
) -> Float[np.ndarray, "x x"]:
    """1 for like atoms, a drawn number for each unlike pair."""
    factor_xx = np.triu(generator.uniform(low, high, size=(count, count)), 1)
    return factor_xx + factor_xx.T + np.eye(count)


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))
