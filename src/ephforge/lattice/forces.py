"""Energy, forces and stress of any crystal in any potential.

Some potentials have formulas here, one file each, that work on the primitive cell and have
analytic second derivatives; the others are asap3's, on supercells.
"""

import itertools

import asap3
import numpy as np
from jaxtyping import Float, Int

from ephforge.lattice import eam, ionic, keating, polar, stillinger_weber, tersoff
from ephforge.lattice.asap import Potential, supercell

FORMULAS = {
    "ionic": ionic,
    "keating": keating,
    "polar": polar,
    "stillinger_weber": stillinger_weber.POTENTIAL,
    "tersoff": tersoff.POTENTIAL,
    "eam": eam.POTENTIAL,
}

WITHOUT_STRESS = ("morse", "brenner")  # in asap3
_STRAIN_STEP = 1e-3


def energy_forces_stress(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    numbers_s: Int[np.ndarray, " s"],
    potential: Potential,
) -> tuple[float, Float[np.ndarray, "s 3"], Float[np.ndarray, "3 3"]]:
    """Energy of one cell, forces on its atoms, derivative with the strain of the cell.

    The strain e takes every vector r to (1 + e) r.

    Returns:
      unscaled eV, eV/angstrom, eV.  Where the potential gives none, the energy is infinite and
      the rest is zero.
    """
    return _finite(_evaluate(cell_33, positions_s3, numbers_s, potential, "stress"))


def energy_and_forces(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    numbers_s: Int[np.ndarray, " s"],
    potential: Potential,
) -> tuple[float, Float[np.ndarray, "s 3"]]:
    """The first two of `energy_forces_stress`."""
    return _finite(_evaluate(cell_33, positions_s3, numbers_s, potential, "forces"))[:2]


def energy(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    numbers_s: Int[np.ndarray, " s"],
    potential: Potential,
) -> float:
    """The first of `energy_forces_stress`."""
    return _finite(_evaluate(cell_33, positions_s3, numbers_s, potential, "energy"))[0]


def species_of(numbers_s: Int[np.ndarray, " s"]) -> Int[np.ndarray, " s"]:
    """Which species of the parameters each atom is: they are counted as they first appear."""
    order = list(dict.fromkeys(numbers_s.tolist()))
    return np.array([order.index(number) for number in numbers_s.tolist()])


def _evaluate(
    cell_33: np.ndarray,
    positions_s3: np.ndarray,
    numbers_s: np.ndarray,
    potential: Potential,
    upto: str,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Energy, forces, stress; what comes after `upto` is left zero where it would cost."""
    if potential.name in FORMULAS:
        return FORMULAS[potential.name].energy_forces_stress(
            cell_33, positions_s3, species_of(numbers_s), potential.parameters
        )
    atoms, cells_m3 = supercell(cell_33, positions_s3, numbers_s, potential)
    force_s3, stress_33 = np.zeros_like(positions_s3), np.zeros((3, 3))
    try:
        value = float(atoms.get_potential_energy()) / len(cells_m3)
        if upto != "energy":
            force_s3 = np.array(atoms.get_forces()[: len(numbers_s)])
        if upto == "stress" and potential.name in WITHOUT_STRESS:
            stress_33 = _stress_by_differences(cell_33, positions_s3, numbers_s, potential)
        elif upto == "stress":
            stress_33 = atoms.get_stress(voigt=False) * abs(np.linalg.det(cell_33))
    except asap3.AsapError:
        value = np.inf
    return value, force_s3, stress_33


def _finite(found: tuple[float, np.ndarray, np.ndarray]) -> tuple[float, np.ndarray, np.ndarray]:
    if all(np.all(np.isfinite(part)) for part in found):
        return found
    return np.inf, np.zeros_like(found[1]), np.zeros((3, 3))


def _stress_by_differences(
    cell_33: np.ndarray, positions_s3: np.ndarray, numbers_s: np.ndarray, potential: Potential
) -> np.ndarray:
    stress_33 = np.zeros((3, 3))
    for c, d in itertools.combinations_with_replacement(range(3), 2):
        for sign in (1, -1):
            strain_33 = np.eye(3)
            strain_33[c, d] += sign * _STRAIN_STEP / 2
            strain_33[d, c] += sign * _STRAIN_STEP / 2
            strained = (cell_33 @ strain_33, positions_s3 @ strain_33)
            atoms, cells_m3 = supercell(*strained, numbers_s, potential)
            value = atoms.get_potential_energy() / len(cells_m3)
            stress_33[c, d] += sign * value / (2 * _STRAIN_STEP)
    return stress_33 + np.triu(stress_33, 1).T
