"""Principal components of whole blocks, then what they leave of every different number.

At a pair (k, q) all channels within degenerate bands and modes hold one number
(core/degeneracy.py).  The components get a share of the bits, the rest states remainders of the
different numbers, quantised, with one scale for all; which states are degenerate is stored too,
and what breaks hermiticity (core/differences.py) where that is worth its bits.
This is PCA with all that is known of symmetry: what is ahead of it is learned otherwise.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from ephforge.baselines import coder
from ephforge.baselines.budget import quantised_apart
from ephforge.baselines.measure import Code
from ephforge.baselines.pca import Pca, pca_joint
from ephforge.baselines.symmetric import orbit_mean, spread
from ephforge.core.blocks import Block, on_grid
from ephforge.core.degeneracy import entries_of, pattern_of
from ephforge.core.differences import differences_of

SHARES = (0.08, 0.16, 0.3, 0.5, 0.8)  # of the bits that the components get, if not all
WORTH = 0.3  # of a step; what breaks hermiticity and is smaller is left out
MOST = 2.0  # bits of the components for each different number; more never pay


def pca_distinct(fitted: Pca, block: Block, allowed: list[int]) -> list[Code] | None:
    """The best of several shares.

    None where no training material has this lattice with as many bands and modes.
    """
    numbers = _Numbers(block)
    most = int(MOST * len(numbers.root_e))
    firsts = [min(int(share * bits), most) for bits in allowed for share in (*SHARES, 1.0)]
    codes = pca_joint(fitted, block, firsts)
    if codes is None:
        return None
    found = []
    for number, bits in enumerate(allowed):
        tried = codes[number * (len(SHARES) + 1) :][: len(SHARES) + 1]
        again = (code for one in tried for code in numbers.with_remainders(one, bits))
        fitting = (code for code in again if code.bits <= bits)
        found.append(min(chain([tried[-1]], fitting), key=lambda code: _distance(code, block)))
    return found


class _Numbers:
    """The different numbers of a block, and what its partners differ by."""

    def __init__(self, block: Block):
        pattern = pattern_of(block)
        self.block, self.entries = block, entries_of(block, pattern)
        self.side = sum(ends.size for ends in pattern)  # bits: each neighbour is degenerate or not
        self.root_e = np.sqrt(self.entries.weight_e)
        label = self.entries.label_xo
        place_e = np.unique(label.ravel(), return_index=True)[1]
        self.channel_e, self.orbit_e = np.unravel_index(place_e, label.shape)
        mean_xo = self._mean(on_grid(block))
        self.g_e = self._of(mean_xo)
        self.differences = differences_of(block, pattern)
        self.broken_d = self.differences.analyse(mean_xo * self.entries.root_o)

    def with_remainders(self, first: Code, bits: int) -> Iterator[Code]:
        """Codes of components, degeneracies and remainders; then, if it is worth a step, with
        what breaks hermiticity."""
        first_e, spent = self._of(self._mean(first.g)), first.bits + self.side
        values = [(self.g_e - first_e) * self.root_e, self.broken_d]
        known = [_table(self.orbit_e, self.channel_e), _table(*self.differences.places)]
        for count in (1, 2):
            (rest,) = quantised_apart(values[:count], known[:count], [max(bits - spent, 0)])
            left_e, broken_d = np.split(rest.value_e, [len(first_e)])
            g_xo = (first_e + left_e / self.root_e)[self.entries.label_xo]
            if count == 2:
                g_xo = g_xo + self.differences.spread(broken_d) / self.entries.root_o
            g = spread(g_xo.reshape(self.block.g.shape), self.block.orbits)
            yield Code(g, spent + rest.bits)
            if WORTH * rest.step > _rms(self.broken_d):
                return

    def _mean(self, g_mnvkq) -> np.ndarray:
        return orbit_mean(g_mnvkq, self.block.orbits).reshape(self.entries.label_xo.shape)

    def _of(self, g_xo) -> np.ndarray:
        y_xo = self.entries.project(g_xo * self.entries.root_o)
        return y_xo[self.channel_e, self.orbit_e] / self.entries.root_o[self.orbit_e]


def _table(orbit_e, channel_e) -> coder.Table:
    return coder.Table(np.full(len(orbit_e), len(orbit_e) ** -0.5), orbit_e, channel_e)


def _rms(value_d) -> float:
    return float(np.sqrt(np.mean(value_d**2))) if len(value_d) else 0.0


def _distance(code: Code, block: Block) -> float:
    return float(np.linalg.norm(np.maximum(code.g, 0) - on_grid(block)))
