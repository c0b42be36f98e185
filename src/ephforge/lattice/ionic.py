"""Rigid ions in a polarisable medium: Coulomb forces and short-ranged repulsion.

    E = sum_{i<j} Z_i Z_j e^2 / (eps r) + A_ij e^{-(r - d_ij) / rho}

with the charges Z of the species, which are their Born charges, the dielectric constant eps
of the electrons, and the distances d_ij at which the repulsions of all pairs are equal to A (Born
and Mayer).  Longitudinal and transverse optical modes split as they do in polar crystals.
"""

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.realspace import ForceConstants, LongRange
from ephforge.core.units import COULOMB
from ephforge.lattice import ewald
from ephforge.lattice.neighbours import (
    Gatherer,
    Pairs,
    pair_forces,
    pair_stiffness,
    pair_stress,
    pairs_within,
)

_REPULSION_REACH = 16.0  # rho beyond d: the repulsion is 1e-7 of that at d; value and slope go to 0
_NEUTRAL = 1e-9  # e per cell


def energy_forces_stress(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
) -> tuple[float, Float[np.ndarray, "s 3"], Float[np.ndarray, "3 3"]]:
    """Energy per cell, eV, forces, eV/angstrom, and derivative with the strain, eV."""
    charge_s = screened_charges(species_s, parameters)
    eta = ewald.damping(cell_33)
    pairs, value_p, slope_p, _ = _pair_terms(cell_33, positions_s3, species_s, parameters, eta)
    energy, force_s3, stress_33 = ewald.waves(cell_33, positions_s3, charge_s, eta)
    return (
        energy + float(value_p.sum()) / 2,
        force_s3 + pair_forces(pairs, slope_p, len(species_s)),
        stress_33 + pair_stress(pairs, slope_p),
    )


def force_constants(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
    eta: float | None = None,
) -> tuple[ForceConstants, LongRange]:
    """Phi(R) of the repulsion and of Ewald's real-space sum, and the rest as a dipole part.

    Args:
      eta: damping, 1/angstrom; the usual one if not given.  The sum of both parts does not depend
        on it.
    """
    eta = ewald.damping(cell_33) if eta is None else eta
    pairs, _, slope_p, curvature_p = _pair_terms(cell_33, positions_s3, species_s, parameters, eta)
    gatherer = Gatherer(len(species_s))
    gatherer.add_pairs(pairs, pair_stiffness(pairs, slope_p, curvature_p))
    charge_s = np.array(parameters["charges"])[species_s]
    return gatherer.force_constants(), ewald.long_range(
        cell_33, charge_s, parameters["dielectric"], eta
    )


def balancing_repulsion(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
) -> float:
    """The A for which the energy of a structure does not change with its volume, eV.

    Coulomb's energy goes with 1/length, so its derivative with ln(length) is minus itself; that
    of the repulsion is the trace of its stress.
    """
    alone = parameters | {"repulsion": 0.0}
    coulomb, _, _ = energy_forces_stress(cell_33, positions_s3, species_s, alone)
    without_charges = parameters | {"repulsion": 1.0, "charges": [0.0] * len(parameters["charges"])}
    _, _, stress_33 = energy_forces_stress(cell_33, positions_s3, species_s, without_charges)
    return float(coulomb / np.trace(stress_33))


def screened_charges(species_s: Int[np.ndarray, " s"], parameters: dict) -> Float[np.ndarray, " s"]:
    """Z / sqrt(eps) of each atom.

    Raises:
      ValueError: the cell is not neutral; Ewald's sums are for neutral ones.
    """
    charge_s = np.array(parameters["charges"])[species_s]
    if abs(charge_s.sum()) > _NEUTRAL:
        raise ValueError(f"ions of a cell have the charge {charge_s.sum():g} in all, expected 0")
    return charge_s / np.sqrt(parameters["dielectric"])


def _pair_terms(
    cell_33: np.ndarray,
    positions_s3: np.ndarray,
    species_s: np.ndarray,
    parameters: dict,
    eta: float,
) -> tuple[Pairs, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs with value, slope and curvature of their energy, without the waves."""
    distance_xx, rho = np.array(parameters["distance"]), parameters["rho"]
    coulomb_reach = ewald.real_space_reach(eta)
    pairs = pairs_within(
        cell_33, positions_s3, max(coulomb_reach, distance_xx.max() + _REPULSION_REACH * rho)
    )
    charge_s = screened_charges(species_s, parameters)
    charge_p = COULOMB * charge_s[pairs.i] * charge_s[pairs.j]
    charge_p *= pairs.distance < coulomb_reach
    d_p = distance_xx[species_s[pairs.i], species_s[pairs.j]]
    coulomb, repulsion = (
        ewald.screened(pairs.distance, eta),
        born_mayer(pairs.distance, d_p, parameters["repulsion"], rho),
    )
    return pairs, *(charge_p * c + r for c, r in zip(coulomb, repulsion, strict=True))


def born_mayer(
    r_p: Float[np.ndarray, " p"], d_p: Float[np.ndarray, " p"], strength: float, rho: float
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """A e^{-(r - d) / rho}, less value and slope at the end of its reach, with derivatives."""
    end, is_inside_p = np.exp(-_REPULSION_REACH), r_p < d_p + _REPULSION_REACH * rho
    plain_p = np.exp(-(r_p - d_p) / rho) * is_inside_p
    beyond_p = ((r_p - d_p) / rho - _REPULSION_REACH - 1) * end * is_inside_p
    return (
        strength * (plain_p + beyond_p),
        strength / rho * (end * is_inside_p - plain_p),
        strength / rho**2 * plain_p,
    )
