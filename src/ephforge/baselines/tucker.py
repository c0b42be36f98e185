"""Tucker decomposition of the array that symmetry leaves: band pairs, modes, orbits.

y_pvo = sum_abc C_abc U_pa V_vb W_oc.  A column of a factor is stored times the norm of its slice of
the core, so that the step of the whole code suits it, and columns too weak to pay for themselves
are left out.  The core is that of the rounded factors.
De Lathauwer, De Moor, Vandewalle, SIAM J. Matrix Anal. Appl. 21, 1253 (2000).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from tensorly.decomposition import tucker as decompose_tucker

from ephforge.baselines import coder
from ephforge.baselines.budget import HEADER_BYTES, Header, header_of, packed
from ephforge.baselines.measure import Code
from ephforge.baselines.symmetric import pack, spread, unpack, weight_pvo
from ephforge.core.blocks import Block, on_grid

WEAKEST = 0.25  # a column is kept if its energy is this times what rounding its entries costs


class Decomposition(NamedTuple):
    """The weighted array, orthonormal factors with falling strengths, and those strengths."""

    y_pvo: Float[np.ndarray, "p v o"]
    factors: list[np.ndarray]
    strengths: list[np.ndarray]


def tucker(block: Block, allowed: list[int]) -> list[Code]:
    """Quantised core and factors within each number of bits."""
    bands, orbits = len(block.g), block.orbits
    weight = weight_pvo(orbits, bands)
    found = decompose(pack(on_grid(block), orbits) * weight)
    norm, codes = float(np.linalg.norm(found.y_pvo)), []
    for data, _ in packed(lambda header: sections(found, header), norm, allowed):
        y_pvo = unpack_tucker(data, found.y_pvo.shape) if data else np.zeros(found.y_pvo.shape)
        codes.append(Code(spread(unpack(y_pvo / weight, orbits, bands), orbits), 8 * len(data)))
    return codes


def decompose(y_pvo: Float[np.ndarray, "p v o"]) -> Decomposition:
    """Higher-order singular value decomposition with full ranks."""
    p, v, o = y_pvo.shape
    rank = (min(p, v * o), min(v, p * o), min(o, p * v))
    core, factors = decompose_tucker(y_pvo, rank=rank, n_iter_max=1, init="svd")
    strengths = [np.sqrt((core**2).sum(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return Decomposition(y_pvo, [np.asarray(f) for f in factors], strengths)


def sections(found: Decomposition, header: Header) -> list[coder.Section]:
    """Ranks, strengths and columns of each factor; the core."""
    parts, rounded = [], []
    ranks = []
    for factor, strength in zip(found.factors, found.strengths, strict=True):
        kept = strength**2 > WEAKEST * len(factor) * header.step**2
        octave_r = np.rint(2 * np.log2(strength[kept] / header.step)).astype(int)
        columns_ri = (factor[:, kept] * strength[kept]).T
        columns = coder.Section(
            columns_ri.ravel(), _table(octave_r, len(factor), header.step), header.step
        )
        rounded.append(columns.estimate.value_e.reshape(columns_ri.shape))
        ranks.append(len(octave_r))
        parts += [coder.integers(octave_r), columns]
    factors, strengths = zip(*map(_normalised, rounded), strict=True)
    inverses = [np.linalg.pinv(f) for f in factors]
    core = np.einsum("pvo,ap,bv,co->abc", found.y_pvo, *inverses, optimize=True)
    core = coder.Section(core.ravel(), _core_table(strengths, header), header.step)
    return [coder.integers(np.array(ranks)), *parts, core]


def unpack_tucker(data: bytes, shape: tuple[int, int, int]) -> Float[np.ndarray, "p v o"]:
    """The array in a code."""
    header = header_of(data)
    ranks, *parts, core = coder.split(data[HEADER_BYTES:], 8)
    rounded = []
    for rows, rank, octaves, columns in zip(
        shape, coder.decode_integers(ranks, 3), parts[::2], parts[1::2], strict=True
    ):
        table = _table(coder.decode_integers(octaves, int(rank)), rows, header.step)
        rounded.append(coder.decode(columns, table, header.step).reshape(-1, rows))
    factors, strengths = zip(*map(_normalised, rounded), strict=True)
    core = coder.decode(core, _core_table(strengths, header), header.step)
    core = core.reshape([f.shape[1] for f in factors])
    return np.einsum("abc,pa,vb,oc->pvo", core, *factors, optimize=True)


def _normalised(columns_ri):
    """Factor with columns of norm 1, or 0; and the norms."""
    strength_r = np.linalg.norm(columns_ri, axis=1)
    return (columns_ri / np.where(strength_r > 0, strength_r, 1)[:, None]).T, strength_r


def _table(octave_r, rows: int, step: float) -> coder.Table:
    scale_r = 0.8 * step * 2.0 ** (octave_r / 2) / np.sqrt(rows)
    return coder.table(np.broadcast_to(scale_r[:, None], (len(octave_r), rows)))


def _core_table(strengths, header: Header) -> coder.Table:
    share = [s / header.norm for s in strengths]
    scale_abc = header.norm * np.einsum("a,b,c->abc", *share)
    a, b, c = scale_abc.shape
    return coder.table(scale_abc.reshape(a * b, c))
