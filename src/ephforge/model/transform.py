"""The linear path of the autoencoder: a Karhunen-Loeve transform learned from training data.

|g| on orbits, each weighted by the square root of its share of pairs, is a matrix Y[o, x].
Hermiticity splits it: (Y_mn + Y_nm)/sqrt 2 is even under the exchange of partner orbits, and
(Y_mn - Y_nm)/sqrt 2 odd.  Both parts are rotated by orthonormal bases,

    C = U^T Y A,

U over orbits (one per class of mesh and symmetry), A over band-band-mode channels (one per
number of bands and modes), the eigenvectors of the second moments of the training split.
How large each coefficient is there is what the entropy coder starts from (prior.py).

A class without training materials gets the prior alone: a smooth random field, the resolvent
of the mean convolution.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ephforge.core.blocks import Block
from ephforge.model.geometry import geometry_of

PRIOR_VARIANCES = 4.0  # the separable guess of variances counts as this many materials
PRIOR_MATERIALS = 1.0  # the prior counts as this many materials in second moments over orbits
SMOOTHNESS = 0.9  # of the prior field; below 1
JITTER = 1e-4  # share of the mean variance added to the diagonal when unseen orbits are guessed


@dataclass(frozen=True)
class Statistics:
    """What the transform takes from the training split; every material has rms |g| 1.

    Attributes:
      orbits: class -> second moment over orbits [o, o].
      even, odd: "class|bands-modes", and "bands-modes" for classes not trained on -> second
        moment over even and odd channels.
      variances_even, variances_odd: "class|bands-modes" -> mean square of each coefficient.
    """

    orbits: dict[str, np.ndarray]
    even: dict[str, np.ndarray]
    odd: dict[str, np.ndarray]
    variances_even: dict[str, np.ndarray]
    variances_odd: dict[str, np.ndarray]


class Part(NamedTuple):
    """Bases of the even or odd part of a block, not padded, and their second moments."""

    basis_oi: np.ndarray
    value_i: np.ndarray
    channel_xc: np.ndarray
    value_c: np.ndarray


def class_of(block: Block) -> str:
    """Name of the class of materials with the same orbits."""
    orbit_kq = np.ascontiguousarray(block.orbits.orbit_kq, dtype=np.int32)
    return "class_" + hashlib.sha256(orbit_kq.tobytes()).hexdigest()[:12]


def channel_set_of(block: Block) -> str:
    """Name of the set of channels a block has."""
    return f"{len(block.g)}-{block.g.shape[2]}"


def weighted(block: Block) -> Float[np.ndarray, "m n v o"]:
    """Y: |g| with rms 1, times the square root of each orbit's share of the pairs."""
    share_o = block.orbits.size_o / block.orbits.size_o.sum()
    y_mnvo = block.g.astype(float) * np.sqrt(share_o)
    norm = np.sqrt(np.sum(y_mnvo**2) / y_mnvo[..., 0].size)
    return y_mnvo / norm if norm > 0 else y_mnvo


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


def statistics_of(blocks: list[Block]) -> Statistics:
    """Second moments and variances of the materials of the training split."""
    classes, channel_sets = defaultdict(list), defaultdict(list)
    for block in blocks:
        classes[class_of(block)].append(block)
        channel_sets[channel_set_of(block)].append(block)
        channel_sets[_pair_of(block)].append(block)
    orbits = {name: _orbit_moment(members) for name, members in classes.items()}
    even, odd = {}, {}
    for name, members in channel_sets.items():
        combine = even_odd(len(members[0].g), members[0].g.shape[2])
        for moments, combine_xc in zip((even, odd), combine, strict=True):
            rows = [combine_xc.T @ weighted(b).reshape(len(combine_xc), -1) for b in members]
            moments[name] = sum(r @ r.T for r in rows) / len(rows)
    first = Statistics(orbits, even, odd, {}, {})
    together = defaultdict(list)
    for block in blocks:
        together[_pair_of(block)].append(block)
    for name, members in together.items():
        squares = [_squares(members, part) for part in parts_of(members[0], first)]
        guess = [_separable(part) for part in parts_of(members[0], first)]
        scale = (squares[0].sum() + squares[1].sum()) / (guess[0].sum() + guess[1].sum())
        n = len(members)
        for table, square, separable in zip(
            (first.variances_even, first.variances_odd), squares, guess, strict=True
        ):
            total = n * square + PRIOR_VARIANCES * scale * separable
            table[name] = total / (n + PRIOR_VARIANCES)
    return first


def parts_of(block: Block, statistics: Statistics) -> tuple[Part, Part]:
    """Even and odd bases of the class and the channels of a block."""
    moment_oo = statistics.orbits.get(class_of(block))
    if moment_oo is None:
        moment_oo = _orbit_moment([], block)
    exchange_oo = np.eye(len(moment_oo))[geometry_of(block).partner_o]
    parts = []
    for sign, combine_xc, moments in zip(
        (1, -1),
        even_odd(len(block.g), block.g.shape[2]),
        (statistics.even, statistics.odd),
        strict=True,
    ):
        generic_cc = moments.get(channel_set_of(block), np.eye(combine_xc.shape[1]))
        moment_cc = moments.get(_pair_of(block), generic_cc)
        value_c, vector_cc = _eigenvectors(moment_cc)
        value_i, basis_oi = _invariant_eigenvectors(moment_oo, exchange_oo, sign)
        parts.append(Part(basis_oi, value_i, combine_xc @ vector_cc, value_c))
    return tuple(parts)


def variances_of(
    block: Block, statistics: Statistics, parts: tuple[Part, Part]
) -> tuple[np.ndarray, np.ndarray]:
    """Expected squares of the even and odd coefficients of a block with rms |g| 1."""
    tables = (statistics.variances_even, statistics.variances_odd)
    found = [
        np.asarray(table.get(_pair_of(block), _separable(part)))
        for part, table in zip(parts, tables, strict=True)
    ]
    scale = block.g[..., 0].size / (found[0].sum() + found[1].sum())
    return found[0] * scale, found[1] * scale


def guess_of(
    block: Block, statistics: Statistics, given_o: Bool[np.ndarray, " o"]
) -> Float[np.ndarray, "o o"]:
    """Best linear guess of all orbits of |g| from given ones; float32."""
    root_o = np.sqrt(geometry_of(block).weight_o.astype(float))
    moment_oo = sum((p.basis_oi * p.value_i) @ p.basis_oi.T for p in parts_of(block, statistics))
    return np.float32(_guess(moment_oo, given_o) * root_o[None, :] / root_o[:, None])


def _pair_of(block: Block) -> str:
    return f"{class_of(block)}|{channel_set_of(block)}"


def _squares(blocks: list[Block], part: Part):
    """Mean square of each coefficient of one part, ||Y|| set to 1."""
    total = 0.0
    for block in blocks:
        y_xo = weighted(block).reshape(len(part.channel_xc), -1)
        total = total + (part.basis_oi.T @ y_xo.T @ part.channel_xc) ** 2 / len(y_xo)
    return total / len(blocks)


def _separable(part: Part):
    return np.outer(part.value_i, part.value_c)


def _orbit_moment(blocks: list[Block], example: Block | None = None):
    """Mean moment over orbits, symmetric under exchange, shrunk towards the prior field."""
    geometry = geometry_of(example or blocks[0])
    root_o = np.sqrt(geometry.weight_o.astype(float))
    step = (root_o[:, None] * geometry.moves_roo.mean(axis=0)) / root_o[None, :]
    step = (step + step.T) / 2
    radius = np.abs(np.linalg.eigvalsh(step)).max()
    prior = np.linalg.inv(np.eye(len(step)) - SMOOTHNESS / max(radius, 1.0) * step)
    total = PRIOR_MATERIALS * prior / np.trace(prior)  # trace 1, as that of a material
    for block in blocks:
        y_xo = weighted(block).reshape(-1, len(total))
        total = total + y_xo.T @ y_xo / len(y_xo)
    moment = total / (len(blocks) + PRIOR_MATERIALS)
    exchanged = moment[np.ix_(geometry.partner_o, geometry.partner_o)]
    return (moment + exchanged) / 2


def _eigenvectors(moment):
    value, vector = np.linalg.eigh(moment)
    return np.maximum(value[::-1], 0), vector[:, ::-1]


def _invariant_eigenvectors(moment_oo, exchange_oo, sign: int):
    """Eigenvectors of the moment within the even or odd functions on orbits."""
    value, vector = np.linalg.eigh((np.eye(len(exchange_oo)) + sign * exchange_oo) / 2)
    part_oi = vector[:, value > 0.5]
    value_i, rotation = _eigenvectors(part_oi.T @ moment_oo @ part_oi)
    return value_i, part_oi @ rotation


def _guess(moment_oo, given_o):
    """Linear least-squares prediction of all (weighted) orbits from the given ones."""
    guess = np.zeros_like(moment_oo)
    inside = moment_oo[np.ix_(given_o, given_o)]
    noise = JITTER * np.trace(inside) / max(len(inside), 1) * np.eye(len(inside))
    guess[:, given_o] = np.linalg.solve(inside + noise, moment_oo[given_o]).T
    guess[given_o] = np.eye(len(moment_oo))[given_o]
    return guess
