"""Principal components of whole blocks, and how large their scores are in blocks they are not of.

The scores of the blocks that components were made from say little of others: each of n blocks has
a component nearly of its own, so that the last ones have scores near zero there, and in a block
that is new about as large as what is left of it.  Sizes of scores are therefore those of families
that were left out.

Axes   b blocks   e coefficients   r components
"""

import math

import numpy as np
from jaxtyping import Float, Int

SMALLEST_SHARE = 1e-10  # of the largest, below which a value of a Gram matrix is rounding
RIDGE = 1e-3  # of the mean square norm
ROUNDED = 1e-4  # of a block's norm, that rounding one component changes in the mean
COARSEST, FINEST = 15, np.iinfo(np.int16).max  # largest integers of a component
FOLDS = 8  # of the families
SMOOTH = 10  # sizes are averaged over a tenth of their number, either way


def components_and_rest(
    c_be: Float[np.ndarray, "b e"], families: list[str], most: int
) -> tuple[Int[np.ndarray, "e r"], Float[np.ndarray, " r"], Float[np.ndarray, "b e"]]:
    """Components, expected sizes of their scores, and what the others leave of each block.

    What b others leave of block b is its distance from their span, drawn towards zero by RIDGE
    (the inverse G of the ridged Gram matrix has it: sum_a G_ab c_a / G_bb).

    Args:
      c_be: blocks of norm 1.
      families: of the blocks.
      most: components.

    Returns:
      directions as integers of at most 16 bits, to be normalised; sizes; what is left.
    """
    gram_bb = c_be @ c_be.T
    ridge = RIDGE * np.trace(gram_bb) / len(gram_bb)
    inverse_bb = np.linalg.inv(gram_bb + ridge * np.eye(len(gram_bb)))
    left_be = (inverse_bb / np.diag(inverse_bb)[:, None]) @ c_be
    value_r, vector_br = _strongest(gram_bb)
    most = min(most, len(c_be) - 1, len(value_r))
    value_r, vector_br = value_r[:most], vector_br[:, :most]
    component_er = _rounded(c_be.T @ vector_br, np.sqrt(value_r / len(c_be)))
    square_r = smooth(squares_left_out(gram_bb, folds_of(families)))
    square_r = np.pad(square_r, (0, max(most - len(square_r), 0)), "edge")[:most]
    return component_er, np.sqrt(square_r), left_be


def folds_of(families: list[str]) -> Int[np.ndarray, " b"]:
    """Number of the fold of each block: by family, or block by block if one has half of them."""
    number = {name: i % FOLDS for i, name in enumerate(sorted(set(families)))}
    fold_b = np.array([number[family] for family in families])
    if 2 * np.bincount(fold_b).max() > len(families):
        return np.arange(len(families)) % FOLDS
    return fold_b


def squares_left_out(
    gram_bb: Float[np.ndarray, "b b"], fold_b: Int[np.ndarray, " b"]
) -> Float[np.ndarray, " r"]:
    """Mean squares of scores, by rank, of blocks on components of the other folds' blocks.

    As many ranks as the largest fold leaves components.
    """
    found, ranks = [], []
    for fold in np.unique(fold_b):
        is_out_b = fold_b == fold
        value_r, vector_br = _strongest(gram_bb[np.ix_(~is_out_b, ~is_out_b)])
        score_br = gram_bb[np.ix_(is_out_b, ~is_out_b)] @ vector_br / np.sqrt(value_r)
        found.append(score_br**2)
        ranks.append(len(value_r))
    return np.concatenate([square_br[:, : min(ranks)] for square_br in found]).mean(axis=0)


def smooth(square_r: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
    """Geometric means over neighbours: a tenth of the rank either way."""
    rank_r = np.arange(len(square_r))
    sum_r = np.concatenate([[0.0], np.cumsum(np.log(np.maximum(square_r, 1e-30)))])
    first_r = rank_r - rank_r // SMOOTH
    end_r = np.minimum(rank_r + rank_r // SMOOTH + 1, len(square_r))
    return np.exp((sum_r[end_r] - sum_r[first_r]) / (end_r - first_r))


def _strongest(gram_bb):
    """Eigenvalues above rounding, largest first, and their vectors; blocks may be alike."""
    value_r, vector_br = np.linalg.eigh(gram_bb)
    rank = int(np.sum(value_r > SMALLEST_SHARE * value_r[-1]))
    return value_r[::-1][:rank], vector_br[:, ::-1][:, :rank]


def _rounded(component_er: Float[np.ndarray, "e r"], score_r) -> Int[np.ndarray, "e r"]:
    """Directions as integers, the finer the larger their scores: files hold thousands of them."""
    component_er = component_er / np.linalg.norm(component_er, axis=0)
    largest_r = np.abs(component_er).max(axis=0)
    fine_r = score_r * math.sqrt(len(component_er) / 12) / ROUNDED
    fine_r = np.clip(fine_r, COARSEST / largest_r, FINEST / largest_r)
    return np.rint(component_er * fine_r).astype(np.int16)
