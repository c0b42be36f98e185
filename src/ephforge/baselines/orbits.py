"""The symmetry orbits themselves, quantised: no transform, the entropy coder does the rest.

All channels compete for the same bits.  An orbit and its hermitian partner are one entry.  An entry
that rounds to the background of its channel is what other codes call dropped: its position is
paid for by the entropy coder.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.baselines import coder
from ephforge.baselines.budget import Rebuilt, quantised
from ephforge.baselines.measure import Code
from ephforge.baselines.symmetric import hermitian_mean, orbit_mean, spread
from ephforge.core.symmetry import Orbits


class Entries(NamedTuple):
    """Classes of (m, n, v, o) under hermiticity.

    Attributes:
      entry_c: class of each of the flattened (m, n, v, o).
      first_e: number of the first member of each class, in flattened (m, n, v, o).
      weight_e: pairs (k, q), of both channels, that a class stands for.
      channel_e, orbit_e: of the first member; channels are numbered without gaps.
    """

    entry_c: Int[np.ndarray, " c"]
    first_e: Int[np.ndarray, " e"]
    weight_e: Float[np.ndarray, " e"]
    channel_e: Int[np.ndarray, " e"]
    orbit_e: Int[np.ndarray, " e"]

    def table(self, scale_e: Float[np.ndarray, " e"]) -> coder.Table:
        """Rows are channels, columns orbits; scales for a material of unit norm."""
        scale_e = scale_e / np.linalg.norm(scale_e)
        return coder.Table(scale_e, self.channel_e, self.orbit_e)


def distinct_entries(orbits: Orbits, channels: tuple[int, int, int]) -> Entries:
    """Of blocks with that many final bands, initial bands and modes."""
    shape = (*channels, len(orbits.size_o))
    number_mnvo = np.arange(np.prod(shape)).reshape(shape)
    partner_mnvo = np.swapaxes(number_mnvo, 0, 1)[..., orbits.partner_o]
    label = np.minimum(number_mnvo, partner_mnvo).ravel()
    _, first_e, entry_c = np.unique(label, return_index=True, return_inverse=True)
    weight_e = np.bincount(entry_c, np.broadcast_to(orbits.size_o, shape).ravel())
    channel_e = np.unique(first_e // shape[-1], return_inverse=True)[1]
    return Entries(entry_c, first_e, weight_e, channel_e, first_e % shape[-1])


def quantised_orbits(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits, allowed: list[int]
) -> list[Code]:
    """Deviations of the entries from the mean of their channel, and the means."""
    g_mnvo = hermitian_mean(orbit_mean(g_mnvkq, orbits), orbits)
    entries = distinct_entries(orbits, g_mnvo.shape[:3])
    root_e = np.sqrt(entries.weight_e)
    total_x = np.bincount(entries.channel_e, entries.weight_e)
    mean_x = np.bincount(entries.channel_e, entries.weight_e * g_mnvo.ravel()[entries.first_e])
    mean_x /= total_x
    deviation_e = (g_mnvo.ravel()[entries.first_e] - mean_x[entries.channel_e]) * root_e
    # means weighted by the root of their pairs are coefficients of an orthonormal set too
    value_e = np.concatenate([mean_x * np.sqrt(total_x), deviation_e])
    found = quantised(value_e, _table(entries, total_x), allowed)
    return [Code(_rebuilt(f, entries, total_x, orbits, g_mnvo.shape), f.bits) for f in found]


def _table(entries: Entries, total_x) -> coder.Table:
    count = len(total_x)
    scale = np.concatenate([np.full(count, count**-0.5), np.sqrt(entries.weight_e / total_x.sum())])
    row = np.concatenate([np.zeros(count, int), 1 + entries.channel_e])
    column = np.concatenate([np.zeros(count, int), 1 + entries.orbit_e])
    return coder.Table(scale, row, column)


def _rebuilt(found: Rebuilt, entries: Entries, total_x, orbits: Orbits, shape):
    mean_x = found.value_e[: len(total_x)] / np.sqrt(total_x)
    deviation_e = found.value_e[len(total_x) :] / np.sqrt(entries.weight_e)
    value_e = mean_x[entries.channel_e] + deviation_e
    return spread(value_e[entries.entry_c].reshape(shape), orbits)
