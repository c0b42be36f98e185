"""Fit the prior of integers: fewest bits for the codes of the training materials."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from ephforge.model.prior import UNTRAINED, Prior

HIDDEN = 40
BATCH = 8192
RATE = 3e-3


def fit_prior(examples: list[tuple[np.ndarray, np.ndarray, np.ndarray]], steps: int, seed: int):
    """Prior, and its mean bits per example over the last tenth of the steps.

    Args:
      examples: features, size over step, absolute integer of each code.
      steps: of the optimiser.
    """
    feature_ef, size_e, n_e = (np.concatenate(column) for column in zip(*examples, strict=True))
    mean_f, spread_f = feature_ef.mean(axis=0), feature_ef.std(axis=0) + 1e-3
    feature_ef = (feature_ef - mean_f) / spread_f
    layers = _initial(feature_ef.shape[1], seed)
    optimiser = optax.adam(optax.cosine_decay_schedule(RATE, max(steps, 1)))
    state = optimiser.init(layers)

    @jax.jit
    def update(layers, state, *rows):
        bits, gradients = jax.value_and_grad(lambda w: jnp.mean(_bits(w, *rows)))(layers)
        change, state = optimiser.update(gradients, state)
        return optax.apply_updates(layers, change), state, bits

    rng, found = np.random.default_rng([seed, 1]), []
    for _ in range(steps):
        rows = rng.integers(0, len(n_e), BATCH)
        layers, state, bits = update(layers, state, feature_ef[rows], size_e[rows], n_e[rows])
        found.append(bits)
    layers = [tuple(np.asarray(a, float) for a in layer) for layer in layers]
    bits = float(np.mean(jax.device_get(found[-max(steps // 10, 1) :]))) if found else None
    return Prior(np.asarray(mean_f, float), np.asarray(spread_f, float), layers), bits


def _initial(n_in: int, seed: int):
    keys = jax.random.split(jax.random.key(seed), 2)
    sizes = [(n_in, HIDDEN), (HIDDEN, HIDDEN)]
    draw, zeros = jax.nn.initializers.lecun_normal(), partial(jnp.zeros, dtype=jnp.float32)
    hidden = [
        (draw(key, size, jnp.float32), zeros(size[1]))
        for key, size in zip(keys, sizes, strict=True)
    ]
    return [*hidden, (zeros((HIDDEN, len(UNTRAINED))), jnp.array(UNTRAINED, jnp.float32))]


def _bits(
    layers, feature_ef: Float[Array, "e f"], size_e: Float[Array, " e"], n_e: Float[Array, " e"]
) -> Float[Array, " e"]:
    """-log2 of the probability of an integer, as `model.prior.Prior`, without its rounding."""
    x = feature_ef
    for matrix, bias in layers[:-1]:
        x = jnp.tanh(x @ matrix + bias)
    out = x @ layers[-1][0] + layers[-1][1]
    first = size_e * jnp.exp(out[:, 0])
    second = first * (1 + jax.nn.softplus(out[:, 1]))
    share = jax.nn.sigmoid(out[:, 2])
    found = share * _laplace(n_e, first) + (1 - share) * _laplace(n_e, second)
    return -jnp.log2(jnp.maximum(found, 1e-9))


def _laplace(n_e, width_e):
    """Probability of an integer of known size, one of its two signs."""
    width_e = jnp.maximum(width_e, 1e-3)
    low, high = jnp.maximum(n_e - 0.5, 0) / width_e, (n_e + 0.5) / width_e
    side = jnp.exp(-low) * -jnp.expm1(low - high) / 2
    return jnp.where(n_e == 0, -jnp.expm1(-high), side)
