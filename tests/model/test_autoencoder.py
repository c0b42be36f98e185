"""The network on one material: what it may see, what it must not, and what it starts from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from material_blocks import make_block
from small_networks import SMALL, small_network

from ephforge.model.autoencoder import assert_single_precision, hermitian_part, relative_error
from ephforge.model.codec import channels_of, is_real_channel
from ephforge.model.geometry import geometry_of
from ephforge.model.transform import guess_of, statistics_of

TRAINING = [
    make_block("fcc", 0, **SMALL),
    make_block("zincblende", 1, bands=2, **SMALL),
    make_block("cscl", 2, bands=3, **SMALL),
]
STATISTICS = statistics_of(TRAINING)
FRESH = small_network(3, 6)
TRAINED = small_network(3, 6, trained=True)


STEP = np.float32(0.1)


def decoded(network, block, first_ox=None, step=STEP):
    """What the network makes of a block, or of another first guess, at one step."""
    first_ox = channels_of(block, 3, 6) if first_ox is None else first_ox
    arguments = (first_ox, is_real_channel(block, 3, 6), step, geometry_of(block))
    return network.decode(*jax.tree.map(jnp.asarray, arguments))


def refined(network, block, given_o, g_ox=None):
    g_ox = channels_of(block, 3, 6) if g_ox is None else g_ox
    guess_oo = guess_of(block, STATISTICS, given_o)
    real_x = is_real_channel(block, 3, 6)
    arguments = (g_ox, real_x, given_o, guess_oo, geometry_of(block))
    return network.refine(*jax.tree.map(jnp.asarray, arguments))


def some_orbits(block):
    return np.random.default_rng(0).random(len(block.orbits.size_o)) < 0.5


@pytest.mark.parametrize("block", TRAINING, ids=lambda b: b.labels["prototype"])
def test_before_training_it_changes_nothing(block):
    g_ox = channels_of(block, 3, 6)
    np.testing.assert_allclose(decoded(FRESH, block), g_ox, atol=1e-5)
    change_ox = np.asarray(decoded(TRAINED, block)) - g_ox
    assert np.abs(change_ox).max() > 1e-3  # trained weights do matter


def test_a_correction_is_of_the_order_of_the_step():
    block = TRAINING[1]
    g_ox = channels_of(block, 3, 6)
    sizes = [np.abs(decoded(TRAINED, block, step=s) - g_ox).max() for s in np.float32([0.4, 0.004])]
    assert sizes[1] < 0.05 * sizes[0]


def test_before_training_refinement_is_the_linear_guess():
    block = TRAINING[1]
    given_o = some_orbits(block)
    g_ox, guess_oo = channels_of(block, 3, 6), guess_of(block, STATISTICS, given_o)
    guess_ox = jnp.asarray(guess_oo[:, given_o] @ g_ox[given_o])
    expected_ox = hermitian_part(guess_ox, geometry_of(block).partner_o, 3, 6)
    np.testing.assert_allclose(refined(FRESH, block, given_o), expected_ox, atol=1e-5)


@pytest.mark.parametrize("block", TRAINING, ids=lambda b: b.labels["prototype"])
@pytest.mark.parametrize("is_refinement", [False, True])
def test_single_precision_hermitian_and_masked(block, is_refinement):
    if is_refinement:
        found_ox = refined(TRAINED, block, some_orbits(block))
    else:
        found_ox = decoded(TRAINED, block)
    assert jax.config.jax_enable_x64
    assert found_ox.dtype == jnp.float32
    assert not np.asarray(found_ox)[:, ~is_real_channel(block, 3, 6)].any()
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


def test_refinement_does_not_look_at_hidden_orbits():
    block = TRAINING[2]
    given_o, g_ox = some_orbits(block), channels_of(block, 3, 6)
    other_ox = np.where(given_o[:, None], g_ox, 7 * g_ox[::-1])
    found_ox = refined(TRAINED, block, given_o)
    np.testing.assert_array_equal(refined(TRAINED, block, given_o, other_ox), found_ox)


@pytest.mark.parametrize("network", [FRESH, TRAINED], ids=["fresh", "trained"])
@pytest.mark.parametrize("is_refinement", [False, True])
def test_gradients_are_finite_and_reach_the_weights(network, is_refinement):
    block = TRAINING[1]
    g_ox, given_o = channels_of(block, 3, 6), some_orbits(block)
    graph, weights = nnx.split(network)

    def loss(weights):
        merged = nnx.merge(graph, weights)
        found_ox = (
            refined(merged, block, given_o)
            if is_refinement
            else decoded(merged, block, 0.9 * g_ox + 0.1)
        )
        weight_o = jnp.asarray(geometry_of(block).weight_o)
        return jnp.log(relative_error(found_ox, jnp.asarray(g_ox), weight_o))

    gradients = jax.tree.map(np.asarray, nnx.to_pure_dict(jax.grad(loss)(weights)))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    learns = {p: bool(np.any(gradients[p]["leave"]["kernel"])) for p in gradients}
    # each task has its own path
    assert learns == {"decoder": not is_refinement, "refiner": is_refinement}


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
