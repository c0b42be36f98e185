"""Training steps: tasks, losses and the choice of weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from material_blocks import make_block
from small_networks import SMALL, small_codec, small_network

from ephforge.model.bitstream import Reader, read_header, scale_value, step_value
from ephforge.model.codec import scale_of
from ephforge.model.encoder import Encoder
from ephforge.model.sparse import unit
from ephforge.model.transform import statistics_of
from ephforge.train import loop
from ephforge.train.batches import cut, stack_blocks
from ephforge.train.codes import coded
from ephforge.train.loop import batch_errors, draw_task, has_hidden, make_trainer, slim, train

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
STEPS = (0.05, 0.3)
CODES = [coded(b, STATISTICS, np.array(STEPS), np.random.default_rng(0)) for b in BLOCKS]
CLASSES = stack_blocks(BLOCKS, CODES, [STATISTICS] * len(BLOCKS), (1, 1, 1))
(BATCH,) = cut(CLASSES, 4)


def _keeping(rows):
    return lambda _, row: rows.append(row)


def errors(network, batch, code_i):
    graph, weights = nnx.split(network)
    return np.asarray(batch_errors(graph, weights, batch, code_i))


def tasks():
    """Every code of the batch, and its refinement."""
    codes = [(BATCH, np.full(4, code)) for code in range(len(STEPS))]
    return [*codes, (slim(BATCH), None)]


@pytest.fixture(scope="module")
def trained():
    rows = []
    trainer = make_trainer(small_network(), OPTIONS)
    state = train(
        trainer, trainer.start, CLASSES, CLASSES, OPTIONS, lambda _, row: rows.append(row)
    )
    return trainer, state, rows


def test_training_lowers_the_error_of_both_tasks(trained):
    trainer, state, rows = trained
    for task in tasks():
        before = batch_errors(trainer.graph, trainer.start.weights, *task)
        after = batch_errors(trainer.graph, state.weights, *task)
        assert np.mean(np.log(after)) < np.mean(np.log(before))
    assert np.mean(np.log(after)) < np.mean(np.log(before)) - 0.005  # of the last, refinement
    assert [row["step"] for row in rows] == [0, 15, 30]
    names = {f"validation_{step}" for step in STEPS}
    assert rows[-1].keys() == names | {"step", "train", "validation_refined", "validation"}
    score = np.exp(np.mean(np.log([rows[-1][name] for name in names])))
    assert rows[-1]["validation"] == pytest.approx(score, rel=1e-6)
    assert {leaf.dtype for leaf in jax.tree.leaves(state.weights)} == {jnp.dtype("float32")}


def test_a_material_is_decoded_from_the_code_that_is_drawn():
    network = small_network(trained=True)
    apart = np.stack([errors(network, BATCH, np.full(4, code)) for code in range(len(STEPS))])
    code_i = np.array([1, 0, 0, 1])
    mixed_i = errors(network, BATCH, code_i)
    np.testing.assert_allclose(mixed_i, apart[code_i, np.arange(4)], rtol=1e-5)
    assert np.all(np.abs(apart[0] - apart[1]) > 1e-4)


class TransformAlone(Encoder):
    remainders = False


def test_decoding_error_is_that_of_the_codec():
    """The step of a code of the transform alone, the integers of which come from its bytes."""
    codec = small_codec(STATISTICS, trained=True)
    codes = [
        TransformAlone(codec, block, *codec.choices(block)[0], scale_of(block)).within(600)[0]
        for block in BLOCKS
    ]
    for block, code in zip(BLOCKS, codes, strict=True):
        header = read_header(Reader(code.data), codec.ends_of(block))
        step = step_value(header.step) / unit(len(block.orbits.size_o))
        scale = scale_of(block) / scale_value(header.scale)
        again = [coded(block, STATISTICS, np.array([step * scale]), np.random.default_rng(0))]
        # the code is of |g| over its rounded scale, training's of |g| over the very scale
        (batch,) = cut(stack_blocks([block], again, [STATISTICS] * 1, (1, 1, 1)), 1)
        found = errors(codec.network, batch, np.zeros(1, int))
        rebuilt, grid = (g[..., block.orbits.orbit_kq] for g in (code.g, block.g))
        expected = np.linalg.norm(rebuilt - grid) / np.linalg.norm(grid)
        assert found[0] == pytest.approx(expected, rel=0.1)


def test_refinement_error_is_that_of_the_codec_on_hidden_orbits():
    codec = small_codec(STATISTICS, trained=True)
    found_i = errors(codec.network, slim(BATCH), None)
    for block, given_o, found in zip(BLOCKS, BATCH.coarse_io, found_i, strict=True):
        hidden_kq = ~given_o[block.orbits.orbit_kq]
        rebuilt = codec.refine(block, given_o)[..., block.orbits.orbit_kq][..., hidden_kq]
        true = block.g[..., block.orbits.orbit_kq][..., hidden_kq]
        assert found == pytest.approx(
            np.linalg.norm(rebuilt - true) / np.linalg.norm(true), rel=2e-3
        )


def test_tasks_follow_the_options():
    rngs = [np.random.default_rng(i) for i in range(200)]
    drawn = [draw_task(CLASSES, OPTIONS, rng)[1] for rng in rngs]
    assert 0.15 < np.mean([code_i is None for code_i in drawn]) < 0.35
    codes = np.concatenate([code_i for code_i in drawn if code_i is not None])
    assert set(codes) == {0, 1}
    assert 0.4 < codes.mean() < 0.6
    complete = stack_blocks(
        BLOCKS, CODES, [STATISTICS] * len(BLOCKS), SMALL["q_mesh"]
    )  # nothing is hidden
    always = OPTIONS | {"masked_fraction": 1.0}
    for i in range(5):
        batch, code_i = draw_task(complete, always, np.random.default_rng(i))
        assert not has_hidden(batch)
        assert code_i is not None


def test_best_weights_are_kept_when_later_ones_are_worse(monkeypatch):
    """A learning rate that destroys the network leaves the best weights as they were."""
    options = OPTIONS | {"steps": 4, "evaluate_every": 1, "learning_rate": 1.0}
    monkeypatch.setattr(loop, "AVERAGE_DECAY", 0.0)  # validate the very weights
    trainer = make_trainer(small_network(), options)
    rows = []
    state = train(
        trainer, trainer.start, CLASSES, CLASSES, options, lambda _, row: rows.append(row)
    )
    scores = [row["validation"] for row in rows]
    assert scores[-1] > 1.2 * min(scores)
    found = [np.mean(trainer.evaluate(state.best, *task)) for task in tasks()[:-1]]
    assert np.exp(np.mean(np.log(found))) == pytest.approx(min(scores), rel=1e-4)


def test_without_validation_the_last_average_counts():
    options = OPTIONS | {"steps": 2}
    trainer = make_trainer(small_network(), options)
    rows = []
    state = train(trainer, trainer.start, CLASSES, [], options, _keeping(rows))
    assert rows[-1].keys() == {"step", "train"}
    for best, average in zip(*map(jax.tree.leaves, (state.best, state.average)), strict=True):
        np.testing.assert_array_equal(best, average)


def test_a_double_precision_network_is_refused():
    network = small_network()
    network.decoder.enter.bias = nnx.Param(jnp.zeros(8, jnp.float64))
    with pytest.raises(TypeError, match="float64"):
        make_trainer(network, OPTIONS)


def test_a_double_precision_batch_is_refused():
    batch = BATCH._replace(first_siomnv=BATCH.first_siomnv.astype(float))
    with pytest.raises(TypeError, match="float64"):
        errors(small_network(), batch, np.zeros(4, int))
