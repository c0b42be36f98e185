"""Stability verdict: do all phonons of a mesh have a restoring force?"""

import numpy as np
from jaxtyping import Float

from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import ForceConstants
from ephforge.core.units import MEV
from ephforge.lattice.rejection import FLOPPY, IMAGINARY, Rejected
from ephforge.phonons.modes import energies_at

STABILITY_MESH = (8, 8, 8)


def require_stable(
    force_constants: ForceConstants, masses_s: Float[np.ndarray, " s"], tolerance: float
) -> None:
    """Refuse a crystal with imaginary modes, or with zero modes away from Gamma.

    Args:
      tolerance: meV; a mode this close to zero counts as zero.

    Raises:
      Rejected: a mode of `STABILITY_MESH` is more imaginary than the tolerance, or does not
        exceed it at q != 0.
    """
    q_q3 = mesh_points(STABILITY_MESH)
    lowest_q = energies_at(q_q3, force_constants, masses_s)[:, 0] * MEV
    is_zone_centre_q = np.all(q_q3 == 0, axis=1)
    reason, is_bad_q = IMAGINARY, lowest_q < -tolerance
    if not is_bad_q.any():
        reason, is_bad_q = FLOPPY, ~is_zone_centre_q & (lowest_q < tolerance)
    if is_bad_q.any():
        worst = int(np.argmin(np.where(is_bad_q, lowest_q, np.inf)))
        place = ", ".join(f"{x:g}" for x in q_q3[worst])
        raise Rejected(
            reason,
            f"{lowest_q[worst]:.2f} meV at q = ({place}); {is_bad_q.sum()} of {len(q_q3)} q points",
        )
