"""Codes of training materials, to learn from: what the decoder and the prior will meet in use.

A transform fits the materials it was made from better than any other, so a material of the
training split is encoded with the transform of the half of the families that it is not in.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import pattern_of
from ephforge.model.codec import scale_of
from ephforge.model.prior import features, levels_of
from ephforge.model.remainder import Remainder, rounded
from ephforge.model.sparse import Dictionary, dictionary_of, integers
from ephforge.model.transform import Statistics, statistics_of

STEPS = (
    0.02,
    0.7,
)  # range of steps, in units of the mesh (`sparse.unit`), that training draws from
FINER = (0.004, 1.2)  # range of steps of remainders, over that of the transform
REMAINDER_SHARE = 0.3  # of the remainders of a code that their prior learns from
SMALL = 0.03  # coefficients of a smaller expected size, in steps, are nearly always zero
SMALL_SHARE = 0.1  # of these that the prior learns from


class Coded(NamedTuple):
    """One code of one material.

    Attributes:
      step: in units of the mesh, as the network is told.
      first_omnv: what the integers decode to before the convolutions, rms about 1; float32.
      examples, remainders: rows of the priors: features, size over step, absolute integer.
    """

    step: float
    first_omnv: Float[np.ndarray, "o m n v"]
    examples: tuple[np.ndarray, np.ndarray, np.ndarray]
    remainders: tuple[np.ndarray, np.ndarray, np.ndarray]


def halves_of(blocks: list[Block]) -> list[list[int]]:
    """Numbers of the materials of every other family; the second half may be empty."""
    families = sorted({block.labels["family"] for block in blocks})
    is_odd = {family: number % 2 for number, family in enumerate(families)}
    return [[i for i, b in enumerate(blocks) if is_odd[b.labels["family"]] == h] for h in (0, 1)]


def cross_statistics(blocks: list[Block], whole: Statistics) -> list[Statistics]:
    """For each material the statistics of the half that it is not in; of all if that is empty."""
    halves = halves_of(blocks)
    if not all(halves):
        return [whole] * len(blocks)
    has_patches = bool(whole.patches)
    made = [statistics_of([blocks[i] for i in half], patches=has_patches) for half in halves]
    other = {i: made[1 - h] for h, half in enumerate(halves) for i in half}
    return [other[i] for i in range(len(blocks))]


def coded(
    block: Block, statistics: Statistics, steps: Float[np.ndarray, " s"], rng: np.random.Generator
) -> list[Coded]:
    """Codes of one material at several steps, in units of the mesh (`sparse.unit`).

    The generator thins the examples of small coefficients.
    """
    dictionary = dictionary_of(block, statistics, pattern_of(block))
    root_o = dictionary.entries.root_o
    y_xo = block.g.reshape(-1, len(root_o)) * (root_o / (scale_of(block) or 1.0))
    found = []
    for known in steps:
        step = float(known) * dictionary.unit
        n_e = integers(dictionary, y_xo, step)
        decoded_xo = dictionary.decode(n_e * step)
        first_mnvo = (decoded_xo / root_o).reshape(block.g.shape)
        remainder = Remainder(dictionary, first_mnvo, step)
        left_e = remainder.left_of(y_xo, decoded_xo)
        found.append(
            Coded(
                float(known),
                np.float32(first_mnvo.transpose(3, 0, 1, 2)),
                _examples(dictionary, n_e, step, rng),
                _remainders(remainder, left_e, rng),
            )
        )
    return found


def _remainders(remainder: Remainder, left_e: Float[np.ndarray, " e"], rng):
    """Rows of some remainders at one step."""
    step = remainder.step * float(np.exp(rng.uniform(*np.log(FINER))))
    feature_ef, size_e = remainder.features(step, remainder.level(left_e))
    keep = rng.random(len(size_e)) < REMAINDER_SHARE
    rows = feature_ef, size_e, np.abs(rounded(left_e, step))
    return tuple(np.float32(column[keep]) for column in rows)


def _examples(dictionary: Dictionary, n_e: Int[np.ndarray, " e"], step: float, rng):
    """Rows of all levels that a code writes."""
    size_e = dictionary.size_e / step
    level_e = levels_of(dictionary.size_e)
    last = int(level_e[n_e != 0].max()) if np.any(n_e) else 0
    rows = []
    for level in range(last + 1):
        feature_ef, asked_e = features(dictionary, n_e, step, level_e, level)
        keep = (size_e[asked_e] > SMALL) | (rng.random(len(feature_ef)) < SMALL_SHARE)
        keep |= n_e[asked_e] != 0
        rows.append((feature_ef[keep], size_e[asked_e][keep], np.abs(n_e[asked_e])[keep]))
    return tuple(np.float32(np.concatenate(column)) for column in zip(*rows, strict=True))
