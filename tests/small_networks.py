"""Small autoencoders for tests: fresh, or with every weight random as after training."""

import jax
import numpy as np
from flax import nnx

from ephforge.model import remainder
from ephforge.model.autoencoder import Autoencoder, Shape
from ephforge.model.codec import Codec
from ephforge.model.prior import N_FEATURES, Prior, untrained_prior

SMALL = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2)}


def small_network(seed=0, trained=False) -> Autoencoder:
    """A small network; `trained` makes its last layers, zero at first, random."""
    network = Autoencoder(Shape(features=8, layers=1), nnx.Rngs(seed))
    if trained:
        random = np.random.default_rng(seed)
        weights = jax.tree.map(
            lambda w: w + random.normal(scale=0.05, size=w.shape).astype(np.float32),
            nnx.state(network, nnx.Param),
        )
        nnx.update(network, weights)
    return network


def small_prior(seed=0, trained=False, n_features=N_FEATURES) -> Prior:
    """An untrained prior, or one with every weight random."""
    if not trained:
        return untrained_prior(n_features)
    random = np.random.default_rng(seed)
    first = random.normal(scale=0.1, size=(n_features, 5)), random.normal(scale=0.1, size=5)
    last = random.normal(scale=0.3, size=(5, 3)), untrained_prior().layers[0][1]
    return Prior(np.full(n_features, -0.2), np.full(n_features, 1.5), [first, last])


def small_codec(statistics, seed=0, trained=False) -> Codec:
    share_tb = np.array([[0.4, 0.6, 0.8], [0.3, 0.5, 0.9]])
    priors = [small_prior(seed, trained, n) for n in (N_FEATURES, remainder.N_FEATURES)]
    return Codec(small_network(seed, trained), statistics, *priors, share_tb)
