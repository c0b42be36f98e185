"""In which order the states of a block are most like those of the training materials.

Components of whole blocks (transform.py) know states by their numbers.  Where a material has two
bands, or two modes, in the other order on some star, its block is far from their span until they
change places; a code says so in about ten bits.  The order is found by exchanging groups of
degenerate states, star by star, for as long as that lowers what the components leave.

Axes   x band-band-mode channels   o orbits   a those with a state on one star   s stars
       p places   n orders that are tried   r components
"""

from itertools import combinations

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Pattern, numbered, stars_of
from ephforge.core.order import Order, by_energy
from ephforge.model.bases import Part
from ephforge.model.bitstream import Reader, Writer
from ephforge.model.transform import Statistics, components_of, parts_of, weighted

WORTH = 0.01  # of the squares that are left; smaller gains make what follows less smooth
NOTHING = 1e-4  # squares of 1 that count as left when less is: components are rounded
SWEEPS = 4  # over all stars, at most
CHANGED = 1 / 8  # share of stars in another order, as a code expects


def order_of(block: Block, statistics: Statistics, pattern: Pattern) -> Order:
    """The order of the states of a block; that of energies where there are no components.

    Args:
      pattern: degeneracies, sorted by energy.
    """
    component_er = components_of(block, statistics)[0].astype(np.float32)
    y_mnvo = weighted(block).astype(np.float32)
    if not component_er.size or not np.any(y_mnvo):
        return by_energy(pattern)
    parts = parts_of(block, statistics)
    search = _Search(block, y_mnvo / np.linalg.norm(y_mnvo), parts, component_er, pattern)
    for _ in range(SWEEPS):
        if not any([search.improved(*place) for place in search.places]):
            break
    return search.order


class _Search:
    """An order that improves.

    Attributes:
      order: so far.
      places: kind (0 bands, 1 modes) and number of each star with more than one group.
    """

    def __init__(self, block: Block, y_mnvo, parts: tuple[Part, Part], component_er, pattern):
        self.block, self.by_energy_mnvo = block, y_mnvo
        self.parts, self.component_er = parts, component_er
        self.order = by_energy(pattern)
        self.groups = [numbered(ends) for ends in pattern]
        self.stars = stars_of(block)
        self.places = [
            (kind, int(s))
            for kind, group_sp in enumerate(self.groups)
            for s in np.flatnonzero(group_sp[:, -1])
        ]
        self.y_mnvo = y_mnvo
        self.score_r = self._scores(y_mnvo[None], slice(None))[0]

    @property
    def left(self) -> float:
        """Squares that the components leave, of 1."""
        return 1 - float(self.score_r @ self.score_r)

    def improved(self, kind: int, star: int) -> bool:
        """Take the best exchange of two groups on a star, if one is worth it."""
        final_o, initial_o, mode_o = self.stars
        is_on_o = mode_o == star if kind else (final_o == star) | (initial_o == star)
        orders = self._exchanged(kind, star)
        tried = [order.applied(self.by_energy_mnvo, self.block)[..., is_on_o] for order in orders]
        change_nmnva = np.stack(tried) - self.y_mnvo[..., is_on_o]
        score_nr = self.score_r + self._scores(change_nmnva, is_on_o)
        left_n = 1 - np.sum(score_nr**2, axis=1)
        best = int(np.argmin(left_n))
        if self.left - left_n[best] < WORTH * max(self.left, NOTHING):
            return False
        self.order, self.score_r = orders[best], score_nr[best]
        self.y_mnvo = self.order.applied(self.by_energy_mnvo, self.block)
        return True

    def _exchanged(self, kind: int, star: int) -> list[Order]:
        """Orders with two groups of one star exchanged."""
        states_p, found = self.order[kind][star], []
        group_p = self.groups[kind][star][states_p]
        runs = np.split(states_p, np.flatnonzero(np.diff(group_p)) + 1)
        for i, j in combinations(range(len(runs)), 2):
            moved = list(runs)
            moved[i], moved[j] = runs[j], runs[i]
            tables = [table.copy() for table in self.order]
            tables[kind][star] = np.concatenate(moved)
            found.append(Order(*tables))
        return found

    def _scores(self, y_nmnva, is_on_o) -> Float[np.ndarray, "n r"]:
        """Scores of blocks that are zero on all other orbits."""
        y_nax = y_nmnva.reshape(len(y_nmnva), -1, y_nmnva.shape[-1]).swapaxes(1, 2)
        c_ne = np.concatenate(
            [
                (
                    p.basis_oi[is_on_o].astype(np.float32).T
                    @ (y_nax @ p.channel_xc.astype(np.float32))
                ).reshape(len(y_nax), -1)
                for p in self.parts
            ],
            axis=1,
        )
        return c_ne @ self.component_er


def write_order(writer: Writer, order: Order, pattern: Pattern) -> None:
    """Write an order; pattern: degeneracies in this order."""
    for states_sp, ends_sp in zip(order, pattern, strict=True):
        is_changed_s = np.any(np.diff(states_sp, axis=1) < 0, axis=1)
        writer.flags(is_changed_s, _shares(ends_sp))
        for states_p, ends_p in zip(states_sp[is_changed_s], ends_sp[is_changed_s], strict=True):
            rank_g = np.argsort(np.argsort([run[0] for run in _runs(states_p, ends_p)]))
            for g, rank in enumerate(rank_g):
                writer.number(int(np.sum(rank_g[g + 1 :] < rank)), len(rank_g) - g)


def read_order(reader: Reader, pattern: Pattern) -> Order:
    """Inverse of `write_order`."""
    found = by_energy(pattern)
    for states_sp, ends_sp in zip(found, pattern, strict=True):
        for s in np.flatnonzero(reader.flags(_shares(ends_sp))):
            places = _runs(np.arange(states_sp.shape[1]), ends_sp[s])
            free, rank_g = list(range(len(places))), []
            for g in range(len(places)):
                rank_g.append(free.pop(reader.number(len(places) - g)))
            first_g, first = np.zeros(len(places), int), 0
            for g in np.argsort(rank_g):
                first_g[g], first = first, first + len(places[g])
            states_sp[s] = np.concatenate(
                [run - run[0] + first for run, first in zip(places, first_g, strict=True)]
            )
    return found


def _runs(states_p: Int[np.ndarray, " p"], ends_p) -> list[np.ndarray]:
    """States of each degenerate group, group by group as they stand."""
    return np.split(states_p, np.flatnonzero(ends_p) + 1)


def _shares(ends_sp) -> np.ndarray:
    """Probability that a star is in another order: none where all states are degenerate."""
    return np.where(ends_sp.any(axis=1), CHANGED, 1e-6)
