"""Keep the symmetry orbits that carry most, drop the rest to a constant.

All channels compete for the same numbers.  An orbit and its hermitian partner are one entry.
"""

import numpy as np
from jaxtyping import Float

from ephforge.baselines.measure import Code, largest_mixture
from ephforge.baselines.symmetric import hermitian_mean, orbit_mean, spread
from ephforge.core.symmetry import Orbits


def largest_orbits(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits, counts: list[int], indexed: bool
) -> list[Code]:
    """The entries with the largest energy, multiplicity * (g - background)^2.

    The background of what is not kept is zero, one number, or one number per channel,
    whichever gives the smaller error.

    Args:
      indexed: True charges a number for the position of each entry; False gives positions
        away for free, which no code can do: a bound, not a method.
    """
    g_mnvo = hermitian_mean(orbit_mean(g_mnvkq, orbits), orbits)
    entry_e, weight_e, value_e, channel_e = _entries(g_mnvo, orbits)
    channel_e = np.unique(channel_e, return_inverse=True)[1]
    price = 2 if indexed else 1
    codes = []
    for count in counts:
        if count >= len(value_e):  # all of them, in order: no positions needed
            codes.append(Code(spread(g_mnvo, orbits), len(value_e)))
            continue
        tried = []
        for group_e in (None, np.zeros_like(channel_e), channel_e):
            stored = 0 if group_e is None else int(group_e.max()) + 1
            terms = (count - stored) // price
            if terms < 0:
                continue
            kept_e = min(terms, len(value_e))
            rebuilt_e = _thresholded(value_e, weight_e, group_e, kept_e)
            loss = float((weight_e * (rebuilt_e - value_e) ** 2).sum())
            tried.append((loss, rebuilt_e, stored + price * kept_e))
        _, rebuilt_e, stored = min(tried, key=lambda found: found[0])
        rebuilt = rebuilt_e[entry_e].reshape(g_mnvo.shape)
        codes.append(Code(spread(rebuilt, orbits), stored))
    return codes


def _entries(g_mnvo, orbits: Orbits):
    """Classes of (m, n, v, o) under hermiticity: class of each, weight, value, channel."""
    number_mnvo = np.arange(g_mnvo.size).reshape(g_mnvo.shape)
    partner_mnvo = np.swapaxes(number_mnvo, 0, 1)[..., orbits.partner_o]
    label = np.minimum(number_mnvo, partner_mnvo).ravel()
    first_e, entry = np.unique(label, return_index=True, return_inverse=True)[1:]
    size = np.broadcast_to(orbits.size_o, g_mnvo.shape).ravel()
    channel_e = first_e // g_mnvo.shape[-1]
    return entry, np.bincount(entry, size), g_mnvo.ravel()[first_e], channel_e


def _thresholded(value_e, weight_e, group_e, terms: int):
    """Keep `terms` entries, put the rest to the weighted mean of the rest of their group."""
    background_e = np.zeros_like(value_e)
    for _ in range(1 if group_e is None else 4):  # means and choice depend on each other
        energy_e = weight_e * (value_e - background_e) ** 2
        keep_e, _ = largest_mixture(energy_e, 2 * terms)
        if group_e is not None:
            rest_e = np.where(keep_e, 0.0, weight_e)
            total = np.bincount(group_e, rest_e)
            mean = np.bincount(group_e, rest_e * value_e) / np.where(total > 0, total, 1)
            background_e = mean[group_e]
    return np.where(keep_e, value_e, background_e)
