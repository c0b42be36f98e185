"""States in another order than that of their energies.

Bands and modes are numbered by energy, so that where two of them cross their numbers change
character from one star of k or q to the next.  An order says which states stand at each place of
a star.  It is the same at all points of a star and keeps degenerate states together, so that a
block in another order has the same orbits, Hermitian partners and groups of equal numbers.

Axes   o orbits   s stars of k or q points   p places
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Pattern, numbered, stars_of


class Order(NamedTuple):
    """Number, by energy, of the state at each place.

    Attributes:
      bands_sp, modes_sp: on each star of k and of q.
    """

    bands_sp: Int[np.ndarray, "s p"]
    modes_sp: Int[np.ndarray, "s p"]

    def applied(
        self, g_mnvo: Float[np.ndarray, "m n v o"], block: Block
    ) -> Float[np.ndarray, "m n v o"]:
        """|g| in this order from |g| sorted by energy; of the block its geometry is used only."""
        final_o, initial_o, mode_o = stars_of(block)
        m_mo, n_no = self.bands_sp[final_o].T, self.bands_sp[initial_o].T
        v_vo = self.modes_sp[mode_o].T
        return g_mnvo[m_mo[:, None, None], n_no[:, None], v_vo, np.arange(len(mode_o))]

    @property
    def inverse(self) -> "Order":
        """The order whose `applied` sorts by energy again."""
        return Order(*(np.argsort(states_sp, axis=1) for states_sp in self))

    def pattern(self, pattern: Pattern) -> Pattern:
        """Where groups of degenerate states end in this order, from where they do by energy."""
        return Pattern(*(_ends(*pair) for pair in zip(pattern, self, strict=True)))


def by_energy(pattern: Pattern) -> Order:
    """The order of the energies, for as many stars and states as a pattern has."""
    return Order(*(np.tile(np.arange(ends.shape[1] + 1), (len(ends), 1)) for ends in pattern))


def _ends(ends_sp: Bool[np.ndarray, "s b"], states_sp: Int[np.ndarray, "s p"]):
    return np.diff(np.take_along_axis(numbered(ends_sp), states_sp, axis=1), axis=1) != 0
