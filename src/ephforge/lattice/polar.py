"""Bonds that carry charge: the valence force field of keating.py with dipoles on its atoms.

A displaced atom is a dipole Z_s u_s in the medium of the electrons' dielectric constant, and
dipoles act on each other: Phi = J^T k J + the second derivatives of Z_s Z_t e^2 / (eps r).  The
structure is at rest as it is, because the springs balance the constant part of those forces.
This is how partly covalent crystals split their optical modes: Born charges of a few e, but
screened by a large eps.
"""

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.realspace import ForceConstants, LongRange
from ephforge.core.units import COULOMB
from ephforge.lattice import ewald, keating
from ephforge.lattice.keating import energy_forces_stress  # noqa: F401 - the same: at rest
from ephforge.lattice.neighbours import Gatherer, pair_stiffness, pairs_within


def force_constants(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
) -> tuple[ForceConstants, LongRange]:
    """Phi(R) of springs and of Ewald's real-space sum, and the rest as a dipole part."""
    gatherer = Gatherer(len(species_s))
    keating.gather(gatherer, cell_33, positions_s3, species_s, parameters)
    eta, eps = ewald.damping(cell_33), parameters["dielectric"]
    charge_s = np.array(parameters["charges"])[species_s]
    pairs = pairs_within(cell_33, positions_s3, ewald.real_space_reach(eta))
    charge_p = COULOMB / eps * charge_s[pairs.i] * charge_s[pairs.j]
    _, slope_p, curvature_p = ewald.screened(pairs.distance, eta)
    gatherer.add_pairs(pairs, pair_stiffness(pairs, charge_p * slope_p, charge_p * curvature_p))
    return gatherer.force_constants(), ewald.long_range(cell_33, charge_s, eps, eta)
