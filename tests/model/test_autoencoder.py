"""The network on one material: what it may see, what it must not, and what it starts from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from material_blocks import make_block
from small_networks import SMALL, small_network

from ephforge.model.autoencoder import (
    Task,
    assert_single_precision,
    coefficients,
    from_coefficients,
    hermitian_part,
    relative_error,
    stored_part,
)
from ephforge.model.codec import channels_of, is_real_channel
from ephforge.model.geometry import geometry_of
from ephforge.model.transform import linear_of, statistics_of

TRAINING = [
    make_block("fcc", 0, **SMALL),
    make_block("zincblende", 1, bands=2, **SMALL),
    make_block("cscl", 2, bands=3, **SMALL),
]
STATISTICS = statistics_of(TRAINING)
FRESH = small_network(3, 6)
TRAINED = small_network(3, 6, trained=True)


def arguments(block, n_kept=20, given_o=None, n_extra=0):
    """What a network is called with: g, real channels, task, geometry, linear transform."""
    everything_o = np.ones(len(block.orbits.size_o), bool)
    seen_o = everything_o if given_o is None else given_o
    task = Task(np.int32(n_kept), seen_o, np.bool_(given_o is not None), np.int32(n_extra))
    tree = (task, geometry_of(block), linear_of(block, STATISTICS, seen_o))
    return jax.tree.map(
        jnp.asarray, (channels_of(block, 3, 6), is_real_channel(block, 3, 6), *tree)
    )


def some_orbits(block):
    return np.random.default_rng(0).random(len(block.orbits.size_o)) < 0.5


@pytest.mark.parametrize("block", TRAINING, ids=lambda b: b.labels["prototype"])
@pytest.mark.parametrize("n_kept", [0, 30])
def test_before_training_it_is_the_linear_code(block, n_kept):
    g_ox, real_x, task, geometry, linear = arguments(block, n_kept)
    even, odd = coefficients(g_ox, geometry, linear)
    kept = even * (linear.rank_even_ic < n_kept), odd * (linear.rank_odd_ic < n_kept)
    expected_ox = from_coefficients(*kept, geometry, linear)
    found_ox = FRESH(g_ox, real_x, task, geometry, linear)
    np.testing.assert_allclose(found_ox, expected_ox, atol=1e-5)
    changed_ox = TRAINED(g_ox, real_x, task, geometry, linear)
    assert np.abs(changed_ox - expected_ox).max() > 1e-3  # trained weights do matter


def test_before_training_refinement_is_the_linear_guess():
    block = TRAINING[1]
    given_o = some_orbits(block)
    g_ox, real_x, task, geometry, linear = arguments(block, given_o=given_o)
    guess_ox = np.asarray(linear.guess_oo)[:, given_o] @ np.asarray(g_ox)[given_o]
    expected_ox = hermitian_part(jnp.asarray(guess_ox), geometry.partner_o, 3, 6)
    np.testing.assert_allclose(FRESH(g_ox, real_x, task, geometry, linear), expected_ox, atol=1e-5)


@pytest.mark.parametrize("block", TRAINING, ids=lambda b: b.labels["prototype"])
@pytest.mark.parametrize("is_refinement", [False, True])
def test_single_precision_hermitian_and_masked(block, is_refinement):
    given_o = some_orbits(block) if is_refinement else None
    g_ox, real_x, *rest = arguments(block, given_o=given_o)
    found_ox = TRAINED(g_ox, real_x, *rest)
    assert jax.config.jax_enable_x64
    assert found_ox.dtype == jnp.float32
    assert not np.asarray(found_ox)[:, ~np.asarray(real_x)].any()
    g_omnv = np.asarray(found_ox).reshape(-1, 3, 3, 6)
    partner = g_omnv[block.orbits.partner_o].swapaxes(1, 2)
    np.testing.assert_allclose(g_omnv, partner, atol=1e-6)


def test_hermitian_part_keeps_hermitian_blocks_and_is_a_projector():
    block = TRAINING[2]
    g_ox = jnp.asarray(channels_of(block, 3, 6))
    partner_o = jnp.asarray(block.orbits.partner_o)
    np.testing.assert_allclose(hermitian_part(g_ox, partner_o, 3, 6), g_ox, rtol=1e-6)
    noise_ox = jnp.asarray(np.random.default_rng(0).normal(size=g_ox.shape).astype(np.float32))
    once = hermitian_part(noise_ox, partner_o, 3, 6)
    assert np.abs(once - noise_ox).max() > 0.1
    np.testing.assert_allclose(hermitian_part(once, partner_o, 3, 6), once, atol=1e-6)


def test_a_double_precision_weight_is_refused():
    network = small_network(2, 3)
    assert_single_precision(network)
    network.decoder.leave.bias[...]  # there before it is replaced
    network.decoder.leave.bias = nnx.Param(jnp.zeros(network.decoder.leave.bias.shape, jnp.float64))
    with pytest.raises(TypeError, match="float64"):
        assert_single_precision(network)


@pytest.mark.parametrize("n_extra", [0, 7])
def test_only_stored_coefficients_reach_the_decoder(n_extra):
    g_ox, real_x, task, geometry, linear = arguments(TRAINING[1], n_kept=12, n_extra=n_extra)
    kept = TRAINED.encode(g_ox, real_x, task, geometry, linear)
    leads = np.concatenate([(linear.rank_even_ic < 12).ravel(), (linear.rank_odd_ic < 12).ravel()])
    stored = np.concatenate([np.ravel(part) for part in kept])
    assert leads.sum() == 12
    assert np.count_nonzero(stored[~leads]) == n_extra
    # the reconstruction is a function of those and of nothing else of the block
    decoded_ox = TRAINED.decode(kept, real_x, task, geometry, linear)
    np.testing.assert_allclose(
        hermitian_part(decoded_ox, geometry.partner_o, 3, 6),
        TRAINED(g_ox, real_x, task, geometry, linear),
        atol=1e-6,
    )


def test_stored_are_the_leading_coefficients_and_the_largest_others():
    g_ox, _, _, geometry, linear = arguments(TRAINING[1])
    all_parts = coefficients(g_ox, geometry, linear)
    rank = np.concatenate([linear.rank_even_ic.ravel(), linear.rank_odd_ic.ravel()])
    by_rank = np.concatenate([np.ravel(part) for part in all_parts])[np.argsort(rank)]
    task = Task(jnp.int32(6), None, None, jnp.int32(5))
    parts = stored_part(*all_parts, task, linear)
    found = np.concatenate([np.ravel(part) for part in parts])[np.argsort(rank)]
    np.testing.assert_array_equal(found[:6], by_rank[:6])
    largest = 6 + np.argsort(-np.abs(by_rank[6:]))[:5]
    assert set(np.flatnonzero(found[6:]) + 6) == set(largest)
    np.testing.assert_array_equal(found[largest], by_rank[largest])


def test_refinement_does_not_look_at_hidden_orbits():
    given_o = some_orbits(TRAINING[2])
    g_ox, *rest = arguments(TRAINING[2], given_o=given_o)
    other_ox = jnp.where(given_o[:, None], g_ox, 7 * g_ox[::-1])
    np.testing.assert_array_equal(TRAINED(g_ox, *rest), TRAINED(other_ox, *rest))


@pytest.mark.parametrize("network", [FRESH, TRAINED], ids=["fresh", "trained"])
@pytest.mark.parametrize("is_refinement", [False, True])
def test_gradients_are_finite_and_reach_the_weights(network, is_refinement):
    given_o = some_orbits(TRAINING[1]) if is_refinement else None
    g_ox, *rest = arguments(TRAINING[1], given_o=given_o)
    graph, weights = nnx.split(network)

    def loss(weights):
        found_ox = nnx.merge(graph, weights)(g_ox, *rest)
        return jnp.log(relative_error(found_ox, g_ox, rest[2].weight_o))

    gradients = jax.tree.map(np.asarray, nnx.to_pure_dict(jax.grad(loss)(weights)))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    learns = {p: bool(np.any(gradients[p]["leave"]["kernel"])) for p in gradients}
    compresses = not is_refinement  # each task has its own paths
    assert learns == {"encoder": compresses, "decoder": compresses, "refiner": is_refinement}


def test_the_error_counts_every_pair():
    block = TRAINING[0]
    random = np.random.default_rng(0)
    true_ox, found_ox = random.normal(size=(2, len(block.orbits.size_o), 12)).astype(np.float32)
    grid_true, grid_found = true_ox[block.orbits.orbit_kq], found_ox[block.orbits.orbit_kq]
    expected = np.linalg.norm(grid_found - grid_true) / np.linalg.norm(grid_true)
    found = relative_error(
        jnp.asarray(found_ox), jnp.asarray(true_ox), jnp.asarray(geometry_of(block).weight_o)
    )
    assert float(found) == pytest.approx(expected, rel=1e-5)
    exact = jnp.asarray(true_ox)
    slope = jax.grad(lambda g: relative_error(g, exact, jnp.asarray(geometry_of(block).weight_o)))
    assert np.isfinite(slope(exact)).all()
