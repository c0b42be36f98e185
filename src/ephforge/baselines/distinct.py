"""Principal components of whole blocks, then what they leave of every different number.

At a pair (k, q) all channels within degenerate bands and modes hold one number
(core/degeneracy.py).  The components get a share of the bits, the rest states remainders of the
different numbers, quantised, with one scale for all; which states are degenerate is stored too.
This is PCA with all that is known of symmetry: what is ahead of it is learned otherwise.
"""

import numpy as np

from ephforge.baselines import coder
from ephforge.baselines.budget import quantised
from ephforge.baselines.measure import Code
from ephforge.baselines.pca import Pca, pca_joint
from ephforge.baselines.symmetric import hermitian_mean, orbit_mean, spread
from ephforge.core.blocks import Block, on_grid
from ephforge.core.degeneracy import Entries, entries_of, pattern_of

SHARES = (0.08, 0.16, 0.3, 0.5, 0.8)  # of the bits that the components get, if not all
MOST = 2.0  # bits of the components for each different number; more never pay


def pca_distinct(fitted: Pca, block: Block, allowed: list[int]) -> list[Code] | None:
    """The best of several shares.

    None where no training material has this lattice with as many bands and modes.
    """
    pattern = pattern_of(block)
    entries = entries_of(block, pattern)
    side = sum(ends.size for ends in pattern)  # bits: each neighbour is degenerate or not
    most = int(MOST * len(entries.weight_e))
    firsts = [min(int(share * bits), most) for bits in allowed for share in (*SHARES, 1.0)]
    codes = pca_joint(fitted, block, firsts)
    if codes is None:
        return None
    found = []
    for number, bits in enumerate(allowed):
        tried = codes[number * (len(SHARES) + 1) :][: len(SHARES) + 1]
        again = [_with_remainders(block, entries, code, bits, side) for code in tried]
        again = [code for code in again if code.bits <= bits]
        found.append(min([tried[-1], *again], key=lambda code: _distance(code, block)))
    return found


def _with_remainders(block: Block, entries: Entries, first: Code, bits: int, side: int) -> Code:
    """A code of the components, of the degeneracies (side bits) and of remainders."""
    orbits, root_e = block.orbits, np.sqrt(entries.weight_e)
    label = entries.label_xo.ravel()
    _, place_e = np.unique(label, return_index=True)
    channel_e, orbit_e = np.unravel_index(place_e, entries.label_xo.shape)

    def on_entries(g_mnvkq) -> np.ndarray:
        mean = hermitian_mean(orbit_mean(g_mnvkq, orbits), orbits).reshape(-1, len(orbits.size_o))
        return entries.project(mean * entries.root_o)[channel_e, orbit_e] / entries.root_o[orbit_e]

    first_e = on_entries(first.g)
    left_e = (on_entries(on_grid(block)) - first_e) * root_e
    known = coder.Table(np.full(len(left_e), len(left_e) ** -0.5), orbit_e, channel_e)
    (rest,) = quantised(left_e, known, [max(bits - side - first.bits, 0)])
    g_e = first_e + rest.value_e / root_e
    g = spread(g_e[entries.label_xo].reshape(block.g.shape), orbits)
    return Code(g, first.bits + side + rest.bits)


def _distance(code: Code, block: Block) -> float:
    return float(np.linalg.norm(np.maximum(code.g, 0) - on_grid(block)))
