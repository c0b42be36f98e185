"""Which k of a mesh stand for which others: Hermiticity and time reversal together."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Int

from ephforge.core.kpoints import negation_index


class Halves(NamedTuple):
    """Which k are computed, at every q of a mesh, and where the others come from.

    g(k,q) has the partner g(k+q,-q) with the bands exchanged, because H is Hermitian, and that the
    partner g(-k-q,q) where H(R) is real: time reversal turns all wave vectors.  |g| of one half of
    the k is that of the other.

    Attributes:
      initial_qh: numbers of the k that are computed, the last one repeated.
      source_qk: where each k finds its values: those computed and, after them, their partners.
    """

    initial_qh: Int[Array, "q h"]
    source_qk: Int[Array, "q k"]


def halves(k_mesh: tuple[int, int, int], final_qk: Int[np.ndarray, "q k"]) -> Halves:
    """Of k and -k-q the one that has the lower number.

    Args:
      final_qk: number of k+q on the k mesh.
    """
    partner_qk = negation_index(k_mesh)[final_qk]
    is_first_qk = np.arange(final_qk.shape[1]) <= partner_qk
    # as many as any q can have: some k are partners of their own, if numbers of points are even
    length = (final_qk.shape[1] + 2 ** sum(n % 2 == 0 for n in k_mesh)) // 2
    initial_qh = np.empty((len(final_qk), length), np.int32)
    source_qk = np.empty(final_qk.shape, np.int32)
    for q, (is_first, partner_k) in enumerate(zip(is_first_qk, partner_qk, strict=True)):
        chosen = np.flatnonzero(is_first)
        initial_qh[q] = np.pad(chosen, (0, length - len(chosen)), mode="edge")
        place_k = np.cumsum(is_first) - 1
        source_qk[q] = np.where(is_first, place_k, length + place_k[partner_k])
    return Halves(initial_qh, source_qk)
