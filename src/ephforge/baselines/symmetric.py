"""The symmetric part of a block: orbits of (k, q), and hermitian partners.

Every baseline that uses symmetry goes through here, so all of them pay the same (small)
price where a first-principles grid is not exactly symmetric.

Hermiticity, g_mn(o) = g_nm(partner o), leaves the bands m <= n: the packed form x_pvo has
one row p per such pair of bands.  Weighted by `weight_pvo`, its Euclidean norm is the norm
of the full grid.
"""

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.blocks import Block
from ephforge.core.symmetry import Orbits


def orbit_mean(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits
) -> Float[np.ndarray, "m n v o"]:
    """Mean over the pairs of each orbit: the closest symmetric array in the norm of the grid."""
    order = np.argsort(orbits.orbit_kq, axis=None, kind="stable")
    start_o = np.concatenate([[0], np.cumsum(orbits.size_o)[:-1]])
    flat = g_mnvkq.reshape(*g_mnvkq.shape[:3], -1)[..., order]
    return np.add.reduceat(flat, start_o, axis=-1) / orbits.size_o


def on_orbits(block: Block) -> Float[np.ndarray, "m n v o"]:
    """Hermitian mean of a block over its orbits, whatever it was computed on."""
    given = block.g if block.g_grid is None else orbit_mean(block.g_grid, block.orbits)
    return hermitian_mean(given, block.orbits)


def hermitian_mean(
    g_mnvo: Float[np.ndarray, "m n v o"], orbits: Orbits
) -> Float[np.ndarray, "m n v o"]:
    """Mean of g_mn(o) and g_nm(partner o)."""
    return (g_mnvo + np.swapaxes(g_mnvo, 0, 1)[..., orbits.partner_o]) / 2


def spread(g_mnvo: Float[np.ndarray, "m n v o"], orbits: Orbits):
    """From orbits to the full grid, g_mnvkq."""
    return g_mnvo[..., orbits.orbit_kq]


def band_pairs(bands: int) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """Bands m and n of the pairs with m <= n."""
    return np.triu_indices(bands)


def pack(g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits) -> Float[np.ndarray, "p v o"]:
    """Independent numbers of the symmetric, hermitian part."""
    return hermitian_mean(orbit_mean(g_mnvkq, orbits), orbits)[band_pairs(len(g_mnvkq))]


def unpack(
    x_pvo: Float[np.ndarray, "p v o"], orbits: Orbits, bands: int
) -> Float[np.ndarray, "m n v o"]:
    """Inverse of `pack`, on orbits; bands m = n are made hermitian."""
    m_p, n_p = band_pairs(bands)
    g_mnvo = np.empty((bands, bands, *x_pvo.shape[1:]))
    g_mnvo[n_p, m_p] = x_pvo[..., orbits.partner_o]
    g_mnvo[m_p, n_p] = x_pvo
    return hermitian_mean(g_mnvo, orbits)


def weight_pvo(orbits: Orbits, bands: int) -> Float[np.ndarray, "p 1 o"]:
    """Square root of how many numbers of the grid one number x_pvo stands for."""
    m_p, n_p = band_pairs(bands)
    return np.sqrt(np.where(m_p == n_p, 1.0, 2.0)[:, None, None] * orbits.size_o)


def irreducible_columns(
    orbits: Orbits,
) -> tuple[Int[np.ndarray, " i"], Int[np.ndarray, " i"]]:
    """One q of each star of q, and the number of q in the star.

    Two q are of one star if they share an orbit of pairs; they then share all of them.
    """
    label_q = orbits.orbit_kq.min(axis=0)
    _, first_i, size_i = np.unique(label_q, return_index=True, return_counts=True)
    return first_i, size_i
