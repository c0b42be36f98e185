"""Convolutions against a perceptron of as many weights, trained alike, and against no network.

The perceptron sees what the convolutions see of one number: its value, means over bands and
modes, place in the zone, step of the code; only the neighbours on the mesh are taken from it.
All three share transform, priors and degeneracies, so that their codes differ by the network alone.

Axes   o orbits   m,n,v final band, initial band, mode   f features   r kinds of steps
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from ephforge.core.blocks import Block
from ephforge.model.autoencoder import Autoencoder, Shape, mean_over
from ephforge.model.codec import Codec
from ephforge.model.transform import Statistics, channel_set_of, class_of
from ephforge.train.batches import Class, stack_blocks
from ephforge.train.codes import coded, cross_statistics
from ephforge.train.loop import make_trainer, train
from ephforge.train.stage import VALIDATED_STEPS

WIDTH = 2  # hidden features over features: as many weights as a convolution with three neighbours


class Perceptron(nnx.Module):
    """x + W gelu(V gelu(normalised x)) + what the means over bands and modes say."""

    def __init__(self, features: int, rngs: nnx.Rngs):
        self.norm = nnx.RMSNorm(features, rngs=rngs)
        self.widen = nnx.Linear(features, WIDTH * features, rngs=rngs)
        self.narrow = nnx.Linear(WIDTH * features, features, rngs=rngs)
        self.mix = nnx.Linear(3 * features, features, rngs=rngs)

    def __call__(
        self, x_omnvf: Float[Array, "o m n v f"], _moves_roo: Float[Array, "r o o"]
    ) -> Float[Array, "o m n v f"]:
        y_omnvf = nnx.gelu(self.norm(x_omnvf))
        means = [mean_over(y_omnvf, axis) for axis in (1, 2, 3)]
        local = self.narrow(nnx.gelu(self.widen(y_omnvf)))
        return x_omnvf + local + self.mix(jnp.concatenate(means, axis=-1))


class Trained(NamedTuple):
    """A codec with the network, its weights in the decoder, and its error on held-out families.

    Attributes:
      validation: geometric mean over steps of the mean relative error of the validation split.
    """

    codec: Codec
    weights: int
    validation: float


def convolutions(shape: Shape, rngs: nnx.Rngs) -> Autoencoder:
    """The network as it is shipped, before training."""
    return Autoencoder(shape, rngs)


def perceptron(shape: Shape, rngs: nnx.Rngs) -> Autoencoder:
    """The same with a perceptron in the place of every convolution."""
    network = Autoencoder(shape, rngs)
    for path in (network.decoder, network.refiner):
        path.blocks = nnx.List([Perceptron(shape.features, rngs) for _ in range(shape.layers)])
    return network


NETWORKS = {"convolutions": convolutions, "perceptron": perceptron}


def of_shapes(blocks: list[Block], targets: list[Block]) -> list[Block]:
    """Those with the orbits, bands and modes of a target: what its code is learnt from."""
    shapes = {(class_of(block), channel_set_of(block)) for block in targets}
    return [block for block in blocks if (class_of(block), channel_set_of(block)) in shapes]


def trained(
    codec: Codec, training: list[Block], validation: list[Block], options: dict
) -> dict[str, Trained]:
    """Codecs with freshly trained networks, and with none.

    Args:
      codec: gives transform, priors and the shape of the networks.
      training, validation: of the dataset that the codec was trained with.
      options: section `train` of the configuration, with the steps of this comparison; all of
        them train decoding.
    """
    options = options | {"masked_fraction": 0.0, "evaluate_every": max(options["steps"], 1)}
    taught = cross_statistics(training, codec.statistics)
    classes = [
        _coded(training, taught, codec, options),
        _coded(validation, [codec.statistics] * len(validation), codec, options),
    ]
    found = {}
    for name, make in NETWORKS.items():
        network = make(codec.network.shape, nnx.Rngs(options["seed"]))
        trainer, rows = make_trainer(network, options), []
        state = train(
            trainer, trainer.start, *classes, options, lambda _, row, rows=rows: rows.append(row)
        )
        nnx.update(network, state.best)
        weights = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(network.decoder, nnx.Param)))
        own = replace(codec, network=network)
        found["nothing"] = Trained(own.linear_part, 0, rows[0].get("validation", np.nan))
        found[name] = Trained(own, weights, min(row.get("validation", np.nan) for row in rows))
    return found


def _coded(
    blocks: list[Block], taught: list[Statistics], codec: Codec, options: dict
) -> list[Class]:
    """Materials with a code, by transforms of others, at each step that weights are judged by."""
    if not blocks:
        return []
    rng, steps = np.random.default_rng(options["seed"]), np.array(VALIDATED_STEPS)
    codes = [coded(*pair, steps, rng) for pair in zip(blocks, taught, strict=True)]
    return stack_blocks(blocks, codes, taught, blocks[0].q_mesh)
