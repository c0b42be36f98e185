"""The trained autoencoder as the task stages use it: budgets, secrets kept, fixed features."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.core.blocks import on_grid
from ephforge.core.errors import EphforgeError
from ephforge.model.autoencoder import coefficients
from ephforge.model.codec import HEADER_NUMBERS, channels_of, is_real_channel, scale_of
from ephforge.model.geometry import geometry_of
from ephforge.model.transform import linear_of, statistics_of

TRAINING = [
    make_block("fcc", 0, **SMALL),
    make_block("zincblende", 1, bands=3, **SMALL),
    make_block("cscl", 2, bands=2, **SMALL),
]
FRESH = small_codec(statistics_of(TRAINING))
TRAINED = small_codec(statistics_of(TRAINING), trained=True)
BLOCK = make_block("zincblende", 9, bands=2, **SMALL)


def error(found_mnvo, block):
    grid, found = on_grid(block), found_mnvo[..., block.orbits.orbit_kq]
    return np.linalg.norm(found - grid) / np.linalg.norm(grid)


@given(budget=st.floats(1e-4, 1))
@example(budget=0.01)
@example(budget=1.0)
@settings(max_examples=100, deadline=None)
def test_never_more_numbers_than_the_budget_pays_for(budget):
    stored = FRESH.stored_numbers(BLOCK, budget)
    assert 0 <= stored <= math.floor(budget * on_grid(BLOCK).size)


@pytest.mark.parametrize("budget", [0.004, 0.01, 0.03])
def test_a_code_has_as_many_numbers_as_are_counted(budget):
    """Numbers that are not zero in the linear code of what comes out, and their positions."""
    plan = FRESH._plan(BLOCK, budget)
    rebuilt = dataclasses.replace(BLOCK, g=FRESH.compress(BLOCK, budget))
    everything_o = np.ones(len(BLOCK.orbits.size_o), bool)
    g_ox = jnp.asarray(channels_of(rebuilt, 3, 6))
    linear = linear_of(BLOCK, FRESH.statistics, everything_o)
    parts = coefficients(g_ox, geometry_of(BLOCK), linear)
    size = np.abs(np.concatenate([np.ravel(part) for part in parts]))
    assert np.sum(size > 1e-4) <= plan.n_kept + plan.n_extra
    assert FRESH.stored_numbers(BLOCK, budget) == plan.n_kept + 2 * plan.n_extra + HEADER_NUMBERS


def test_an_unusual_block_has_positions_stored():
    """Where energy lies in coefficients that training never saw, the split follows it."""
    usual = [make_block("fcc", i, noise=0, **SMALL) for i in range(6)]
    usual = [dataclasses.replace(b, g=np.ones_like(b.g)) for b in usual]
    codec = small_codec(statistics_of(usual))
    odd = usual[0].g.copy()
    odd[0, 0, 2, 5] = 40.0
    odd[0, 0, 2, usual[0].orbits.partner_o[5]] = 40.0
    plan = codec._plan(dataclasses.replace(usual[0], g=odd), 0.03)
    assert plan.n_extra > 0
    assert codec._plan(usual[0], 0.03).n_kept > 0


def test_the_error_falls_to_zero_with_the_budget():
    errors = [error(FRESH.compress(BLOCK, b), BLOCK) for b in (1e-4, 0.005, 0.02, 0.06, 1.0)]
    assert errors[0] == 1  # not even the header
    assert np.all(np.diff(errors) <= 1e-6)
    assert errors[-1] < 1e-5


@pytest.mark.parametrize("codec", [FRESH, TRAINED], ids=["fresh", "trained"])
def test_reconstructions_are_positive_hermitian_and_scale_with_the_block(codec):
    found = codec.compress(BLOCK, 0.02)
    assert found.shape == BLOCK.g.shape
    assert found.min() >= 0
    partner = found.swapaxes(0, 1)[..., BLOCK.orbits.partner_o]
    np.testing.assert_allclose(found, partner, rtol=1e-4, atol=1e-4 * found.max())
    tenfold = dataclasses.replace(BLOCK, g=10 * BLOCK.g)
    np.testing.assert_allclose(codec.compress(tenfold, 0.02), 10 * found, rtol=1e-3, atol=1e-3)


def test_a_block_without_coupling_stays_zero():
    nothing = dataclasses.replace(BLOCK, g=np.zeros_like(BLOCK.g))
    assert not TRAINED.compress(nothing, 0.02).any()
    assert np.isfinite(TRAINED.features(nothing)).all()


@pytest.mark.parametrize("use", ["compress", "refine", "features"])
@pytest.mark.parametrize(("prototype", "bands", "found"), [("cscl", 4, "4 bands and 6 modes")])
def test_wider_blocks_are_refused_by_one_line(use, prototype, bands, found):
    wide = make_block(prototype, 3, bands=bands, **SMALL)
    with pytest.raises(EphforgeError, match=f"{found}.* at most 3 and 6") as caught:
        call(TRAINED, use, wide)
    assert "\n" not in str(caught.value)


def test_more_modes_than_the_network_are_refused():
    narrow = small_codec(statistics_of(TRAINING[:1]))
    with pytest.raises(EphforgeError, match=r"2 bands and 6 modes.* at most 2 and 3"):
        narrow.compress(BLOCK, 0.1)


def call(codec, use, block):
    arguments = {
        "compress": (0.1,),
        "refine": (np.ones(len(block.orbits.size_o), bool),),
        "features": (),
    }
    return getattr(codec, use)(block, *arguments[use])


def test_refinement_gives_back_the_given_and_sees_nothing_else():
    given_o = np.random.default_rng(1).random(len(BLOCK.orbits.size_o)) < 0.4
    found = TRAINED.refine(BLOCK, given_o)
    np.testing.assert_array_equal(found[..., given_o], BLOCK.g[..., given_o])
    for hidden in (17.0, np.nan):
        other = dataclasses.replace(BLOCK, g=np.where(given_o, BLOCK.g, hidden))
        np.testing.assert_array_equal(TRAINED.refine(other, given_o), found)
    assert np.isfinite(found).all()


def test_refinement_knows_the_scale_from_what_it_is_given():
    """A constant map is guessed as constant, whatever its size."""
    given_o = np.arange(len(BLOCK.orbits.size_o)) % 2 == 0
    flat = [dataclasses.replace(b, g=np.ones_like(b.g)) for b in TRAINING]
    codec = small_codec(statistics_of(flat * 20))
    for size in (1.0, 300.0):
        block = dataclasses.replace(BLOCK, g=np.full_like(BLOCK.g, size))
        np.testing.assert_allclose(codec.refine(block, given_o), size, rtol=0.05)


def test_features_have_one_length_and_no_scale():
    blocks = [*TRAINING, make_block("rocksalt", 5, bands=1, **SMALL)]
    blocks.append(make_block("fcc", 6, k_mesh=(4, 4, 4), q_mesh=(4, 4, 4)))
    assert len({b.g.shape[-1] for b in blocks}) > 2  # different numbers of orbits
    lengths = {TRAINED.features(b).shape for b in blocks}
    assert lengths == {(2 * TRAINED.network.shape.features,)}
    found = TRAINED.features(BLOCK)
    scaled = TRAINED.features(dataclasses.replace(BLOCK, g=37.3 * BLOCK.g))
    np.testing.assert_allclose(scaled, found, rtol=1e-4, atol=1e-5)
    other = TRAINED.features(make_block("zincblende", 77, bands=2, **SMALL))
    assert np.abs(other - found).max() > 1e-3


def test_scale_is_the_root_mean_square_over_the_grid():
    assert scale_of(BLOCK) == pytest.approx(np.sqrt(np.mean(on_grid(BLOCK) ** 2)), rel=1e-12)


def test_real_channels():
    real = is_real_channel(BLOCK, 3, 6).reshape(3, 3, 6)
    assert real[:2, :2, :6].all()
    assert real.sum() == 2 * 2 * 6


def test_the_linear_part_is_another_codec_and_leaves_the_trained_one_alone():
    codec = small_codec(statistics_of(TRAINING), trained=True)
    before = codec.compress(BLOCK, 0.02)
    linear = codec.linear_part.compress(BLOCK, 0.02)
    np.testing.assert_array_equal(codec.compress(BLOCK, 0.02), before)
    np.testing.assert_allclose(linear, FRESH.compress(BLOCK, 0.02), rtol=1e-5, atol=1e-6)
    assert np.linalg.norm(before - linear) > 0.01 * np.linalg.norm(
        linear
    )  # the paths of the trained one do something
