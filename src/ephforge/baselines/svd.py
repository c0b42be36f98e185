"""Truncated singular value decompositions of the k x q matrices of a block.

After Luo et al., PRX 14, 021023 (2024), who compress g that way channel by channel.  A
rank-1 term of an i x j matrix costs i + j numbers (its singular value goes into a factor).
"""

import numpy as np
from jaxtyping import Float
from scipy.linalg import svd as svd_of

from ephforge.baselines.measure import Code
from ephforge.baselines.symmetric import irreducible_columns, pack, spread, unpack, weight_pvo
from ephforge.core.symmetry import Orbits


def svd(g_mnvkq: Float[np.ndarray, "m n v k q"], counts: list[int]) -> list[Code]:
    """The k x q matrix of each channel (m, n, v) by itself, no symmetry used."""
    matrices = g_mnvkq.reshape(-1, *g_mnvkq.shape[3:])
    return [
        Code(rebuilt.reshape(g_mnvkq.shape), stored)
        for rebuilt, stored in _low_rank(matrices, counts)
    ]


def svd_irreducible_q(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits, counts: list[int]
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
    for rebuilt, stored in _low_rank(matrices.reshape(-1, *orbit_ki.shape), counts):
        x_pvki = rebuilt.reshape(matrices.shape) / weight_pv1i
        codes.append(Code(_from_columns(x_pvki, orbit_ki, orbits, bands), stored))
    return codes


def svd_joint(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits, counts: list[int]
) -> list[Code]:
    """One matrix for the whole material: channels times orbits, bands m <= n.

    Three ways to cut the array (p, v, o) in two are tried; the best one is kept and its
    choice costs a number.
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
        [
            (fold(y[0]), stored)
            for y, stored in _low_rank(cut[None], [max(c - 1, 0) for c in counts])
        ]
        for cut, fold in cuts
    ]
    codes = []
    for count, candidates in zip(counts, zip(*tried, strict=True), strict=True):
        y_pvo, stored = min(candidates, key=lambda found: np.linalg.norm(found[0] - x_pvo))
        g_mnvo = unpack(y_pvo / weight, orbits, bands)
        codes.append(Code(spread(g_mnvo, orbits), min(stored + 1, count)))
    return codes


def _low_rank(matrices_xij: Float[np.ndarray, "x i j"], counts: list[int]):
    """Best of: the same rank everywhere, or the strongest terms with their matrix's number."""
    left, strength_xr, right = _decompose(matrices_xij)
    x, i, j = matrices_xij.shape
    for count in counts:
        uniform = np.zeros(strength_xr.shape, dtype=bool)
        uniform[:, : count // (x * (i + j))] = True
        strongest = np.zeros(strength_xr.shape, dtype=bool)
        terms = min(count // (i + j + 1), strength_xr.size)
        strongest.flat[np.argsort(-strength_xr, axis=None, kind="stable")[:terms]] = True
        options = [(uniform, i + j), (strongest, i + j + 1)]
        keep, price = max(options, key=lambda option: (strength_xr[option[0]] ** 2).sum())
        yield (left * np.where(keep, strength_xr, 0)[:, None, :]) @ right, int(keep.sum()) * price


def _decompose(matrices_xij: Float[np.ndarray, "x i j"]):
    """Singular values and vectors; QR iteration where divide and conquer does not converge.

    LAPACK's gesdd gives up on some matrices of exactly equal rows with entries near 1e-12.
    """
    try:
        return np.linalg.svd(matrices_xij, full_matrices=False)
    except np.linalg.LinAlgError:
        found = [svd_of(m, full_matrices=False, lapack_driver="gesvd") for m in matrices_xij]
        return tuple(np.stack(part) for part in zip(*found, strict=True))


def _from_columns(x_pvki, orbit_ki, orbits: Orbits, bands: int):
    """Mean of the members of each orbit in its one column, spread to the full grid."""
    p, v = x_pvki.shape[:2]
    x_pvo = np.zeros((p, v, len(orbits.size_o)))
    np.add.at(np.moveaxis(x_pvo, -1, 0), orbit_ki, np.moveaxis(x_pvki, (0, 1), (2, 3)))
    x_pvo /= np.bincount(orbit_ki.ravel(), minlength=len(orbits.size_o))
    return spread(unpack(x_pvo, orbits, bands), orbits)
