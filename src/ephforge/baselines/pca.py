"""Principal components of symmetric maps, fitted on the training split, and their quantised codes.

A map of one channel lives on the orbits of its lattice; weighted by the square root of the
orbit size, its norm is that of the grid.  Exchange of hermitian partners splits the orbits
into an even and an odd space: maps with m = n are even, so each space gets its own
components.  The joint form adds components across the channels (band pair, mode), and components
of whole blocks: those are no second transform, but predict coefficients from the ones already
coded (factors.py).  The scale of every coefficient comes from the training split as well.

A lattice is known by its table of orbits alone: all fcc-based crystals share one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ephforge.baselines import coder
from ephforge.baselines.budget import quantised
from ephforge.baselines.measure import Code
from ephforge.baselines.symmetric import band_pairs, on_orbits, spread, unpack, weight_pvo
from ephforge.core.blocks import Block
from ephforge.core.symmetry import Orbits

FACTORS = 2000  # correlated combinations of coefficients, at most; as many as the autoencoder has
FOLDS = 5  # of the training materials; fewer materials than this get no factors
SEPARABLE = 3.0  # scales of rows times columns count as much as this many training materials
_SMALLEST_SCALE = 1e-9  # of a material of unit norm


class OrbitBasis(NamedTuple):
    """Orthonormal columns on weighted orbits, strongest first.

    Attributes:
      vector_oj: the columns.
      is_odd_j: which of them change sign under exchange.
      scale_j: mean |coefficient| of a channel over training materials of unit norm.
    """

    vector_oj: Float[np.ndarray, "o j"]
    is_odd_j: Bool[np.ndarray, " j"]
    scale_j: Float[np.ndarray, " j"]


class ChannelBasis(NamedTuple):
    """Orthonormal channel components for even and odd maps; what is known of all coefficients."""

    even_cd: Float[np.ndarray, "c d"]
    odd_cd: Float[np.ndarray, "c e"]
    known: coder.Table


class Pca(NamedTuple):
    """Bases by lattice, and by lattice, bands and modes."""

    orbits: dict[bytes, OrbitBasis]
    channels: dict[tuple, ChannelBasis]


def lattice_key(orbits: Orbits) -> bytes:
    """Equal for materials whose pairs (k, q) fall into the same orbits."""
    return repr(orbits.orbit_kq.shape).encode() + orbits.orbit_kq.astype(np.int32).tobytes()


def fit(blocks: list[Block], targets: list[Block]) -> Pca:
    """Components of the training materials, for the lattices and channel shapes of the targets.

    Every material weighs the same: blocks are scaled to unit norm.
    """
    gram, example = {}, {}
    shapes = {_channel_key(block) for block in targets}
    lattices = {key[0] for key in shapes}
    for block in blocks:
        key = lattice_key(block.orbits)
        if key not in lattices:
            continue
        y_co = np.concatenate(_weighted_maps(block))
        gram[key] = gram.get(key, 0) + y_co.T @ y_co
        example[key] = block.orbits
    orbit_bases = {key: _orbit_basis(gram[key], example[key]) for key in gram}
    members = {}
    for block in blocks:
        if _channel_key(block) in shapes:
            members.setdefault(_channel_key(block), []).append(block)
    channel_bases = {
        key: _channel_basis(found, orbit_bases[key[0]]) for key, found in members.items()
    }
    return Pca(orbit_bases, channel_bases)


def decoder_bytes(fitted: Pca, block: Block) -> int:
    """Bytes of the bases and scales that the code of a block needs, single precision."""
    basis = fitted.orbits.get(lattice_key(block.orbits))
    channels = fitted.channels.get(_channel_key(block))
    arrays = [] if basis is None else [basis.vector_oj, basis.scale_j]
    if channels is not None:
        arrays += [channels.even_cd, channels.odd_cd, channels.known.scale_e]
        if channels.known.loading_er is not None:
            arrays.append(channels.known.loading_er)
    return 4 * sum(a.size for a in arrays)


def pca(fitted: Pca, block: Block, allowed: list[int]) -> list[Code] | None:
    """Coefficients of each channel on the components of its lattice.

    None where no training material has this lattice.
    """
    basis = fitted.orbits.get(lattice_key(block.orbits))
    if basis is None:
        return None
    coefficient_pvj, exists_pvj = _coefficients(block, basis)
    p, v, j = coefficient_pvj.shape
    full = coder.table(np.broadcast_to(basis.scale_j, (p * v, j)))
    selected = exists_pvj.ravel()
    known = coder.Table(*(part[selected] for part in full[:3]))
    codes = []
    for found in quantised(coefficient_pvj[exists_pvj], known, allowed):
        rebuilt_pvj = np.zeros_like(coefficient_pvj)
        rebuilt_pvj[exists_pvj] = found.value_e
        codes.append(Code(_rebuild(rebuilt_pvj, block, basis), found.bits))
    return codes


def pca_joint(fitted: Pca, block: Block, allowed: list[int]) -> list[Code] | None:
    """Coefficients on products of channel and orbit components.

    None where no training material has this lattice with as many bands and modes.
    """
    key = _channel_key(block)
    if key not in fitted.channels:
        return None
    basis, channels = fitted.orbits[key[0]], fitted.channels[key]
    coefficient_pvj, _ = _coefficients(block, basis)
    p, v, j = coefficient_pvj.shape
    product_e = _to_products(coefficient_pvj.reshape(p * v, j), basis, channels)
    codes = []
    for found in quantised(product_e, channels.known, allowed):
        rebuilt_cj = _from_products(found.value_e, basis, channels)
        codes.append(Code(_rebuild(rebuilt_cj.reshape(p, v, j), block, basis), found.bits))
    return codes


def _weighted_maps(block: Block) -> list[np.ndarray]:
    """All channel maps (m, n and n, m) of a material of unit norm, on weighted orbits."""
    bands = len(block.g)
    y_pvo = on_orbits(block)[band_pairs(bands)] * weight_pvo(block.orbits, bands)
    y_pvo /= np.linalg.norm(y_pvo) or 1.0
    m_p, n_p = band_pairs(bands)
    half_p = np.where(m_p == n_p, 1.0, np.sqrt(0.5))[:, None, None]
    forward = (y_pvo * half_p).reshape(-1, y_pvo.shape[-1])
    backward = (y_pvo * half_p)[m_p < n_p].reshape(-1, y_pvo.shape[-1])
    return [forward, backward[:, block.orbits.partner_o]]


def _orbit_basis(gram_oo, orbits: Orbits) -> OrbitBasis:
    o = np.arange(len(orbits.partner_o))
    first = o[o <= orbits.partner_o]
    partner = orbits.partner_o[first]
    pairs = first[first != partner]
    even = np.zeros((len(o), len(first)))
    even[first, np.arange(len(first))] += 1
    even[partner, np.arange(len(first))] += 1
    odd = np.zeros((len(o), len(pairs)))
    odd[pairs, np.arange(len(pairs))] = 1
    odd[orbits.partner_o[pairs], np.arange(len(pairs))] = -1
    found = []
    for space in (even, odd):
        space /= np.linalg.norm(space, axis=0)
        energy, vectors = np.linalg.eigh(space.T @ gram_oo @ space)
        found.append((energy, space @ vectors))
    energy_j = np.concatenate([energy for energy, _ in found])
    is_odd_j = np.arange(len(energy_j)) >= len(first)
    order = np.argsort(-energy_j, kind="stable")
    scale_j = np.sqrt(np.maximum(energy_j[order], 0) / max(energy_j.sum(), 1e-300))
    vector_oj = np.hstack([vectors for _, vectors in found])[:, order]
    return OrbitBasis(vector_oj, is_odd_j[order], np.maximum(scale_j, _SMALLEST_SCALE))


def _coefficients(block: Block, basis: OrbitBasis):
    """Coefficients in meV, grid norm; and which of them exist (odd ones need m < n)."""
    bands = len(block.g)
    y_pvo = on_orbits(block)[band_pairs(bands)] * weight_pvo(block.orbits, bands)
    coefficient_pvj = y_pvo @ basis.vector_oj
    m_p, n_p = band_pairs(bands)
    exists = (m_p < n_p)[:, None, None] | ~basis.is_odd_j
    return coefficient_pvj, np.broadcast_to(exists, coefficient_pvj.shape)


def _rebuild(coefficient_pvj, block: Block, basis: OrbitBasis):
    bands = len(block.g)
    x_pvo = coefficient_pvj @ basis.vector_oj.T / weight_pvo(block.orbits, bands)
    return spread(unpack(x_pvo, block.orbits, bands), block.orbits)


def _channel_key(block: Block) -> tuple:
    return lattice_key(block.orbits), block.g.shape[0], block.g.shape[2]


def _off_diagonal(block: Block) -> Bool[np.ndarray, " c"]:
    m_p, n_p = band_pairs(len(block.g))
    return np.repeat(m_p < n_p, block.g.shape[2])


def _channel_basis(blocks: list[Block], basis: OrbitBasis) -> ChannelBasis:
    scaled = []
    for block in blocks:
        coefficient_pvj, _ = _coefficients(block, basis)
        c_cj = coefficient_pvj.reshape(-1, coefficient_pvj.shape[-1])
        scaled.append(c_cj / (np.linalg.norm(c_cj) or 1.0))
    even_cd = _principal(np.hstack([c_cj[:, ~basis.is_odd_j] for c_cj in scaled]))
    select_c = _off_diagonal(blocks[0])
    odd_cd = np.zeros((len(select_c), int(select_c.sum())))
    if odd_cd.shape[1]:
        odd_cd[select_c] = _principal(np.hstack([c[select_c][:, basis.is_odd_j] for c in scaled]))
    row_e, column_e = _places(basis, even_cd.shape[1], odd_cd.shape[1])
    channels = ChannelBasis(even_cd, odd_cd, coder.Table(np.zeros(0), row_e, column_e))
    sample_te = np.array([_to_products(c_cj, basis, channels) for c_cj in scaled])
    return channels._replace(known=_known(sample_te, row_e, column_e))


def _known(sample_te: Float[np.ndarray, "t e"], row_e, column_e) -> coder.Table:
    """Factors common to the training materials, and scales of what is left.

    The left-over is measured on materials that the factors were not fitted on.
    """
    count = len(sample_te)
    left_te = sample_te.copy()
    if count >= FOLDS:
        for fold in range(FOLDS):
            is_out_t = np.arange(count) % FOLDS == fold
            axes_re = _axes(sample_te[~is_out_t])[1]
            left_te[is_out_t] -= sample_te[is_out_t] @ axes_re.T @ axes_re
    scale_e = _shrunk(np.abs(left_te), row_e, column_e)
    if count < FOLDS:
        return coder.Table(scale_e, row_e, column_e)
    strength_r, axes_re = _axes(sample_te)
    loading_er = axes_re.T * strength_r / np.sqrt(count)
    return coder.Table(scale_e, row_e, column_e, loading_er.astype(np.float32))


def _axes(sample_te):
    """Strengths and unit vectors of the strongest factors."""
    _, strength_r, axes_re = np.linalg.svd(sample_te, full_matrices=False)
    return strength_r[:FACTORS], axes_re[:FACTORS]


def _places(basis: OrbitBasis, even: int, odd: int):
    """Channel and orbit component of each product, even ones first."""
    even_j, odd_j = np.flatnonzero(~basis.is_odd_j), np.flatnonzero(basis.is_odd_j)
    row_e = np.concatenate(
        [np.repeat(np.arange(even), len(even_j)), even + np.repeat(np.arange(odd), len(odd_j))]
    )
    return row_e, np.concatenate([np.tile(even_j, even), np.tile(odd_j, odd)])


def _shrunk(size_te: Float[np.ndarray, "t e"], row_e: Int[np.ndarray, " e"], column_e):
    """Mean |coefficient|, drawn towards products of row and column scales where few are known."""
    square_e = size_te.mean(axis=0) ** 2
    row, column = np.bincount(row_e, square_e), np.bincount(column_e, square_e)
    separable_e = row[row_e] * column[column_e] / max(square_e.sum(), 1e-300)
    weight = len(size_te) / (len(size_te) + SEPARABLE)
    scale_e = np.sqrt(weight * square_e + (1 - weight) * separable_e)
    return np.maximum(scale_e, _SMALLEST_SCALE)


def _principal(samples_cx):
    return np.linalg.eigh(samples_cx @ samples_cx.T)[1][:, ::-1]


def _to_products(coefficient_cj, basis: OrbitBasis, channels: ChannelBasis):
    even = channels.even_cd.T @ coefficient_cj[:, ~basis.is_odd_j]
    odd = channels.odd_cd.T @ coefficient_cj[:, basis.is_odd_j]
    return np.concatenate([even.ravel(), odd.ravel()])


def _from_products(product_e, basis: OrbitBasis, channels: ChannelBasis):
    n_even = int((~basis.is_odd_j).sum())
    split = channels.even_cd.shape[1] * n_even
    coefficient_cj = np.empty((len(channels.even_cd), len(basis.is_odd_j)))
    even, odd = product_e[:split], product_e[split:]
    coefficient_cj[:, ~basis.is_odd_j] = channels.even_cd @ even.reshape(-1, n_even)
    n_odd = len(basis.is_odd_j) - n_even
    coefficient_cj[:, basis.is_odd_j] = channels.odd_cd @ odd.reshape(
        channels.odd_cd.shape[1], n_odd
    )
    return coefficient_cj
