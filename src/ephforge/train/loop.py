"""The training loop: pure steps, one readable function around them.

Loss: mean logarithm of the relative error ||found - g|| / ||g||.  Each material of a batch
keeps a random number of leading latent channels, log-uniform, so that every budget is
trained; a share of the steps hides all orbits off the coarse q mesh and asks for them back.
Batches and draws depend on the step number only, so a resumed run repeats an unbroken one.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from ephforge.model.autoencoder import Autoencoder, assert_single_precision, relative_error
from ephforge.train.batches import Batch, cut, draw_batch

LEAST_KEPT = 8  # latent channels per point
AVERAGE_DECAY = 0.998  # of the weights that are validated and stored


class State(NamedTuple):
    """All that changes: weights, their running average, optimiser, best so far."""

    step: int
    weights: Any
    average: Any
    optimiser: Any
    best: Any
    best_error: float


class Trainer(NamedTuple):
    """Jitted pieces for one network and one set of options."""

    graph: Any
    start: State
    update: Callable
    evaluate: Callable


def make_trainer(network: Autoencoder, options: dict) -> Trainer:
    """Initial state and jitted update and evaluation.

    Args:
      network: freshly initialised, float32.
      options: section `train` of the configuration.
    """
    assert_single_precision(network)
    graph, weights = nnx.split(network)
    steps = options["steps"]
    rate = optax.warmup_cosine_decay_schedule(
        0.0, options["learning_rate"], min(200, max(1, steps // 10)), max(2, steps), 1e-6
    )
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(rate, weight_decay=options["weight_decay"]),
    )

    def loss(weights, batch, given_io, kept_i):
        error_i = batch_errors(graph, weights, batch, given_io, kept_i)
        return jnp.mean(jnp.log(error_i + 1e-6)), error_i

    @jax.jit
    def update(weights, average, optimiser_state, batch, given_io, kept_i):
        gradients, error_i = jax.grad(loss, has_aux=True)(weights, batch, given_io, kept_i)
        change, optimiser_state = optimiser.update(gradients, optimiser_state, weights)
        weights = optax.apply_updates(weights, change)
        average = optax.incremental_update(weights, average, 1 - AVERAGE_DECAY)
        return weights, average, optimiser_state, jnp.mean(error_i)

    @jax.jit
    def evaluate(weights, batch, given_io, kept_i):
        return batch_errors(graph, weights, batch, given_io, kept_i)

    start = State(0, weights, weights, optimiser.init(weights), weights, math.inf)
    return Trainer(graph, start, update, evaluate)


def batch_errors(graph, weights, batch: Batch, given_io, kept_i):
    """Relative error of each material, normalised by what is given of it."""
    network = nnx.merge(graph, weights)

    def error(g_ox, real_x, given_o, kept, geometry):
        seen_o = geometry.weight_o * given_o
        seen_square = jnp.einsum("o,ox->", seen_o, g_ox**2) / jnp.sum(seen_o)
        all_square = jnp.einsum("o,ox->", geometry.weight_o, g_ox**2)
        g_ox = g_ox * jnp.sqrt(all_square / jnp.maximum(seen_square, 1e-12))
        found_ox = network(g_ox, real_x, given_o, kept, geometry)
        if found_ox.dtype != jnp.float32:
            raise TypeError(f"network computed in {found_ox.dtype}, expected float32")
        return relative_error(found_ox, g_ox, geometry.weight_o)

    return jax.vmap(error)(batch.g_iox, batch.real_ix, given_io, kept_i, batch.geometry)


def train(
    trainer: Trainer,
    state: State,
    training: list[Batch],
    validation: list[Batch],
    options: dict,
    on_progress: Callable[[State, dict], None],
) -> State:
    """Run from `state` to the last step.

    Args:
      training, validation: classes of stacked materials; validation may be empty, then the
        last average counts as the best.
      on_progress: called every `evaluate_every` steps with the state and a history row.
    """
    recent = []
    for step in range(state.step, options["steps"]):
        rng = np.random.default_rng([options["seed"], step])
        batch, given_io, kept_i = draw_task(training, options, rng)
        weights, average, optimiser, error = trainer.update(
            state.weights, state.average, state.optimiser, batch, given_io, kept_i
        )
        state = State(step + 1, weights, average, optimiser, state.best, state.best_error)
        recent.append(error)
        if state.step % options["evaluate_every"] == 0 or state.step == options["steps"]:
            row = {"step": state.step, "train": float(np.mean(jax.device_get(recent)))}
            recent = []
            state, found = _validate(trainer, state, validation, options)
            on_progress(state, row | found)
    return state


def draw_task(classes: list[Batch], options: dict, rng: np.random.Generator):
    """A batch, what is given of each material, and how many latent channels it may keep."""
    batch = draw_batch(classes, options["batch_size"], rng)
    most = options["latent_channels"]
    if rng.random() < options["masked_fraction"]:
        return batch, batch.coarse_io, np.full(len(batch.g_iox), most)
    low = min(LEAST_KEPT, most)
    kept_i = np.exp(rng.uniform(math.log(low), math.log(most), len(batch.g_iox)))
    return batch, np.ones_like(batch.coarse_io), np.rint(kept_i).astype(int)


def _validate(trainer: Trainer, state: State, validation: list[Batch], options: dict):
    """Errors of the averaged weights; keeps them if they are the best so far."""
    most = options["latent_channels"]
    levels = sorted({min(LEAST_KEPT, most), max(1, most // 4), most})
    errors = {level: [] for level in levels}
    masked = []
    for batch in cut(validation, options["batch_size"]):
        everything, size = np.ones_like(batch.coarse_io), len(batch.g_iox)
        for level in levels:
            kept_i = np.full(size, level)
            errors[level].extend(trainer.evaluate(state.average, batch, everything, kept_i))
        kept_i = np.full(size, most)
        masked.extend(trainer.evaluate(state.average, batch, batch.coarse_io, kept_i))
    if not masked:
        return state._replace(best=state.average), {}
    mean = {level: float(np.mean(values)) for level, values in errors.items()}
    score = float(np.exp(np.mean(np.log([*mean.values(), np.mean(masked)]))))
    if score < state.best_error:
        state = state._replace(best=state.average, best_error=score)
    row = {f"validation_{level}": value for level, value in mean.items()}
    return state, row | {"validation_masked": float(np.mean(masked)), "validation": score}
