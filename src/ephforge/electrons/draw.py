"""Draws the electrons of a synthetic material: basis, on-site energies, hopping law.

Ranges surround what W. A. Harrison, Electronic Structure and the Properties of Solids
(1980), gives for s and p states of simple solids.
"""

import numpy as np

from ephforge.core.realspace import Crystal
from ephforge.core.units import BOHR, HARTREE
from ephforge.electrons.hopping import HoppingLaw, nearest_distance

ORBITALS = {"s": 1, "sp3": 4}  # per atom

# V = eta hbar^2 / (m d^2): ss sigma, sp sigma, pp sigma, pp pi (Harrison 1980)
HARRISON = np.array([-1.40, 1.84, 3.24, -0.81])
STRENGTH_SPREAD = (0.7, 1.3)  # times Harrison's value
EXPONENT = (1.5, 3.5)  # of the distance, Harrison: 2
S_ENERGY = (-18.0, -9.0)  # eV, term values of s states
SP_SPLITTING = (4.0, 9.0)  # eV, p above s
ONSET = 1.1  # in nearest-neighbour distances: the first shell is whole in every prototype
CUTOFF = (1.5, 1.9)  # in nearest-neighbour distances: two shells, three in dense crystals


def draw(generator: np.random.Generator, crystal: Crystal, bases: list[str]) -> tuple:
    """Basis name and hopping law of one material.

    Args:
      generator: of this material, purpose "electrons".
      crystal: sets the species and the nearest-neighbour distance.
      bases: names to choose from, keys of `ORBITALS`.

    Returns:
      (basis, HoppingLaw).
    """
    basis = str(generator.choice(bases))
    numbers_x = np.unique(crystal.numbers)
    count = len(numbers_x)
    s_energy_x = generator.uniform(*S_ENERGY, count)
    onsite_xl = np.stack([s_energy_x, s_energy_x + generator.uniform(*SP_SPLITTING, count)], -1)

    spread_xyi = generator.uniform(*STRENGTH_SPREAD, (count, count, 4))
    symmetric = [0, 2, 3]  # sp sigma alone tells the two atoms apart
    spread_xyi[..., symmetric] = _symmetric(spread_xyi[..., symmetric])
    exponent_xy = _symmetric(generator.uniform(*EXPONENT, (count, count)))

    distance = nearest_distance(crystal)
    # hbar^2 / m = hartree bohr^2
    strength_xyi = spread_xyi * HARRISON * HARTREE * BOHR**2 / distance**2
    cutoff = distance * generator.uniform(*CUTOFF)
    law = HoppingLaw(
        numbers_x, onsite_xl, strength_xyi, exponent_xy, distance, ONSET * distance, cutoff
    )
    return basis, law


def parameters(law: HoppingLaw) -> dict:
    """The drawn numbers as plain values for a file."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in law._asdict().items()
    }


def _symmetric(values_xy):
    """Copy the upper triangle of the first two axes onto the lower one."""
    upper = np.triu(np.ones(values_xy.shape[:2], bool))
    upper = upper.reshape(*upper.shape, *[1] * (values_xy.ndim - 2))
    return np.where(upper, values_xy, np.swapaxes(values_xy, 0, 1))
