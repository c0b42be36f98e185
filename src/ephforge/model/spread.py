"""How large what components leave is expected to be, next to training materials: three bits.

What components leave of a block is expected to be as large as what they leave of training materials
that they are not of.  Real materials may be several times as far from them, and where bits are
few it is better not to look for the rest at all.  Thresholds and entropy coder work with expected
sizes, so a code says by how much they are multiplied; two factors compete.
"""

import math

import numpy as np
from jaxtyping import Float

from ephforge.model.sparse import Dictionary

SPREADS = 8
AS_EXPECTED = 2
ABOVE = 0.5  # octaves; too large a size costs less than one that is too small
NARROWER = 2  # octaves, of the factor for low rates


def factor_of(number: int) -> float:
    """Of the expected sizes of what components leave."""
    return 2.0 ** (number - AS_EXPECTED)


def spreads_of(dictionary: Dictionary, y_xo: Float[np.ndarray, "x o"]) -> list[int]:
    """Numbers worth trying for a block of |g| times root_o, rms |g| 1."""
    count = dictionary.components_er.shape[1]
    if not count:
        return [AS_EXPECTED]
    score_1r, _, *others = dictionary.split(dictionary.analyse(y_xo))
    left = max(sum(np.sum(c_ic**2) for c_ic in others) - np.sum(score_1r**2), 0.0)
    distance = math.sqrt(left / np.sum(dictionary.size_e[count:] ** 2))
    octaves = max(round(math.log2(max(distance, 1e-9)) + ABOVE), 0)
    wide = min(AS_EXPECTED + octaves, SPREADS - 1)
    return [wide, wide - NARROWER]
