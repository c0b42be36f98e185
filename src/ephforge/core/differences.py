"""What of a block changes sign when Hermitian partners are exchanged.

|g_mn(k, q)| = |g_nm(k+q, -q)|, since H is Hermitian.  Couplings that were interpolated between
the meshes of a first-principles run obey that in part only: such a block is the sum of one whose
partners are equal (core/degeneracy.py) and of one whose partners are opposite, both orthogonal.
The latter has one number for each two classes of equal numbers that are partners.

Axes   o orbits   x band-band-mode channels   d differences
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Pattern, labels_of, shares_of


class Differences(NamedTuple):
    """Blocks, of |g| times root_o, that are opposite on partners.

    Attributes:
      label_xo: number of each place; 0 where sign is 0.
      sign_xo: 1, or -1 on the partner, or 0: a partner of itself.
      root_o: square root of each orbit's share of the pairs.
      weight_d: sum of root_o^2 over the places of a number.
    """

    label_xo: Int[np.ndarray, "x o"]
    sign_xo: Int[np.ndarray, "x o"]
    root_o: Float[np.ndarray, " o"]
    weight_d: Float[np.ndarray, " d"]

    def analyse(self, y_xo: Float[np.ndarray, "x o"]) -> Float[np.ndarray, " d"]:
        """Coefficients of a block: half of the differences, times the root of their weight."""
        return self._sum(y_xo * self.root_o * self.sign_xo) / np.sqrt(self.weight_d)

    def spread(self, value_d: Float[np.ndarray, " d"]) -> Float[np.ndarray, "x o"]:
        """The block of these coefficients; `analyse` is its inverse and its adjoint."""
        if not len(value_d):
            return np.zeros(self.label_xo.shape)
        return (value_d / np.sqrt(self.weight_d))[self.label_xo] * self.sign_xo * self.root_o

    def mean(self, g_xo: Float[np.ndarray, "x o"]) -> Float[np.ndarray, " d"]:
        """Mean over the places of each number."""
        return self._sum(g_xo * self.root_o**2 * np.abs(self.sign_xo)) / self.weight_d

    @property
    def places(self) -> tuple[Int[np.ndarray, " d"], Int[np.ndarray, " d"]]:
        """Orbit and channel of the first place of each number."""
        x, o = np.nonzero(self.sign_xo)
        first = np.unique(self.label_xo[x, o], return_index=True)[1]
        return o[first], x[first]

    def _sum(self, a_xo: Float[np.ndarray, "x o"]) -> Float[np.ndarray, " d"]:
        return np.bincount(self.label_xo.ravel(), a_xo.ravel(), len(self.weight_d))


def differences_of(block: Block, pattern: Pattern) -> Differences:
    """Of the block its geometry and shape are used only."""
    label_xo, partner_xo = labels_of(block, pattern)
    n = label_xo.max() + 1
    partner_c = np.arange(n)
    partner_c[label_xo.ravel()] = partner_xo.ravel()
    c = np.arange(n)
    first_c = (c < partner_c) & (partner_c[partner_c] == c)
    number_c, sign_c = np.zeros(n, int), np.zeros(n, np.int8)
    number_c[first_c] = number_c[partner_c[first_c]] = np.arange(first_c.sum())
    sign_c[first_c], sign_c[partner_c[first_c]] = 1, -1
    share_o = shares_of(block.orbits)
    found_xo, sign_xo = number_c[label_xo], sign_c[label_xo]
    weight_d = np.bincount(found_xo.ravel(), (share_o * np.abs(sign_xo)).ravel(), first_c.sum())
    return Differences(found_xo, sign_xo, np.sqrt(share_o), weight_d)
