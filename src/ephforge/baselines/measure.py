"""What every method is measured by: stored bits, and the relative error on the full grid.

A method gets a number of bits it may store for one material.  Everything counts that the decoder
cannot know from the geometry and the training split: quantised values, scales, positions,
steps, ranks, headers.  The full grid is counted at 32 bits a number.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

BITS_PER_NUMBER = 32


class Code(NamedTuple):
    """A reconstruction g_mnv(k, q) in meV and how many bits it was made from."""

    g: Float[np.ndarray, "m n v k q"]
    bits: int


def allowed_bits(budget: float, g_mnvkq: Float[np.ndarray, "m n v k q"]) -> int:
    """floor(budget * 32 * numbers of the full grid)."""
    return int(budget * BITS_PER_NUMBER * g_mnvkq.size)


def relative_error(rebuilt: Float[np.ndarray, "*grid"], true: Float[np.ndarray, "*grid"]) -> float:
    """||rebuilt - true|| / ||true||, Frobenius; 0/0 counts as 0."""
    difference, size = np.linalg.norm(rebuilt - true), np.linalg.norm(true)
    return float(difference / size) if size > 0 else float(difference > 0)
