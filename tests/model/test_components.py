"""Components of whole blocks: sizes of scores in blocks of other families, and rounding."""

import numpy as np

from ephforge.model import components
from ephforge.model.components import (
    components_and_rest,
    folds_of,
    smooth,
    squares_left_out,
)

RNG = np.random.default_rng(5)
SHARED = np.linalg.qr(RNG.normal(size=(60, 4)))[0]
BLOCKS = RNG.normal(size=(24, 4)) * [3, 1, 0.5, 0.2] @ SHARED.T + 0.05 * RNG.normal(size=(24, 60))
BLOCKS = BLOCKS / np.linalg.norm(BLOCKS, axis=1, keepdims=True)
FAMILIES = ["a"] * 9 + ["b"] * 8 + ["c"] * 7


def test_sizes_are_of_scores_in_blocks_of_other_families():
    """Each family's blocks on the singular vectors of all others."""
    squares, fewest = [], min(24 - 9, 24 - 8, 24 - 7)
    for family in "abc":
        is_out = np.array(FAMILIES) == family
        direction_re = np.linalg.svd(BLOCKS[~is_out], full_matrices=False)[2]
        squares.append((BLOCKS[is_out] @ direction_re[:fewest].T) ** 2)
    found_r = squares_left_out(BLOCKS @ BLOCKS.T, folds_of(FAMILIES))
    np.testing.assert_allclose(found_r, np.concatenate(squares).mean(axis=0), rtol=1e-6)


def test_last_components_are_larger_in_new_blocks_than_in_those_they_were_made_from():
    """Scores of the blocks themselves would be near zero; they are the noise in new ones."""
    _, size_r, _ = components_and_rest(BLOCKS, FAMILIES, 23)
    own_r = np.linalg.svd(BLOCKS, compute_uv=False) / np.sqrt(24)
    assert size_r[-1] > 1.5 * own_r[22]
    np.testing.assert_allclose(size_r[0], own_r[0], rtol=0.1)


def test_folds_hold_families_together_unless_one_has_most_blocks():
    fold_b = folds_of(FAMILIES)
    assert [len(set(fold_b[np.array(FAMILIES) == family])) for family in "abc"] == [1, 1, 1]
    assert len(set(fold_b)) == 3
    for families in (["a"] * 24, ["a"] * 13 + ["b"] * 11):  # what is left would be too few
        assert len(set(folds_of(families))) == components.FOLDS


def test_means_over_a_tenth_of_the_rank():
    square_r = np.exp(RNG.normal(size=50))
    found_r = smooth(square_r)
    np.testing.assert_allclose(found_r[:10], square_r[:10])
    np.testing.assert_allclose(found_r[30], np.exp(np.mean(np.log(square_r[27:34]))))
    np.testing.assert_allclose(found_r[49], np.exp(np.mean(np.log(square_r[45:]))))


def test_rounding_a_component_changes_a_block_by_as_much_whatever_its_score():
    """Scores times rounding errors, for components of scores over five orders of magnitude."""
    rng = np.random.default_rng(5)
    score_r = np.logspace(0, -5, 11)
    component_er = np.linalg.qr(rng.normal(size=(900, 11)))[0]
    rounded_er = components._rounded(component_er, score_r)
    assert rounded_er.dtype == np.int16
    largest_r = np.abs(rounded_er).max(axis=0)
    assert np.all((largest_r >= components.COARSEST) & (largest_r <= components.FINEST))
    found_er = rounded_er / np.linalg.norm(rounded_er.astype(float), axis=0)
    change_r = score_r * np.linalg.norm(found_er - component_er, axis=0)
    between = (largest_r > components.COARSEST) & (largest_r < components.FINEST)
    assert 3 <= between.sum() < 11
    np.testing.assert_allclose(change_r[between], components.ROUNDED, rtol=0.1)
    assert change_r.max() < 1.2 * components.ROUNDED
