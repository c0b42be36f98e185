"""Training steps: tasks, losses and the choice of weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from material_blocks import make_block
from small_networks import SMALL, small_codec, small_network

from ephforge.model.transform import statistics_of
from ephforge.train import loop
from ephforge.train.batches import cut, stack_blocks
from ephforge.train.loop import (
    BUDGETS,
    VALIDATED_BUDGETS,
    batch_errors,
    compression,
    draw_task,
    make_trainer,
    refinement,
    train,
)

OPTIONS = {
    "seed": 0,
    "steps": 30,
    "batch_size": 4,
    "learning_rate": 0.01,
    "weight_decay": 1e-4,
    "masked_fraction": 0.25,
    "evaluate_every": 15,
}
BLOCKS = [make_block("cscl", i, bands=2, **SMALL) for i in range(4)]
STATISTICS = statistics_of(BLOCKS)
NO_EXTRA = np.zeros(4)
CLASSES = stack_blocks(BLOCKS, STATISTICS, (1, 1, 1))
(BATCH,) = cut(CLASSES, 4)


def _keeping(rows):
    return lambda _, row: rows.append(row)


def errors(weights_network, batch, task):
    graph, weights = nnx.split(weights_network)
    return np.asarray(batch_errors(graph, weights, batch, task))


@pytest.fixture(scope="module")
def trained():
    rows = []
    trainer = make_trainer(small_network(2, 6), OPTIONS)
    state = train(
        trainer, trainer.start, CLASSES, CLASSES, OPTIONS, lambda _, row: rows.append(row)
    )
    return trainer, state, rows


def test_training_lowers_the_error_of_both_tasks(trained):
    trainer, state, rows = trained
    tasks = compression(BATCH, np.full(4, 0.01), NO_EXTRA), refinement(BATCH)
    for task in tasks:
        before = batch_errors(trainer.graph, trainer.start.weights, BATCH, task)
        after = batch_errors(trainer.graph, state.weights, BATCH, task)
        assert np.mean(np.log(after)) < np.mean(np.log(before)) - 0.005
    assert [row["step"] for row in rows][-2:] == [15, 30]
    names = {f"validation_{budget}" for budget in VALIDATED_BUDGETS}
    assert rows[-1].keys() == names | {"step", "train", "validation_refined", "validation"}
    score = np.exp(np.mean(np.log([rows[-1][name] for name in names])))
    assert rows[-1]["validation"] == pytest.approx(score, rel=1e-6)
    assert {leaf.dtype for leaf in jax.tree.leaves(state.weights)} == {jnp.dtype("float32")}


def test_compression_error_is_that_of_the_codec():
    codec = small_codec(STATISTICS, trained=True)
    plans = [codec._plan(block, 0.02) for block in BLOCKS]
    n_kept, n_extra = np.array(plans, dtype=np.int32).T
    task = compression(BATCH, np.ones(4), NO_EXTRA)._replace(n_kept=n_kept, n_extra=n_extra)
    found_i = errors(codec.network, BATCH, task)
    for block, found in zip(BLOCKS, found_i, strict=True):
        rebuilt = codec.compress(block, 0.02)[..., block.orbits.orbit_kq]
        grid = block.g[..., block.orbits.orbit_kq]
        assert found == pytest.approx(
            np.linalg.norm(rebuilt - grid) / np.linalg.norm(grid), rel=2e-3
        )


def test_a_budget_is_never_exceeded():
    budget_i, share_i = np.array([5e-4, 1e-3, 3e-3, 2e-2]), np.array([0.5, 0.0, 0.25, 0.5])
    task = compression(BATCH, budget_i, share_i)
    paid_i = task.n_kept + 2 * task.n_extra
    assert np.all(paid_i <= budget_i * BATCH.full_i)
    assert np.all(paid_i > budget_i * BATCH.full_i - 3)


def test_refinement_error_is_that_of_the_codec_on_hidden_orbits():
    codec = small_codec(STATISTICS, trained=True)
    found_i = errors(codec.network, BATCH, refinement(BATCH))
    for block, given_o, found in zip(BLOCKS, BATCH.coarse_io, found_i, strict=True):
        hidden_kq = ~given_o[block.orbits.orbit_kq]
        rebuilt = codec.refine(block, given_o)[..., block.orbits.orbit_kq][..., hidden_kq]
        true = block.g[..., block.orbits.orbit_kq][..., hidden_kq]
        assert found == pytest.approx(
            np.linalg.norm(rebuilt - true) / np.linalg.norm(true), rel=2e-3
        )


def test_tasks_follow_the_options():
    rngs = [np.random.default_rng(i) for i in range(200)]
    tasks = [draw_task(CLASSES, OPTIONS, rng)[1] for rng in rngs]
    refinements = [bool(np.all(task.is_refinement)) for task in tasks]
    assert 0.15 < np.mean(refinements) < 0.35
    paid = [t.n_kept + 2 * t.n_extra for t, r in zip(tasks, refinements, strict=True) if not r]
    share = np.concatenate(paid) / BATCH.full_i[0]
    assert BUDGETS[1] / 1.5 < share.max() <= BUDGETS[1]
    mean = (BUDGETS[1] - BUDGETS[0]) / np.log(BUDGETS[1] / BUDGETS[0])  # log-uniform
    assert 0.7 * mean < share.mean() < 1.2 * mean
    complete = stack_blocks(BLOCKS, STATISTICS, SMALL["q_mesh"])  # nothing is hidden
    always = OPTIONS | {"masked_fraction": 1.0}
    for i in range(5):
        assert not np.any(draw_task(complete, always, np.random.default_rng(i))[1].is_refinement)


def test_best_weights_are_kept_when_later_ones_are_worse(monkeypatch):
    """A learning rate that destroys the network leaves the best weights as they were."""
    options = OPTIONS | {"steps": 4, "evaluate_every": 1, "learning_rate": 1.0}
    monkeypatch.setattr(loop, "AVERAGE_DECAY", 0.0)  # validate the very weights
    trainer = make_trainer(small_network(2, 6), options)
    rows = []
    state = train(
        trainer, trainer.start, CLASSES, CLASSES, options, lambda _, row: rows.append(row)
    )
    scores = [row["validation"] for row in rows]
    assert scores[-1] > 2 * min(scores)
    task = [compression(BATCH, np.full(4, b), NO_EXTRA) for b in VALIDATED_BUDGETS]
    found = [np.mean(trainer.evaluate(state.best, BATCH, t)) for t in task]
    assert np.exp(np.mean(np.log(found))) == pytest.approx(min(scores), rel=1e-4)


def test_without_validation_the_last_average_counts():
    options = OPTIONS | {"steps": 2}
    trainer = make_trainer(small_network(2, 6), options)
    rows = []
    state = train(trainer, trainer.start, CLASSES, [], options, _keeping(rows))
    assert rows[-1].keys() == {"step", "train"}
    for best, average in zip(*map(jax.tree.leaves, (state.best, state.average)), strict=True):
        np.testing.assert_array_equal(best, average)


def test_a_double_precision_network_is_refused():
    network = small_network(2, 6)
    network.encoder.enter.bias = nnx.Param(jnp.zeros(8, jnp.float64))
    with pytest.raises(TypeError, match="float64"):
        make_trainer(network, OPTIONS)


def test_a_double_precision_batch_is_refused():
    batch = BATCH._replace(g_iox=BATCH.g_iox.astype(float))
    with pytest.raises(TypeError, match="float64"):
        errors(small_network(2, 6), batch, compression(batch, np.full(4, 0.01), NO_EXTRA))
