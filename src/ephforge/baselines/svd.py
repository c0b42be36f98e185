"""Truncated singular value decompositions of the k x q matrices of a block, quantised.

After Luo et al., PRX 14, 021023 (2024), who compress g that way channel by channel.  A term
u s v^T is stored as the columns u s and v s, both with the step of the whole code: an error of
either then enters the matrix with the gain 1.  Its strength s, in half octaves of the step,
tells the scale of both; terms too weak to pay for their columns are left out.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import svd as svd_of

from ephforge.baselines import coder
from ephforge.baselines.budget import HEADER_BYTES, Header, header_of, packed
from ephforge.baselines.measure import Code
from ephforge.baselines.symmetric import irreducible_columns, pack, spread, unpack, weight_pvo
from ephforge.core.symmetry import Orbits

WEAKEST = 0.25  # a term is kept if its energy is this times what rounding all its entries costs


class Terms(NamedTuple):
    """All terms of a stack of matrices, strongest first within each matrix."""

    left_xir: Float[np.ndarray, "x i r"]
    strength_xr: Float[np.ndarray, "x r"]
    right_xrj: Float[np.ndarray, "x r j"]


def svd(g_mnvkq: Float[np.ndarray, "m n v k q"], allowed: list[int]) -> list[Code]:
    """The k x q matrix of each channel (m, n, v) by itself, no symmetry used."""
    matrices = g_mnvkq.reshape(-1, *g_mnvkq.shape[3:])
    return [
        Code(rebuilt.reshape(g_mnvkq.shape), bits) for rebuilt, bits in low_rank(matrices, allowed)
    ]


def svd_irreducible_q(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits, allowed: list[int]
) -> list[Code]:
    """All k times one q of each star, for bands m <= n; the rest follows by symmetry.

    A column counts as often as its star has members, so that the error of the full grid is
    what the decomposition minimises.
    """
    bands = len(g_mnvkq)
    x_pvo = pack(g_mnvkq, orbits)
    column_i, size_i = irreducible_columns(orbits)
    orbit_ki = orbits.orbit_kq[:, column_i]
    band_weight_p = weight_pvo(orbits, bands)[:, 0, 0] / np.sqrt(orbits.size_o[0])
    weight_pv1i = band_weight_p[:, None, None, None] * np.sqrt(size_i)
    matrices = x_pvo[..., orbit_ki] * weight_pv1i

    codes = []
    for rebuilt, bits in low_rank(matrices.reshape(-1, *orbit_ki.shape), allowed):
        x_pvki = rebuilt.reshape(matrices.shape) / weight_pv1i
        codes.append(Code(_from_columns(x_pvki, orbit_ki, orbits, bands), bits))
    return codes


def svd_joint(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits, allowed: list[int]
) -> list[Code]:
    """One matrix for the whole material: channels times orbits, bands m <= n.

    Three ways to cut the array (p, v, o) in two are tried; the best one is kept and its
    choice costs a byte.
    """
    bands = len(g_mnvkq)
    weight = weight_pvo(orbits, bands)
    x_pvo = pack(g_mnvkq, orbits) * weight
    p, v, o = x_pvo.shape
    cuts = [
        (x_pvo.reshape(p * v, o), lambda y: y.reshape(p, v, o)),
        (x_pvo.reshape(p, v * o), lambda y: y.reshape(p, v, o)),
        (x_pvo.swapaxes(0, 1).reshape(v, p * o), lambda y: y.reshape(v, p, o).swapaxes(0, 1)),
    ]
    tried = [
        [(fold(y[0]), bits) for y, bits in low_rank(cut[None], [a - 8 for a in allowed])]
        for cut, fold in cuts
    ]
    codes = []
    for candidates in zip(*tried, strict=True):
        y_pvo, bits = min(candidates, key=lambda found: np.linalg.norm(found[0] - x_pvo))
        g_mnvo = unpack(y_pvo / weight, orbits, bands)
        codes.append(Code(spread(g_mnvo, orbits), bits and bits + 8))
    return codes


def low_rank(
    matrices_xij: Float[np.ndarray, "x i j"], allowed: list[int]
) -> list[tuple[Float[np.ndarray, "x i j"], int]]:
    """Matrices from quantised terms, and the bits of each code."""
    terms, norm = decompose(matrices_xij), float(np.linalg.norm(matrices_xij))
    found = []
    for data, _ in packed(lambda header: sections(terms, header), norm, allowed):
        rebuilt = unpack_terms(data, matrices_xij.shape) if data else np.zeros(matrices_xij.shape)
        found.append((rebuilt, 8 * len(data)))
    return found


def sections(terms: Terms, header: Header) -> list[coder.Section]:
    """Ranks, strengths and columns of the terms that pay for themselves at a step."""
    _, i, _ = terms.left_xir.shape
    j = terms.right_xrj.shape[2]
    kept_xr = terms.strength_xr**2 > WEAKEST * (i + j) * header.step**2
    strength_t = terms.strength_xr[kept_xr]
    octave_t = np.rint(2 * np.log2(strength_t / header.step)).astype(int)
    left_ti = terms.left_xir.swapaxes(1, 2)[kept_xr] * strength_t[:, None]
    right_tj = terms.right_xrj[kept_xr] * strength_t[:, None]
    columns = np.hstack([left_ti, right_tj]).ravel()
    return [
        coder.integers(kept_xr.sum(axis=1)),
        coder.integers(octave_t),
        coder.Section(columns, _table(octave_t, i, j, header.step), header.step),
    ]


def unpack_terms(data: bytes, shape: tuple[int, int, int]) -> Float[np.ndarray, "x i j"]:
    """Sum of the terms in a code."""
    (x, i, j), header = shape, header_of(data)
    ranks, octaves, columns = coder.split(data[HEADER_BYTES:], 3)
    rank_x = coder.decode_integers(ranks, x)
    octave_t = coder.decode_integers(octaves, int(rank_x.sum()))
    table = _table(octave_t, i, j, header.step)
    values_tc = coder.decode(columns, table, header.step).reshape(-1, i + j)
    left_ti, right_tj = values_tc[:, :i], values_tc[:, i:]
    gain_t = np.linalg.norm(left_ti, axis=1) * np.linalg.norm(right_tj, axis=1)
    left_ti = left_ti / np.sqrt(np.where(gain_t > 0, gain_t, 1))[:, None]
    rebuilt_xij = np.zeros(shape)
    np.add.at(
        rebuilt_xij, np.repeat(np.arange(x), rank_x), left_ti[:, :, None] * right_tj[:, None, :]
    )
    return rebuilt_xij


def _table(octave_t, i: int, j: int, step: float) -> coder.Table:
    """Entries of a unit column of length i are 0.8 / sqrt(i) in the mean."""
    strength_t = step * 2.0 ** (octave_t / 2)
    share_c = 0.8 / np.sqrt(np.concatenate([np.full(i, i), np.full(j, j)]))
    return coder.table(strength_t[:, None] * share_c)


def decompose(matrices_xij: Float[np.ndarray, "x i j"]) -> Terms:
    """Singular values and vectors; QR iteration where divide and conquer does not converge.

    LAPACK's gesdd gives up on some matrices of exactly equal rows with entries near 1e-12.
    """
    try:
        return Terms(*np.linalg.svd(matrices_xij, full_matrices=False))
    except np.linalg.LinAlgError:
        found = [svd_of(m, full_matrices=False, lapack_driver="gesvd") for m in matrices_xij]
        return Terms(*(np.stack(part) for part in zip(*found, strict=True)))


def _from_columns(x_pvki, orbit_ki, orbits: Orbits, bands: int):
    """Mean of the members of each orbit in its one column, spread to the full grid."""
    p, v = x_pvki.shape[:2]
    x_pvo = np.zeros((p, v, len(orbits.size_o)))
    np.add.at(np.moveaxis(x_pvo, -1, 0), orbit_ki, np.moveaxis(x_pvki, (0, 1), (2, 3)))
    x_pvo /= np.bincount(orbit_ki.ravel(), minlength=len(orbits.size_o))
    return spread(unpack(x_pvo, orbits, bands), orbits)
