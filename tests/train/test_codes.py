"""Codes to learn from: made with the statistics of materials that the block is not among."""

import dataclasses

import numpy as np
import pytest
from degenerate_blocks import degenerate_block
from material_blocks import make_block
from small_networks import SMALL

from ephforge.core.degeneracy import pattern_of
from ephforge.model.codec import scale_of
from ephforge.model.prior import N_FEATURES, levels_of
from ephforge.model.sparse import dictionary_of
from ephforge.model.transform import statistics_of
from ephforge.train.codes import coded, cross_statistics, halves_of

FAMILIES = ("fcc/a/s", "fcc/b/s", "fcc/b/s", "fcc/c/s", "fcc/d/s")
BLOCKS = [make_block("fcc", i, family=f, **SMALL) for i, f in enumerate(FAMILIES)]
WHOLE = statistics_of(BLOCKS)


def assert_same(first, second):
    for name, moment in second.orbits.items():
        np.testing.assert_array_equal(first.orbits[name], moment)
    for name, table in second.variances_even.items():
        np.testing.assert_array_equal(first.variances_even[name], table)


def test_halves_share_no_family_and_hold_everything():
    halves = halves_of(BLOCKS)
    assert halves == [[0, 3], [1, 2, 4]]
    assert halves_of(BLOCKS[:1]) == [[0], []]


def test_statistics_are_those_of_the_other_half():
    """Whatever is done to the materials of the half that a block is in, its own included."""
    found = cross_statistics(BLOCKS, WHOLE)
    assert_same(found[0], statistics_of([BLOCKS[i] for i in (1, 2, 4)]))
    assert_same(found[2], statistics_of([BLOCKS[i] for i in (0, 3)]))
    changed = [dataclasses.replace(b, g=b.g**2) if i in (0, 3) else b for i, b in enumerate(BLOCKS)]
    assert_same(cross_statistics(changed, statistics_of(changed))[3], found[3])
    with pytest.raises(AssertionError):
        assert_same(cross_statistics(changed, statistics_of(changed))[1], found[1])


def test_a_single_family_has_the_statistics_of_all():
    assert all(s is WHOLE for s in cross_statistics(BLOCKS[1:3], WHOLE))


def test_a_code_decodes_to_the_block_within_its_step():
    block = degenerate_block("fcc", 8, bands=2, **SMALL)
    steps = np.array([0.02, 0.3])
    codes = coded(block, WHOLE, steps, np.random.default_rng(0))
    share_o = block.orbits.size_o / block.orbits.size_o.sum()
    true_omnv = block.g.transpose(3, 0, 1, 2) / scale_of(block)
    squares = [(c.first_omnv - true_omnv) ** 2 for c in codes]
    errors = [np.sqrt(np.mean(np.tensordot(share_o, square_omnv, 1))) for square_omnv in squares]
    assert [c.step for c in codes] == list(steps)
    assert errors[0] < steps[0]
    assert errors[0] < errors[1] < steps[1]


def test_examples_are_rows_of_the_levels_that_a_code_writes():
    block = degenerate_block("fcc", 8, bands=2, **SMALL)
    (code,) = coded(block, WHOLE, np.array([0.1]), np.random.default_rng(0))
    feature_ef, size_e, n_e = code.examples
    assert feature_ef.shape == (len(size_e), N_FEATURES)
    assert feature_ef.dtype == size_e.dtype == n_e.dtype == np.float32
    assert np.isfinite(feature_ef).all()
    np.testing.assert_allclose(feature_ef[:, 2], np.log(size_e), rtol=1e-4, atol=1e-5)
    dictionary = dictionary_of(block, WHOLE, pattern_of(block))
    level_e = levels_of(dictionary.size_e)
    assert (
        size_e >= dictionary.size_e[level_e == 0].min() / (0.1 * dictionary.unit) * 0.999
    ).sum() == 16
    assert n_e.min() >= 0
    assert n_e.max() > 1


def test_a_block_without_coupling_is_an_example_of_zeros():
    nothing = dataclasses.replace(BLOCKS[0], g=np.zeros_like(BLOCKS[0].g))
    (code,) = coded(nothing, WHOLE, np.array([0.1]), np.random.default_rng(0))
    assert not code.first_omnv.any()
    assert not code.examples[2].any()
