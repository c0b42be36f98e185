"""Which numbers of a block are equal because states are degenerate, and the projection on that.

|g| is shared equally within degenerate bands and modes, so at the pair (k, q) all channels
(m, n, v) with m in one group of bands at k+q, n in one at k and v in one group of modes at q
hold one number.  Which states are degenerate is a few bits for each star of k and of q; it takes
out up to half of what symmetry orbits and Hermiticity leave.  A basis of products of orbit and
channel functions cannot see it, as it differs from orbit to orbit.

Axes   o orbits   x band-band-mode channels   e distinct numbers   s stars of k or q points
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ephforge.core.blocks import Block
from ephforge.core.kpoints import sum_index
from ephforge.core.symmetry import Orbits

BUCKETS = 8  # of stars by their size
TOLERANCE = 1e-4  # eV; the default of coupling.degeneracy


class Pattern(NamedTuple):
    """Where a group of degenerate states ends, on the first point of each star.

    Attributes:
      bands_sb: whether band b+1 lies above band b by more than the tolerance.
      modes_sv: likewise for modes.
    """

    bands_sb: Bool[np.ndarray, "s b"]
    modes_sv: Bool[np.ndarray, "s v"]


class Entries(NamedTuple):
    """Classes of equal numbers of a block.

    Attributes:
      label_xo: class of each number; Hermitian partners share one.
      root_o: square root of each orbit's share of the pairs.
      weight_e: sum of root_o^2 over the class.
    """

    label_xo: Int[np.ndarray, "x o"]
    root_o: Float[np.ndarray, " o"]
    weight_e: Float[np.ndarray, " e"]

    def project(self, y_xo: Float[np.ndarray, "x o"]) -> Float[np.ndarray, "x o"]:
        """Nearest block, of |g| times root_o, whose equal numbers are equal."""
        weighted_xo = y_xo * self.root_o
        n = len(self.weight_e)
        mean_e = np.bincount(self.label_xo.ravel(), weighted_xo.ravel(), n) / self.weight_e
        return mean_e[self.label_xo] * self.root_o


def pattern_of(block: Block, tolerance: float = TOLERANCE) -> Pattern:
    """Degeneracies of the energies (eV) of a block."""
    k_s, q_s = (np.unique(star, return_index=True)[1] for star in _stars(block.orbits))
    return Pattern(
        np.diff(block.energies[k_s], axis=1) > tolerance,
        np.diff(block.frequencies[q_s], axis=1) > tolerance,
    )


def no_degeneracy(orbits: Orbits, bands: int, modes: int) -> Pattern:
    """The pattern of a block in which nothing is degenerate."""
    k_s, q_s = (np.unique(star) for star in _stars(orbits))
    return Pattern(np.ones((len(k_s), bands - 1), bool), np.ones((len(q_s), modes - 1), bool))


def star_sizes(orbits: Orbits) -> tuple[Int[np.ndarray, " s"], Int[np.ndarray, " t"]]:
    """Points in each star of k and of q; the fewer, the more symmetric, the more degenerate."""
    return tuple(np.unique(star, return_counts=True)[1] for star in _stars(orbits))


def bucket_of(size_s: Int[np.ndarray, " s"], count: int) -> Int[np.ndarray, " s"]:
    """Number of the class of stars of about that many points, below count."""
    return np.minimum(np.log2(size_s).astype(int), count - 1)


def shares_of_ends(blocks: list[Block]) -> Float[np.ndarray, "2 b"]:
    """Share of group ends among neighbouring bands and modes, by the size of the star.

    One more of either kind keeps it off 0 and 1.
    """
    ends_tb, all_tb = np.ones((2, BUCKETS)), np.full((2, BUCKETS), 2.0)
    for block in blocks:
        found = zip(pattern_of(block), star_sizes(block.orbits), strict=True)
        for t, (ends, size_s) in enumerate(found):
            bucket_s = bucket_of(size_s, BUCKETS)
            ends_tb[t] += np.bincount(bucket_s, ends.sum(axis=1), BUCKETS)
            all_tb[t] += np.bincount(bucket_s, minlength=BUCKETS) * ends.shape[1]
    return ends_tb / all_tb


def summary(pattern: Pattern) -> Float[np.ndarray, " f"]:
    """Share of degenerate neighbours from the lowest to the highest band, and of modes."""
    found = []
    for ends, places in zip(pattern, (3, 5), strict=True):
        share = 1 - ends.mean(axis=0) if ends.size else np.zeros(1)
        at = (np.arange(len(share)) + 0.5) / len(share)
        found.append(np.interp((np.arange(places) + 0.5) / places, at, share))
    return np.concatenate(found)


def entries_of(block: Block, pattern: Pattern) -> Entries:
    """Classes of equal numbers; of the block its geometry and shape are used only."""
    label_xo, partner_xo = labels_of(block, pattern)
    n = label_xo.max() + 1
    joined = coo_array(
        (np.ones(label_xo.size), (label_xo.ravel(), partner_xo.ravel())), shape=(n, n)
    )
    label_xo = connected_components(joined, directed=False)[1][label_xo]
    share_o = shares_of(block.orbits)
    weight_e = np.bincount(label_xo.ravel(), np.broadcast_to(share_o, label_xo.shape).ravel())
    return Entries(label_xo, np.sqrt(share_o), weight_e)


def shares_of(orbits: Orbits) -> Float[np.ndarray, " o"]:
    """Share of the pairs (k, q) that each orbit holds."""
    return orbits.size_o / orbits.size_o.sum()


def labels_of(
    block: Block, pattern: Pattern
) -> tuple[Int[np.ndarray, "x o"], Int[np.ndarray, "x o"]]:
    """Class of each number by degeneracies alone, and that of its Hermitian partner."""
    band_sb, mode_sv = numbered(pattern.bands_sb), numbered(pattern.modes_sv)
    final_o, initial_o, mode_o = stars_of(block)
    most = max(band_sb.shape[1], mode_sv.shape[1])
    m_om, n_on, v_ov = band_sb[final_o], band_sb[initial_o], mode_sv[mode_o]
    group_omnv = (m_om[:, :, None, None] * most + n_on[:, None, :, None]) * most
    group_omnv = group_omnv + v_ov[:, None, None, :]
    key_mnvo = (group_omnv + np.arange(len(mode_o))[:, None, None, None] * most**3).transpose(
        1, 2, 3, 0
    )
    label_mnvo = np.unique(key_mnvo, return_inverse=True)[1].reshape(key_mnvo.shape)
    partner_mnvo = label_mnvo.swapaxes(0, 1)[..., block.orbits.partner_o]
    return tuple(label.reshape(-1, len(mode_o)) for label in (label_mnvo, partner_mnvo))


def stars_of(block: Block) -> tuple[Int[np.ndarray, " o"], ...]:
    """Star of k+q, of k and of q of each orbit's pair: where m, n and v are states."""
    star_k, star_q = (np.unique(star, return_inverse=True)[1] for star in _stars(block.orbits))
    k_o, q_o = block.orbits.representative_o2.T
    return star_k[sum_index(block.k_mesh, block.q_mesh)[k_o, q_o]], star_k[k_o], star_q[q_o]


def numbered(ends_sb: Bool[np.ndarray, "s b"]) -> Int[np.ndarray, "s n"]:
    """Number of the degenerate group of each state."""
    return np.concatenate([np.zeros((len(ends_sb), 1), int), np.cumsum(ends_sb, axis=1)], axis=1)


def _stars(orbits: Orbits) -> tuple[np.ndarray, np.ndarray]:
    """Star of each k and of each q: orbits of the pairs with q = 0, and with k = 0."""
    return orbits.orbit_kq[:, 0], orbits.orbit_kq[0]
