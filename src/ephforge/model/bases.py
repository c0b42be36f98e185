"""Orthonormal bases of the transform: combinations of channels, eigenvectors, exchange.

Axes   x band-band-mode channels   c even or odd ones   o orbits   i orbit functions
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array

TIES = 1e-7  # slope that tells equal eigenvalues apart, in units of the mean one


class Part(NamedTuple):
    """Bases of the even or odd part of a block, not padded, and their second moments."""

    basis_oi: np.ndarray
    value_i: np.ndarray
    channel_xc: np.ndarray
    value_c: np.ndarray


def even_odd(bands: int, modes: int) -> tuple[np.ndarray, np.ndarray]:
    """Channel combinations [x, c] that are even and odd under exchange of bands."""
    full = bands * bands * modes
    unit = np.eye(full).reshape(bands, bands, modes, full)
    m, n = np.triu_indices(bands)
    factor = np.where(m == n, 0.5, np.sqrt(0.5))[:, None, None]
    even = ((unit[m, n] + unit[n, m]) * factor).reshape(len(m) * modes, full)
    m, n = np.triu_indices(bands, 1)
    odd = ((unit[m, n] - unit[n, m]) * np.sqrt(0.5)).reshape(len(m) * modes, full)
    return even.T, odd.T


def eigenvectors(moment, part=None):
    """Eigenvectors, largest value first, the same on whatever machine.

    Values that coincide are told apart by a small ramp, the sign is that of a sum over the
    vector with weights that no symmetry knows.

    Args:
      part: columns that the moment is taken in, orthonormal; None for all of its own space.
    """
    part = csr_array(np.eye(len(moment))) if part is None else part
    n = part.shape[0]
    ramp = TIES * np.trace(moment) / max(n, 1) * np.arange(n) / max(n, 1)
    inside = part.T @ (part.T @ moment).T
    ramp = part.T @ part.multiply(ramp[:, None])
    rotation = np.linalg.eigh(inside + ramp.toarray())[1][:, ::-1]
    vector = part @ rotation
    sign = np.where(np.cos(np.arange(n) + 0.5) @ vector < 0, -1.0, 1.0)
    value = np.einsum("ij,ij->j", rotation, inside @ rotation)
    return np.maximum(value, 0), vector * sign


def exchange_basis(partner_o: Int[np.ndarray, " o"], sign: int):
    """Sparse columns [o, i]: functions on orbits that are even (sign 1) or odd under exchange."""
    o = np.arange(len(partner_o))
    first, own = o[o < partner_o], o[o == partner_o] if sign > 0 else o[:0]
    pair, half = np.arange(len(first)), np.full(len(first), np.sqrt(0.5))
    value = np.concatenate([half, sign * half, np.ones(len(own))])
    row = np.concatenate([first, partner_o[first], own])
    column = np.concatenate([pair, pair, len(first) + np.arange(len(own))])
    return csr_array((value, (row, column)), shape=(len(o), len(first) + len(own)))


def synthesised(parts: tuple[Part, Part], c_e: Float[np.ndarray, " e"]) -> Float[np.ndarray, "x o"]:
    """The block of even and odd coefficients."""
    shapes = [(p.basis_oi.shape[1], p.channel_xc.shape[1]) for p in parts]
    pieces = np.split(c_e, [math.prod(shapes[0])])
    return sum(
        part.channel_xc @ (part.basis_oi @ piece.reshape(shape)).T
        for part, piece, shape in zip(parts, pieces, shapes, strict=True)
    )


def analysed(parts: tuple[Part, Part], y_xo: Float[np.ndarray, "x o"]) -> Float[np.ndarray, " e"]:
    """Even and odd coefficients of a block."""
    return np.concatenate([(p.basis_oi.T @ (y_xo.T @ p.channel_xc)).ravel() for p in parts])
