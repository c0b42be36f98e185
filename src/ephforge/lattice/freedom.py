"""What a structure type leaves free: the strains and displacements that keep its space group.

A strain e (symmetric, 3 x 3) keeps an operation with rotation S if S e S^T = e; displacements
u_s keep it if S u_s = u_s' for the atom s' that s is taken to.  The mean over all operations
projects on both spaces.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.symmetry import Operations

_SAME_SPACE = 1e-6  # singular values of a projector are 0 or 1
_PAIRS = ((0, 0), (1, 1), (0, 1), (2, 2), (0, 2), (1, 2))  # the first three lie in a layer


class Freedom(NamedTuple):
    """Orthonormal bases of the invariant strains and displacements (no translations)."""

    strain_f33: Float[np.ndarray, "f 3 3"]
    displacement_fs3: Float[np.ndarray, "f s 3"]


def freedom(found: Operations, is_layer: bool) -> Freedom:
    """Invariant strains, in the plane only for a layer, and invariant displacements."""
    rotation_g33, image_gs, _ = found
    count = image_gs.shape[1]
    unit_p33 = np.zeros((3 if is_layer else 6, 3, 3))
    for basis_33, (c, d) in zip(unit_p33, _PAIRS, strict=False):
        basis_33[c, d] = basis_33[d, c] = 1 if c == d else 0.5**0.5
    strain_p33 = np.einsum("gcx,pxy,gdy->pcd", rotation_g33, unit_p33, rotation_g33) / len(image_gs)

    projector = np.zeros((count, 3, count, 3))
    home_s = np.arange(count)
    for rotation_33, image_s in zip(rotation_g33, image_gs, strict=True):
        projector[image_s, :, home_s, :] += rotation_33
    projector /= len(image_gs)
    projector -= projector.mean(axis=0)
    return Freedom(
        _span(strain_p33.reshape(len(unit_p33), 9)).reshape(-1, 3, 3),
        _span(projector.reshape(3 * count, -1).T).reshape(-1, count, 3),
    )


def _span(vectors_vx: np.ndarray) -> np.ndarray:
    _, size_v, right_vx = np.linalg.svd(vectors_vx, full_matrices=False)
    return right_vx[size_v > _SAME_SPACE]
