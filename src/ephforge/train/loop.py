"""The training loop: pure steps, one readable function around them.

Loss: mean logarithm of the relative error ||found - g|| / ||g||.  Each material of a batch comes
as one of its codes, of whatever step; a share of the steps hides all orbits off the coarse q
mesh and asks for them back, counting the error on those.
Batches and draws depend on the step number only, so a resumed run repeats an unbroken one.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from ephforge.core.errors import EphforgeError
from ephforge.model.autoencoder import Autoencoder, assert_single_precision, relative_error
from ephforge.train.batches import Batch, Class, cut, draw_batch, drawn_names

AVERAGE_DECAY = 0.997  # of the weights that are validated and stored


class State(NamedTuple):
    """All that changes: weights, their running average, optimiser, best so far.

    Compression and refinement share no weights, so the best of each is kept by itself.
    """

    step: int
    weights: Any
    average: Any
    optimiser: Any
    best: Any
    best_compression: float
    best_refinement: float


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

    def loss(weights, batch, code_i):
        error_i = batch_errors(graph, weights, batch, code_i)
        return jnp.mean(jnp.log(error_i + 1e-6)), error_i

    @jax.jit
    def update(weights, average, optimiser_state, batch, code_i):
        gradients, error_i = jax.grad(loss, has_aux=True)(weights, batch, code_i)
        change, optimiser_state = optimiser.update(gradients, optimiser_state, weights)
        weights = optax.apply_updates(weights, change)
        average = optax.incremental_update(weights, average, 1 - AVERAGE_DECAY)
        return weights, average, optimiser_state, jnp.mean(error_i)

    @jax.jit
    def evaluate(weights, batch, code_i):
        return batch_errors(graph, weights, batch, code_i)

    start = State(0, weights, weights, optimiser.init(weights), weights, math.inf, math.inf)
    return Trainer(graph, start, update, evaluate)


def batch_errors(graph, weights, batch: Batch, code_i):
    """Relative error of each material.

    Args:
      code_i: number of the code that each is decoded from; None: refined from the coarse q mesh,
        and the error is that on the orbits that were not given.
    """
    network = nnx.merge(graph, weights)
    if code_i is None:
        return jax.vmap(partial(_refinement_error, network))(batch)
    chosen = code_i.reshape(1, -1, 1, 1, 1, 1)
    first_iomnv = jnp.take_along_axis(batch.first_siomnv, chosen, axis=0)[0]
    step_i = jnp.take_along_axis(batch.step_si, code_i[None], axis=0)[0]
    arguments = (first_iomnv, step_i, batch.g_iomnv, batch.geometry)
    return jax.vmap(partial(_decoding_error, network))(*arguments)


def _decoding_error(network: Autoencoder, first_omnv, step, g_omnv, geometry):
    found_omnv = _single(network.decode(first_omnv, step, geometry))
    return relative_error(found_omnv, g_omnv, geometry.weight_o)


def _refinement_error(network: Autoencoder, batch: Batch):
    """Of one material; it is scaled by what it is given only."""
    g_omnv, given_o, weight_o = batch.g_iomnv, batch.coarse_io, batch.geometry.weight_o
    seen_o = weight_o * given_o
    seen_square = jnp.einsum("o,omnv->", seen_o, g_omnv**2) / jnp.sum(seen_o)
    all_square = jnp.einsum("o,omnv->", weight_o, g_omnv**2)
    factor = jnp.sqrt(all_square / jnp.maximum(seen_square, 1e-6))
    g_omnv, guess_omnv = g_omnv * factor, batch.guess_iomnv * factor
    found_omnv = network.refine(g_omnv, given_o, guess_omnv, batch.geometry)
    return relative_error(_single(found_omnv), g_omnv, weight_o - seen_o)


def _single(found):
    if found.dtype != jnp.float32:
        raise TypeError(f"network computed in {found.dtype}, expected float32")
    return found


def train(
    trainer: Trainer,
    state: State,
    training: list[Class],
    validation: list[Class],
    options: dict,
    on_progress: Callable[[State, dict], None],
) -> State:
    """Run from `state` to the last step.

    Args:
      training, validation: classes of stacked materials; validation may be empty, then the
        last average counts as the best.
      on_progress: called every `evaluate_every` steps with the state and a history row.

    Raises:
      EphforgeError: a loss is not finite; no state of after it has been passed on.
    """
    recent = []
    if state.step == 0:  # the linear code that training starts from is a candidate too
        state, found = _validate(trainer, state, validation, options)
        on_progress(state, {"step": 0, "train": None} | found)
    for step in range(state.step, options["steps"]):
        batch, code_i = draw_task(training, options, _generator(options, step))
        weights, average, optimiser, error = trainer.update(
            state.weights, state.average, state.optimiser, batch, code_i
        )
        state = State(step + 1, weights, average, optimiser, *state[4:])
        recent.append(error)
        if state.step % options["evaluate_every"] == 0 or state.step == options["steps"]:
            errors = np.array(jax.device_get(recent))
            _check_finite(errors, state.step, training, options)
            row = {"step": state.step, "train": float(np.mean(errors))}
            recent = []
            state, found = _validate(trainer, state, validation, options)
            on_progress(state, row | found)
    return state


def _generator(options: dict, step: int) -> np.random.Generator:
    return np.random.default_rng([options["seed"], step])


def _check_finite(errors: np.ndarray, end: int, training: list[Class], options: dict) -> None:
    """Errors of the steps before `end`; they wait on the device until they are looked at."""
    wrong = np.flatnonzero(~np.isfinite(errors))
    if wrong.size:
        step = end - len(errors) + int(wrong[0])
        names = drawn_names(training, options["batch_size"], _generator(options, step))
        raise EphforgeError(
            f"train: the loss of step {step + 1} is not finite, batch of materials "
            f"{', '.join(names)}; lower train.learning_rate, or look at these materials"
        )


def draw_task(classes: list[Class], options: dict, rng: np.random.Generator):
    """A batch, and the code that each of its materials comes as; None: to be refined."""
    batch = draw_batch(classes, options["batch_size"], rng)
    if rng.random() < options["masked_fraction"] and has_hidden(batch):
        return slim(batch), None
    return batch, rng.integers(0, len(batch.step_si), len(batch.g_iomnv))


def slim(batch: Batch) -> Batch:
    """Without the codes, which a refinement does not look at; one axis for vmap on all arrays."""
    none = np.zeros(len(batch.g_iomnv), np.float32)
    return batch._replace(first_siomnv=none, step_si=none)


def has_hidden(batch: Batch) -> bool:
    """Whether the coarse q mesh leaves anything to ask for."""
    return not batch.coarse_io.all()


def _validate(trainer: Trainer, state: State, validation: list[Class], options: dict):
    """Errors of the averaged weights; keeps them if they are the best so far."""
    found: dict[str, list] = {}
    for batch in cut(validation, options["batch_size"]):
        for code, step in enumerate(batch.step_si[:, 0]):
            name = f"validation_{step:.3g}"
            code_i = np.full(len(batch.g_iomnv), code)
            found.setdefault(name, []).extend(trainer.evaluate(state.average, batch, code_i))
        if has_hidden(batch):
            errors = trainer.evaluate(state.average, slim(batch), None)
            found.setdefault("validation_refined", []).extend(errors)
    if not found:
        return state._replace(best=state.average), {}
    mean = {name: float(np.mean(values)) for name, values in found.items()}
    refinement_error = mean.get("validation_refined", math.inf)
    compressions = [e for name, e in mean.items() if name != "validation_refined"]
    compression_error = float(np.exp(np.mean(np.log(compressions))))
    if not np.all(np.isfinite(list(mean.values()))):
        raise EphforgeError(
            f"train: a validation error at step {state.step} is not finite ({mean}); "
            "lower train.learning_rate"
        )
    is_better = {
        "decoder": compression_error < state.best_compression,
        "refiner": refinement_error < state.best_refinement,
    }
    best = {name: (state.average if is_better[name] else state.best)[name] for name in state.best}
    state = state._replace(
        best=nnx.State(best),
        best_compression=min(compression_error, state.best_compression),
        best_refinement=min(refinement_error, state.best_refinement),
    )
    return state, mean | {"validation": compression_error}
