"""The linear path of the autoencoder: a Karhunen-Loeve transform learned from training data.

|g| on orbits, each weighted by the square root of its share of pairs, is a matrix Y[o, x].
Hermiticity splits it: (Y_mn + Y_nm)/sqrt 2 is even under the exchange of partner orbits, and
(Y_mn - Y_nm)/sqrt 2 odd.  Both parts are rotated by orthonormal bases,

    C = U^T Y A,

U over orbits (one per class of mesh and symmetry), A over band-band-mode channels (one per
number of bands and modes), the eigenvectors of the second moments of the training split.
How large each coefficient is there is what the entropy coder starts from (prior.py).

A class without training materials gets the prior alone: a smooth random field (smooth.py).
Where there are many, whole blocks have components of their own (components.py), and so may have
patches of what these leave (patches.py).
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.model.bases import (
    Part,
    analysed,
    eigenvectors,
    even_odd,
    exchange_basis,
    synthesised,
)
from ephforge.model.components import components_and_rest
from ephforge.model.geometry import geometry_of
from ephforge.model.patches import PatchBasis, patch_basis, patch_components, patches_of
from ephforge.model.smooth import smooth_moment

PRIOR_VARIANCES = 4.0  # the separable guess of variances counts as this many materials
PRIOR_MATERIALS = 1.0  # the prior counts as this many materials in second moments over orbits
FEWEST = 8  # materials that components are taken from
MOST_COMPONENTS = 2000
LARGEST_NUMBERS = 16_000_000  # of the components of one class and set of channels
LARGEST_ROWS = 1000  # of channels whose second moments are summed at once


@dataclass(frozen=True)
class Statistics:
    """What the transform takes from the training split; every material has rms |g| 1.

    Attributes:
      orbits: class -> second moment over orbits [o, o].
      even, odd: "class|bands-modes", and "bands-modes" for classes not trained on -> second
        moment over even and odd channels.
      variances_even, variances_odd: "class|bands-modes" -> mean square of each coefficient, of
        what the components leave where there are any.
      components: "class|bands-modes" -> principal components of whole blocks, coefficients (even
        ones first) x components; directions, as integers of at most 16 bits.
      scores: likewise -> expected sizes of the components' scores in other families' blocks.
      patches: likewise -> components of patches of what the others leave; directions, as integers.
      patch_scores: likewise -> expected sizes of their scores.
      rest_even, rest_odd: likewise -> mean square of each coefficient of what patches leave too.
    """

    orbits: dict[str, np.ndarray]
    even: dict[str, np.ndarray]
    odd: dict[str, np.ndarray]
    variances_even: dict[str, np.ndarray]
    variances_odd: dict[str, np.ndarray]
    components: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]
    patches: dict[str, np.ndarray] = field(default_factory=dict)
    patch_scores: dict[str, np.ndarray] = field(default_factory=dict)
    rest_even: dict[str, np.ndarray] = field(default_factory=dict)
    rest_odd: dict[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def bases(self) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
        """Eigenvalues and bases over orbits, even and odd, of the classes that were asked for."""
        return {}


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


def statistics_of(
    blocks: list[Block],
    most_components: int = MOST_COMPONENTS,
    largest_numbers: int = LARGEST_NUMBERS,
    patches: bool = False,
) -> Statistics:
    """Second moments, components and variances of the materials of the training split.

    Args:
      most_components: of one class and set of channels; 0 for none.
      largest_numbers: that all these components of one hold; fine meshes need more.
      patches: whether patches get components, too, as many as whole blocks.
    """
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
    first = Statistics(orbits, even, odd, {}, {}, {}, {})
    together = defaultdict(list)
    for block in blocks:
        together[_pair_of(block)].append(block)
    for name, members in together.items():
        _enter(first, name, members, (most_components, largest_numbers), patches)
    return first


def _enter(
    statistics: Statistics, name: str, members: list[Block], most: tuple[int, int], patches: bool
) -> None:
    """Components and variances of the materials of one class and set of channels."""
    parts = parts_of(members[0], statistics)
    c_be = np.empty((len(members), sum(p.value_i.size * p.value_c.size for p in parts)))
    for c_e, block in zip(c_be, members, strict=True):
        c_e[:] = _normalised(block, parts)
    largest = min(most[0], most[1] // c_be.shape[1])
    if most[0] and len(members) >= FEWEST:
        families = [block.labels["family"] for block in members]
        found = components_and_rest(c_be, families, largest)
        statistics.components[name], statistics.scores[name], c_be = found
    tables = (statistics.variances_even, statistics.variances_odd)
    _enter_variances(tables, name, parts, c_be)
    if patches and name in statistics.components:
        places = patches_of(members[0])
        y_bh = np.empty((len(members), len(places.first_h)))
        for y_h, c_e in zip(y_bh, c_be, strict=True):
            y_h[:] = places.gather(synthesised(parts, c_e))
        found = patch_components(y_bh, places, families, largest)
        statistics.patches[name], statistics.patch_scores[name], y_bh = found
        for c_e, y_h in zip(c_be, y_bh, strict=True):
            c_e[:] = analysed(parts, places.spread(y_h))
        _enter_variances((statistics.rest_even, statistics.rest_odd), name, parts, c_be)


def _enter_variances(tables, name: str, parts: tuple[Part, Part], c_be) -> None:
    """Mean squares, drawn towards separable ones."""
    square_e = np.mean(c_be**2, axis=0)
    guess = [_separable(part) for part in parts]
    guess_e = np.concatenate([g.ravel() for g in guess])
    n, prior = len(c_be), PRIOR_VARIANCES * square_e.sum() / guess_e.sum()
    total_e = (n * square_e + prior * guess_e) / (n + PRIOR_VARIANCES)
    for table, total, separable in zip(
        tables, np.split(total_e, [guess[0].size]), guess, strict=True
    ):
        table[name] = total.reshape(separable.shape)


def _normalised(block: Block, parts: tuple[Part, Part]) -> Float[np.ndarray, " e"]:
    """Coefficients of a block, even ones first, of norm 1."""
    y_xo = weighted(block).reshape(-1, len(parts[0].basis_oi))
    return analysed(parts, y_xo) / np.sqrt(len(y_xo))


def parts_of(block: Block, statistics: Statistics) -> tuple[Part, Part]:
    """Even and odd bases of the class and the channels of a block."""
    name = class_of(block)
    if name not in statistics.orbits:
        bases = _bases(_orbit_moment([], block), block)
    elif name in statistics.bases:
        bases = statistics.bases[name]
    else:
        bases = statistics.bases[name] = _bases(statistics.orbits[name], block)
    parts = []
    for (value_i, basis_oi), combine_xc, moments in zip(
        bases,
        even_odd(len(block.g), block.g.shape[2]),
        (statistics.even, statistics.odd),
        strict=True,
    ):
        generic_cc = moments.get(channel_set_of(block), np.eye(combine_xc.shape[1]))
        moment_cc = moments.get(_pair_of(block), generic_cc)
        value_c, vector_cc = eigenvectors(moment_cc)
        parts.append(Part(basis_oi, value_i, combine_xc @ vector_cc, value_c))
    return tuple(parts)


def _bases(moment_oo, block: Block) -> list[tuple[np.ndarray, np.ndarray]]:
    partner_o = geometry_of(block).partner_o
    return [eigenvectors(moment_oo, exchange_basis(partner_o, sign)) for sign in (1, -1)]


def variances_of(
    block: Block, statistics: Statistics, parts: tuple[Part, Part]
) -> tuple[np.ndarray, np.ndarray]:
    """Expected squares of the even and odd coefficients of a block with rms |g| 1."""
    tables = statistics.variances_even, statistics.variances_odd
    return _variances(block, tables, parts)


def rest_of(
    block: Block, statistics: Statistics, parts: tuple[Part, Part]
) -> tuple[np.ndarray, np.ndarray]:
    """As `variances_of`, of what patches leave, where there are any."""
    tables = statistics.rest_even, statistics.rest_odd
    if _pair_of(block) not in tables[0]:
        return variances_of(block, statistics, parts)
    return _variances(block, tables, parts)


def _variances(block: Block, tables, parts: tuple[Part, Part]) -> tuple[np.ndarray, np.ndarray]:
    found = [_separable(part) for part in parts]
    scale = block.g[..., 0].size
    if _pair_of(block) in tables[0]:
        found = [np.asarray(table[_pair_of(block)]) for table in tables]
    else:
        scale = scale / (found[0].sum() + found[1].sum())
    return found[0] * scale, found[1] * scale


def components_of(block: Block, statistics: Statistics) -> tuple[np.ndarray, np.ndarray]:
    """Components [e, r] and expected sizes of their scores, rms |g| 1; none for unseen shapes."""
    name = _pair_of(block)
    if name not in statistics.components:
        return np.zeros((0, 0)), np.zeros(0)
    component_er = statistics.components[name].astype(float)
    scale = np.sqrt(block.g[..., 0].size)
    return component_er / np.linalg.norm(component_er, axis=0), statistics.scores[name] * scale


def patches_with(
    block: Block, statistics: Statistics
) -> tuple[PatchBasis, Float[np.ndarray, "s r"]]:
    """Components of patches and expected sizes of their scores, rms |g| 1; none for most."""
    places, name = patches_of(block), _pair_of(block)
    if name not in statistics.patches:
        nothing = np.zeros((len(places.first_h), 0)), np.zeros((len(places.slices), 0))
        return PatchBasis(places, nothing[0]), nothing[1]
    scale = np.sqrt(block.g[..., 0].size)
    return patch_basis(places, statistics.patches[name]), statistics.patch_scores[name] * scale


def without_patches(statistics: Statistics) -> Statistics:
    """The same statistics, without components of patches."""
    return replace(statistics, patches={}, patch_scores={}, rest_even={}, rest_odd={})


def _pair_of(block: Block) -> str:
    return f"{class_of(block)}|{channel_set_of(block)}"


def _separable(part: Part):
    return np.outer(part.value_i, part.value_c)


def _orbit_moment(blocks: list[Block], example: Block | None = None):
    """Mean moment over orbits, symmetric under exchange, shrunk towards the prior field."""
    example = example or blocks[0]
    total = PRIOR_MATERIALS * smooth_moment(example)  # trace 1, as that of a material
    channels = max(example.g[..., 0].size, 1)
    together = max(LARGEST_ROWS // channels, 1)
    for first in range(0, len(blocks), together):
        rows = [weighted(b).reshape(-1, len(total)) for b in blocks[first : first + together]]
        y_yo = np.concatenate([y_xo / np.sqrt(len(y_xo)) for y_xo in rows])
        total += y_yo.T @ y_yo
    moment = total / (len(blocks) + PRIOR_MATERIALS)
    partner_o = geometry_of(example).partner_o
    exchanged = moment[np.ix_(partner_o, partner_o)]
    return (moment + exchanged) / 2
