"""The network on one material: what it may see, what it must not, and what it starts from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from material_blocks import make_block
from small_networks import SMALL, small_network

from ephforge.model.autoencoder import assert_single_precision, hermitian_part, relative_error
from ephforge.model.codec import normalised
from ephforge.model.geometry import geometry_of
from ephforge.model.guess import guess_of
from ephforge.model.transform import statistics_of

TRAINING = [
    make_block("fcc", 0, **SMALL),
    make_block("zincblende", 1, bands=2, **SMALL),
    make_block("cscl", 2, bands=3, **SMALL),
]
STATISTICS = statistics_of(TRAINING)
FRESH = small_network()
TRAINED = small_network(trained=True)


STEP = np.float32(0.1)


def decoded(network, block, first_omnv=None, step=STEP):
    """What the network makes of a block, or of another first guess, at one step."""
    first_omnv = normalised(block) if first_omnv is None else first_omnv
    arguments = (first_omnv, step, geometry_of(block))
    return network.decode(*jax.tree.map(jnp.asarray, arguments))


def refined(network, block, given_o, g_omnv=None):
    g_omnv = normalised(block) if g_omnv is None else g_omnv
    guess_omnv = guess_of(block, STATISTICS, given_o)(np.asarray(g_omnv))
    arguments = (g_omnv, given_o, guess_omnv, geometry_of(block))
    return network.refine(*jax.tree.map(jnp.asarray, arguments))


def some_orbits(block):
    return np.random.default_rng(0).random(len(block.orbits.size_o)) < 0.5


@pytest.mark.parametrize("block", TRAINING, ids=lambda b: b.labels["prototype"])
def test_before_training_it_changes_nothing(block):
    g_omnv = normalised(block)
    np.testing.assert_allclose(decoded(FRESH, block), g_omnv, atol=1e-5)
    change_omnv = np.asarray(decoded(TRAINED, block)) - g_omnv
    assert np.abs(change_omnv).max() > 1e-3  # trained weights do matter


def test_a_correction_is_of_the_order_of_the_step():
    block = TRAINING[1]
    g_omnv = normalised(block)
    sizes = [
        np.abs(decoded(TRAINED, block, step=s) - g_omnv).max() for s in np.float32([0.4, 0.004])
    ]
    assert sizes[1] < 0.05 * sizes[0]


def test_before_training_refinement_is_the_linear_guess():
    block = TRAINING[1]
    given_o = some_orbits(block)
    guess_omnv = jnp.asarray(guess_of(block, STATISTICS, given_o)(normalised(block)))
    expected_omnv = hermitian_part(guess_omnv, jnp.asarray(block.orbits.partner_o))
    np.testing.assert_allclose(refined(FRESH, block, given_o), expected_omnv, atol=1e-5)


@pytest.mark.parametrize("block", TRAINING, ids=lambda b: b.labels["prototype"])
@pytest.mark.parametrize("is_refinement", [False, True])
def test_single_precision_and_hermitian(block, is_refinement):
    if is_refinement:
        found_omnv = refined(TRAINED, block, some_orbits(block))
    else:
        found_omnv = decoded(TRAINED, block)
    assert jax.config.jax_enable_x64
    assert found_omnv.dtype == jnp.float32
    g_omnv = np.asarray(found_omnv)
    partner = g_omnv[block.orbits.partner_o].swapaxes(1, 2)
    np.testing.assert_allclose(g_omnv, partner, atol=1e-6)


def test_hermitian_part_keeps_hermitian_blocks_and_is_a_projector():
    block = TRAINING[2]
    g_omnv = jnp.asarray(normalised(block))
    partner_o = jnp.asarray(block.orbits.partner_o)
    np.testing.assert_allclose(hermitian_part(g_omnv, partner_o), g_omnv, rtol=1e-6)
    noise_omnv = jnp.asarray(np.random.default_rng(0).normal(size=g_omnv.shape).astype(np.float32))
    once = hermitian_part(noise_omnv, partner_o)
    assert np.abs(once - noise_omnv).max() > 0.1
    np.testing.assert_allclose(hermitian_part(once, partner_o), once, atol=1e-6)


def test_a_double_precision_weight_is_refused():
    network = small_network()
    assert_single_precision(network)
    network.decoder.leave.bias[...]  # there before it is replaced
    network.decoder.leave.bias = nnx.Param(jnp.zeros(network.decoder.leave.bias.shape, jnp.float64))
    with pytest.raises(TypeError, match="float64"):
        assert_single_precision(network)


def test_refinement_does_not_look_at_hidden_orbits():
    block = TRAINING[2]
    given_o, g_omnv = some_orbits(block), normalised(block)
    other_omnv = np.where(given_o[:, None, None, None], g_omnv, 7 * g_omnv[::-1])
    found_omnv = refined(TRAINED, block, given_o)
    np.testing.assert_array_equal(refined(TRAINED, block, given_o, other_omnv), found_omnv)


@pytest.mark.parametrize("network", [FRESH, TRAINED], ids=["fresh", "trained"])
@pytest.mark.parametrize("is_refinement", [False, True])
def test_gradients_are_finite_and_reach_the_weights(network, is_refinement):
    block = TRAINING[1]
    g_omnv, given_o = normalised(block), some_orbits(block)
    graph, weights = nnx.split(network)

    def loss(weights):
        merged = nnx.merge(graph, weights)
        found_omnv = (
            refined(merged, block, given_o)
            if is_refinement
            else decoded(merged, block, 0.9 * g_omnv + 0.1)
        )
        weight_o = jnp.asarray(geometry_of(block).weight_o)
        return jnp.log(relative_error(found_omnv, jnp.asarray(g_omnv), weight_o))

    gradients = jax.tree.map(np.asarray, nnx.to_pure_dict(jax.grad(loss)(weights)))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    learns = {p: bool(np.any(gradients[p]["leave"]["kernel"])) for p in gradients}
    # each task has its own path
    assert learns == {"decoder": not is_refinement, "refiner": is_refinement}


def test_the_error_counts_every_pair():
    block = TRAINING[0]
    random = np.random.default_rng(0)
    true_omnv, found_omnv = random.normal(size=(2, len(block.orbits.size_o), 2, 2, 3)).astype(
        np.float32
    )
    grid_true, grid_found = true_omnv[block.orbits.orbit_kq], found_omnv[block.orbits.orbit_kq]
    expected = np.linalg.norm(grid_found - grid_true) / np.linalg.norm(grid_true)
    found = relative_error(
        jnp.asarray(found_omnv), jnp.asarray(true_omnv), jnp.asarray(geometry_of(block).weight_o)
    )
    assert float(found) == pytest.approx(expected, rel=1e-5)
    exact = jnp.asarray(true_omnv)
    slope = jax.grad(lambda g: relative_error(g, exact, jnp.asarray(geometry_of(block).weight_o)))
    assert np.isfinite(slope(exact)).all()


def test_one_network_serves_any_number_of_bands_and_modes():
    for block in (make_block("fcc", 5, bands=1, **SMALL), make_block("cscl", 6, bands=4, **SMALL)):
        assert decoded(TRAINED, block).shape == normalised(block).shape
