"""Principal components of symmetric maps, fitted on the training split.

A map of one channel lives on the orbits of its lattice; weighted by the square root of the
orbit size, its norm is that of the grid.  Exchange of hermitian partners splits the orbits
into an even and an odd space: maps with m = n are even, so each space gets its own
components.  The joint form adds components across the channels (band pair, mode).

A lattice is known by its table of orbits alone: all fcc-based crystals share one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from ephforge.baselines.measure import Code, largest_mixture
from ephforge.baselines.symmetric import band_pairs, pack, spread, unpack, weight_pvo
from ephforge.core.blocks import Block, on_grid
from ephforge.core.symmetry import Orbits


class OrbitBasis(NamedTuple):
    """Orthonormal columns on weighted orbits, strongest first; which of them are odd."""

    vector_oj: Float[np.ndarray, "o j"]
    is_odd_j: Bool[np.ndarray, " j"]


class ChannelBasis(NamedTuple):
    """Orthonormal channel components for even and odd maps, and the order of all coefficients."""

    even_cd: Float[np.ndarray, "c d"]
    odd_cd: Float[np.ndarray, "c e"]
    order_e: Int[np.ndarray, " e"]


class Pca(NamedTuple):
    """Bases by lattice, and by lattice, bands and modes."""

    orbits: dict[bytes, OrbitBasis]
    channels: dict[tuple, ChannelBasis]


def lattice_key(orbits: Orbits) -> bytes:
    """Equal for materials whose pairs (k, q) fall into the same orbits."""
    return repr(orbits.orbit_kq.shape).encode() + orbits.orbit_kq.astype(np.int32).tobytes()


def fit(blocks: list[Block]) -> Pca:
    """Components of all lattices and channel shapes in a list of training materials.

    Every material weighs the same: blocks are scaled to unit norm.
    """
    gram, example = {}, {}
    for block in blocks:
        key = lattice_key(block.orbits)
        y_co = np.concatenate(_weighted_maps(block))
        gram[key] = gram.get(key, 0) + y_co.T @ y_co
        example[key] = block.orbits
    orbit_bases = {key: _orbit_basis(gram[key], example[key]) for key in gram}
    members = {}
    for block in blocks:
        members.setdefault(_channel_key(block), []).append(block)
    channel_bases = {
        key: _channel_basis(found, orbit_bases[key[0]]) for key, found in members.items()
    }
    return Pca(orbit_bases, channel_bases)


def pca(pca: Pca, block: Block, counts: list[int]) -> list[Code] | None:
    """Coefficients of each channel on the components of its lattice.

    Leading components of all channels first, then single large coefficients with their
    positions (`largest_mixture`).  None where no training material has this lattice.
    """
    basis = pca.orbits.get(lattice_key(block.orbits))
    if basis is None:
        return None
    coefficient_pvj, stored_pvj = _coefficients(block, basis)
    component = np.broadcast_to(np.arange(coefficient_pvj.shape[-1]), coefficient_pvj.shape)
    order = np.argsort(component[stored_pvj], kind="stable")
    codes = []
    for count in counts:
        keep, stored = largest_mixture(coefficient_pvj[stored_pvj] ** 2, count, order)
        kept_pvj = np.zeros_like(coefficient_pvj)
        kept_pvj[stored_pvj] = np.where(keep, coefficient_pvj[stored_pvj], 0)
        codes.append(Code(_rebuild(kept_pvj, block, basis), stored))
    return codes


def pca_joint(pca: Pca, block: Block, counts: list[int]) -> list[Code] | None:
    """Coefficients on products of channel and orbit components, ordered by training energy.

    None where no training material has this lattice with as many bands and modes.
    """
    key = _channel_key(block)
    if key not in pca.channels:
        return None
    basis, channels = pca.orbits[key[0]], pca.channels[key]
    coefficient_pvj, _ = _coefficients(block, basis)
    p, v, j = coefficient_pvj.shape
    product_e = _to_products(coefficient_pvj.reshape(p * v, j), basis, channels)
    codes = []
    for count in counts:
        keep_e, stored = largest_mixture(product_e**2, count, channels.order_e)
        kept_pvj = _from_products(np.where(keep_e, product_e, 0), basis, channels)
        codes.append(Code(_rebuild(kept_pvj.reshape(p, v, j), block, basis), stored))
    return codes


def _weighted_maps(block: Block) -> list[np.ndarray]:
    """All channel maps (m, n and n, m) of a material of unit norm, on weighted orbits."""
    bands = len(block.g)
    y_pvo = pack(on_grid(block), block.orbits) * weight_pvo(block.orbits, bands)
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
    return OrbitBasis(np.hstack([vectors for _, vectors in found])[:, order], is_odd_j[order])


def _coefficients(block: Block, basis: OrbitBasis):
    """Coefficients in meV, grid norm; and which of them exist (odd ones need m < n)."""
    bands = len(block.g)
    y_pvo = pack(on_grid(block), block.orbits) * weight_pvo(block.orbits, bands)
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
    channels = ChannelBasis(even_cd, odd_cd, np.zeros(0, dtype=int))
    energy_e = sum(_to_products(c_cj, basis, channels) ** 2 for c_cj in scaled)
    return channels._replace(order_e=np.argsort(-energy_e, kind="stable"))


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
