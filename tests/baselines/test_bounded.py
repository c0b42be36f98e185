"""No element may be off by more than the bound, whatever the approximation; and what it costs."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.bounded import bounded, bounded_block, restored, restored_block
from ephforge.core.errors import EphforgeError

BLOCK = make_block("diamond", noise=0.3, k_mesh=(2, 2, 2), q_mesh=(2, 2, 2))
GENERATOR = np.random.default_rng(8)


@pytest.mark.parametrize("bound", [3e-3, 0.3, 7.0, 500.0])
@pytest.mark.parametrize("spread", [0.0, 0.1, 30.0])
def test_the_bound_holds_on_every_element(bound, spread):
    g_cvo = GENERATOR.exponential(40, size=(4, 3, 50))
    approximation = g_cvo + spread * GENERATOR.standard_t(2, size=g_cvo.shape)
    data = bounded(g_cvo, approximation, bound)
    assert np.abs(restored(data, approximation) - g_cvo).max() <= bound


def test_a_better_approximation_costs_less_and_a_perfect_one_nothing():
    g_cvo = GENERATOR.exponential(40, size=(4, 3, 50))
    sizes = [
        len(bounded(g_cvo, g_cvo + spread * GENERATOR.normal(size=g_cvo.shape), 0.1))
        for spread in (0.0, 1.0, 10.0)
    ]
    assert sizes[0] < 10
    # a normal law of deviation s rounded to steps of 0.2 has log2(s sqrt(2 pi e) / 0.2) bits
    for size, spread in zip(sizes[1:], (1.0, 10.0), strict=True):
        entropy = g_cvo.size * np.log2(spread * np.sqrt(2 * np.pi * np.e) / 0.2)
        assert entropy < 8 * size < 1.1 * entropy


@pytest.mark.parametrize("bound", [0.2, 5.0])
def test_partners_are_stored_once_and_both_keep_the_bound(bound):
    noisy = BLOCK.g * (1 + 1e-4 * GENERATOR.normal(size=BLOCK.g.shape))
    block = dataclasses.replace(BLOCK, g=noisy)
    rough = np.round(block.g / 20) * 20
    data = bounded_block(block.g, rough, block.orbits, bound)
    assert np.abs(restored_block(data, rough, block.orbits) - noisy).max() <= bound
    assert len(data) < 0.75 * len(bounded(block.g, rough, bound))


def test_bounds_that_cannot_hold_are_refused():
    with pytest.raises(EphforgeError, match="above"):
        bounded(BLOCK.g, BLOCK.g, 0.0)
    with pytest.raises(EphforgeError, match="accuracy of single precision"):
        bounded(BLOCK.g, 0 * BLOCK.g, 1e-7)
    skewed = BLOCK.g + np.triu(np.ones((2, 2)), 1)[:, :, None, None]
    with pytest.raises(EphforgeError, match="breaks hermiticity"):
        bounded_block(skewed, skewed, BLOCK.orbits, 0.4)
