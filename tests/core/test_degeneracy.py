"""Which numbers of a block are equal: against a loop over all of them."""

import numpy as np
import pytest
from degenerate_blocks import brute_force_labels, degenerate_block
from material_blocks import make_block
from small_networks import SMALL

from ephforge.core.degeneracy import entries_of, no_degeneracy, pattern_of, shares_of_ends

BLOCKS = [
    degenerate_block("fcc", 1, bands=2, **SMALL),
    degenerate_block("zincblende", 2, bands=3, **SMALL),
    degenerate_block("cscl", 3, bands=2, k_mesh=(2, 2, 2), q_mesh=(2, 1, 1)),
]


def same_partition(first, second):
    pairs = {*zip(first.ravel().tolist(), second.ravel().tolist(), strict=True)}
    return len(pairs) == len(np.unique(first)) == len(np.unique(second))


def inner(first, second):
    return float(np.sum(first * second))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.labels["prototype"])
def test_classes_are_those_of_a_loop_over_all_numbers(block):
    entries = entries_of(block, pattern_of(block))
    assert same_partition(entries.label_xo, brute_force_labels(block))
    free = entries_of(block, no_degeneracy(block.orbits, len(block.g), block.g.shape[2]))
    assert same_partition(free.label_xo, brute_force_labels(block, tolerance=-1.0))
    assert len(entries.weight_e) < 0.8 * len(free.weight_e)  # degeneracies do join classes


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.labels["prototype"])
def test_the_projection_is_orthogonal_and_keeps_what_is_equal(block):
    entries = entries_of(block, pattern_of(block))
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, *entries.label_xo.shape))
    once = entries.project(first)
    assert np.abs(once - first).max() > 0.1
    np.testing.assert_allclose(entries.project(once), once, atol=1e-12)
    assert inner(once, second) == pytest.approx(inner(first, entries.project(second)), rel=1e-10)
    y_xo = block.g.reshape(first.shape) * entries.root_o
    np.testing.assert_allclose(entries.project(y_xo), y_xo, rtol=1e-10)
    assert np.trace(
        np.array([entries.project(e.reshape(first.shape)).ravel() for e in np.eye(first.size)[:40]])
    ) == pytest.approx(_expected_trace(entries, 40))


def _expected_trace(entries, count):
    """Of the first diagonal elements of the projector: each number's share of its class."""
    share_xo = entries.root_o**2 / entries.weight_e[entries.label_xo]
    return share_xo.ravel()[:count].sum()


def test_a_pattern_comes_from_the_energies_and_their_tolerance():
    block = BLOCKS[1]
    narrow, wide = pattern_of(block), pattern_of(block, tolerance=10.0)
    assert not wide.bands_sb.any()
    assert not wide.modes_sv.any()
    assert 0 < narrow.bands_sb.mean() < 1
    assert 0 < narrow.modes_sv.mean() < 1
    assert pattern_of(block, tolerance=1e-6).modes_sv.all()
    free = no_degeneracy(block.orbits, len(block.g), block.g.shape[2])
    assert [t.shape for t in free] == [t.shape for t in narrow]


def test_everything_degenerate_leaves_one_number_per_orbit_and_its_partner():
    block = make_block("fcc", 4, bands=2, **SMALL)
    entries = entries_of(block, pattern_of(block, tolerance=10.0))
    partner_o = block.orbits.partner_o
    lowest = {min(o, int(p)) for o, p in enumerate(partner_o)}
    assert len(entries.weight_e) == len(lowest)
    np.testing.assert_array_equal(entries.label_xo[0], entries.label_xo[0][partner_o])


def test_shares_of_ends_are_those_of_stars_of_a_size():
    share_tb = shares_of_ends(BLOCKS)
    counted = {}
    for block in BLOCKS:
        stars = block.orbits.orbit_kq[:, 0], block.orbits.orbit_kq[0]
        for t, (ends, star) in enumerate(zip(pattern_of(block), stars, strict=True)):
            sizes = np.unique(star, return_counts=True)[1]
            for row, size in zip(ends, sizes, strict=True):
                counted.setdefault((t, int(np.log2(size))), []).extend(row)
    for (t, bucket), found in counted.items():
        assert share_tb[t, bucket] == pytest.approx((sum(found) + 1) / (len(found) + 2))
    assert np.all((share_tb > 0) & (share_tb < 1))
