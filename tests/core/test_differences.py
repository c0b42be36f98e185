"""What breaks hermiticity: against a loop over all pairs of partners."""

import numpy as np
import pytest
from degenerate_blocks import brute_force_labels, degenerate_block, interpolated_block
from small_networks import SMALL

from ephforge.core.degeneracy import entries_of, no_degeneracy, pattern_of
from ephforge.core.differences import differences_of

BLOCKS = [
    interpolated_block(prototype="fcc", seed=1, bands=2, **SMALL),
    interpolated_block(prototype="zincblende", seed=2, bands=3, **SMALL),
    interpolated_block(prototype="cscl", seed=3, bands=2, k_mesh=(2, 2, 2), q_mesh=(2, 1, 1)),
]


def weighted(block):
    root_o = np.sqrt(block.orbits.size_o / block.orbits.size_o.sum())
    return block.g.reshape(-1, len(root_o)).astype(float) * root_o


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.labels["prototype"])
def test_a_block_is_the_sum_of_what_partners_share_and_what_they_differ_by(block):
    pattern, y_xo = pattern_of(block), weighted(block)
    odd = differences_of(block, pattern)
    shared_xo = entries_of(block, pattern).project(y_xo)
    broken_xo = odd.spread(odd.analyse(y_xo))
    np.testing.assert_allclose(shared_xo + broken_xo, y_xo, atol=1e-7 * np.abs(y_xo).max())
    assert np.linalg.norm(broken_xo) > 0.02 * np.linalg.norm(y_xo)
    partner = np.swapaxes(block.g, 0, 1)[..., block.orbits.partner_o]
    half_xo = (block.g - partner).reshape(y_xo.shape) / 2 * odd.root_o
    np.testing.assert_allclose(broken_xo, half_xo, atol=1e-7 * np.abs(y_xo).max())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.labels["prototype"])
def test_analysis_and_spread_are_inverse_and_keep_lengths(block):
    odd = differences_of(block, pattern_of(block))
    value_d = np.random.default_rng(0).normal(size=len(odd.weight_d))
    block_xo = odd.spread(value_d)
    np.testing.assert_allclose(odd.analyse(block_xo), value_d, atol=1e-12)
    assert np.linalg.norm(block_xo) == pytest.approx(np.linalg.norm(value_d))
    entries = entries_of(block, pattern_of(block))
    np.testing.assert_allclose(entries.project(block_xo), 0, atol=1e-12)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.labels["prototype"])
def test_shared_and_differing_numbers_are_all_numbers_that_degeneracy_leaves(block):
    """By a loop that joins what is equal, with partners and without."""
    pattern = pattern_of(block)
    shared, odd = entries_of(block, pattern), differences_of(block, pattern)
    assert len(shared.weight_e) == brute_force_labels(block).max() + 1
    free = no_degeneracy(block.orbits, len(block.g), block.g.shape[2])
    all_free = len(entries_of(block, free).weight_e) + len(differences_of(block, free).weight_d)
    assert all_free == block.g.size
    assert len(odd.weight_d) < len(shared.weight_e)  # partners of themselves have none


def test_means_and_places_are_those_of_the_numbers():
    block = BLOCKS[1]
    odd = differences_of(block, pattern_of(block))
    number_xo = np.where(odd.sign_xo != 0, odd.label_xo, -1.0)
    np.testing.assert_allclose(odd.mean(number_xo), np.arange(len(odd.weight_d)))
    orbit_d, channel_d = odd.places
    np.testing.assert_array_equal(number_xo[channel_d, orbit_d], np.arange(len(odd.weight_d)))


def test_nothing_differs_in_a_hermitian_block():
    block = degenerate_block(seed=4, **SMALL)
    odd = differences_of(block, pattern_of(block))
    assert np.abs(odd.analyse(weighted(block))).max() < 1e-6 * np.linalg.norm(weighted(block))
