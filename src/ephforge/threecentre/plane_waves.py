"""Plane waves of a crystal: which there are at each wave vector, and differences of them.

A wave is an integer vector G on the reciprocal basis; at the point k of the zone it stands
for e^{i 2 pi (k + G).r}.  Differences of waves are looked up by one integer per vector,
`Box.code`, which is linear: code(G - G') = code(G) - code(G').
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

_ON_THE_SPHERE = 1e-9  # relative; waves this close to the sphere count as inside


class Box(NamedTuple):
    """All integer vectors with components within +-limit, numbered.

    Attributes:
      reciprocal_33: reciprocal vectors with 2 pi, rows, 1/angstrom.
      limit_3: largest component.
    """

    reciprocal_33: Float[np.ndarray, "3 3"]
    limit_3: Int[np.ndarray, "3"]

    @property
    def stride_3(self) -> Int[np.ndarray, "3"]:
        """What a step along each component adds to a code."""
        size_3 = 2 * self.limit_3 + 1
        return np.array([size_3[1] * size_3[2], size_3[2], 1])

    def code(self, index_g3: Int[np.ndarray, "... 3"]) -> Int[np.ndarray, "..."]:
        """One integer per vector, 0 for the vector 0, linear in the components."""
        return index_g3 @ self.stride_3

    def positions(self, index_g3: Int[np.ndarray, "g 3"]) -> Int[np.ndarray, " b"]:
        """Table: code (negative ones from the end) -> place in the list, or its length."""
        table_b = np.full(int(np.prod(2 * self.limit_3 + 1)), len(index_g3))
        table_b[self.code(index_g3)] = np.arange(len(index_g3))
        return table_b


def box(cell: Float[np.ndarray, "3 3"], largest: float) -> Box:
    """The box that holds all differences of waves up to `largest` (1/angstrom) from a zone."""
    limit_3 = np.ceil(largest * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int) + 2
    return Box(2 * np.pi * np.linalg.inv(cell).T, limit_3)


def sphere(waves: Box, k_3: Float[np.ndarray, "3"], radius: float) -> Int[np.ndarray, "g 3"]:
    """Waves with |k + G| up to the radius, 1/angstrom; k fractional, in [0, 1)."""
    # the box is larger than any sphere that is asked for: |G_i| <= |a_i| |G| / 2 pi
    steps = [np.arange(-n, n + 1) for n in waves.limit_3]
    index_g3 = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    square_g = np.sum(((index_g3 + k_3) @ waves.reciprocal_33) ** 2, axis=1)
    return index_g3[square_g < radius**2 * (1 + _ON_THE_SPHERE)]
