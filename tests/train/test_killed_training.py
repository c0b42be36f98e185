"""Training killed at any time, or left with a broken checkpoint, ends as if nothing had been."""

import logging
import multiprocessing
import random
import time
from contextlib import suppress

import numpy as np
import pytest
from test_train_stage import (
    MATERIALS,
    OPTIONS,
    Synchronous,
    assert_same_codec,
    killed_run,
    run,
    steps_of_next_run,
)

from ephforge.core.errors import EphforgeError
from ephforge.train import stage

NINE = OPTIONS | {"steps": 9}  # checkpoints after 3, 6 and 9 steps


def train_in_child(folder, options, cache, pipe) -> None:
    """A whole run in this process, which tells of each step."""
    import jax

    jax.config.update("jax_compilation_cache_dir", cache)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    whole = stage.make_trainer

    def telling(network, options):
        trainer = whole(network, options)

        def update(*arguments):
            pipe.send("step")
            return trainer.update(*arguments)

        return trainer._replace(update=update)

    stage.make_trainer = telling
    run(folder, options=options)


def started(folder, options, cache):
    """A child that trains, and the pipe by which it tells of it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ephforge.train.stage"])
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=train_in_child, args=(folder, options, cache, theirs))
    child.start()
    theirs.close()
    return child, ours


def finished(folder, options, cache) -> None:
    child, pipe = started(folder, options, cache)
    with suppress(EOFError):
        while pipe.poll(120):
            pipe.recv()
    child.join(120)
    assert child.exitcode == 0
    pipe.close()


def results(folder):
    history = stage.json.loads((folder / "history.json").read_text())
    from ephforge.core.netcdf import read

    return read(folder / "autoencoder.nc", "train"), history["columns"]


def test_killed_at_random_times_the_learning_curve_is_the_same(tmp_path, is_long, figures):
    kills = 20 if is_long else 3
    options = OPTIONS | {"steps": 24 * kills, "evaluate_every": 4}
    cache, moments = str(tmp_path / "cache"), random.Random(1)
    unbroken, killed = tmp_path / "unbroken", tmp_path / "killed"
    for folder in (unbroken, killed):
        folder.mkdir()
    finished(unbroken, options, cache)
    steps = []
    for _ in range(kills):
        child, pipe = started(killed, options, cache)
        for _ in range(moments.randint(4, 12)):
            assert pipe.poll(120), "training does not go on"
            assert pipe.recv() == "step"
        time.sleep(moments.uniform(0, 0.05))
        child.kill()
        child.join()
        saved = killed.glob("checkpoints/*/*")
        steps.append(max((int(p.name) for p in saved if p.name.isdigit()), default=0))
    assert not (killed / "autoencoder.nc").exists(), "training ended before it was killed so often"
    finished(killed, options, cache)
    (first, curve), (second, same_curve) = results(unbroken), results(killed)
    figures["SIGKILL of training"] = {"kills": kills, "newest checkpoint after each": steps}
    assert same_curve == curve
    assert_same_codec(first, second)
    assert len(set(steps)) > 1, "it was never killed after a checkpoint"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return run(tmp_path_factory.mktemp("nine"), options=NINE)


def largest(folder):
    return max((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)


def cut(folder):
    path = largest(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(folder):
    """Bits all over the largest file: some of its bytes are of no use."""
    path = largest(folder)
    content = bytearray(path.read_bytes())
    for place in range(0, len(content), max(len(content) // 31, 1)):
        content[place] ^= 16
    path.write_bytes(content)


def empty(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"")


def lose(folder):
    largest(folder).unlink()


def edit(folder):
    """A row of the learning curve, which is valid JSON afterwards."""
    (path,) = (p for p in folder.rglob("*") if p.is_file() and b'"rows"' in p.read_bytes())
    text = path.read_text()
    assert '"step": 3' in text
    path.write_text(text.replace('"step": 3', '"step": 4'))


@pytest.mark.parametrize("damage", [cut, flip, empty, lose, edit])
def test_a_broken_checkpoint_is_passed_over(monkeypatch, tmp_path, unbroken, caplog, damage):
    killed_run(monkeypatch, tmp_path, 7, options=NINE)
    (checkpoints,) = (tmp_path / "checkpoints").iterdir()
    assert sorted(p.name for p in checkpoints.iterdir()) == ["3", "6"]
    damage(checkpoints / "6")
    with caplog.at_level(logging.INFO, logger="ephforge"):
        made, contents, history = steps_of_next_run(monkeypatch, tmp_path, options=NINE)
    assert made == 6
    assert "checkpoint of step 6 is broken, removed: " in caplog.text
    assert "resumed at step 3" in caplog.text
    assert_same_codec(contents, unbroken[0])
    assert history["columns"] == unbroken[1]["columns"]


def test_without_a_whole_checkpoint_training_starts_anew(monkeypatch, tmp_path, unbroken, caplog):
    killed_run(monkeypatch, tmp_path, 7, options=NINE)
    (checkpoints,) = (tmp_path / "checkpoints").iterdir()
    for step in ("3", "6"):
        cut(checkpoints / step)
    made, contents, _ = steps_of_next_run(monkeypatch, tmp_path, options=NINE)
    assert made == 9
    assert "no checkpoint is whole: training starts anew" in caplog.text
    assert_same_codec(contents, unbroken[0])


def spoil(monkeypatch, step):
    """The update of one step gives a loss that is no number, as an overflow would."""
    whole = stage.make_trainer

    def failing(network, options):
        trainer, calls = whole(network, options), []

        def update(*arguments):
            *found, error = trainer.update(*arguments)
            calls.append(1)
            return *found, error * (np.nan if len(calls) >= step else 1.0)

        return trainer._replace(update=update)

    monkeypatch.setattr(stage, "make_trainer", failing)


def test_a_loss_that_is_no_number_stops_with_step_and_batch(monkeypatch, tmp_path):
    spoil(monkeypatch, 5)
    monkeypatch.setattr(stage.ocp, "CheckpointManager", Synchronous)
    with pytest.raises(EphforgeError, match="the loss of step 5 is not finite, batch of") as caught:
        run(tmp_path, options=NINE)
    line = str(caught.value)
    names = line.split("materials ")[1].split(";")[0].split(", ")
    known = {block.name for block, split in MATERIALS if split == "train"}
    assert len(names) == OPTIONS["batch_size"]
    assert set(names) <= known
    assert not (tmp_path / "autoencoder.nc").exists()
    (checkpoints,) = (tmp_path / "checkpoints").iterdir()
    assert [p.name for p in checkpoints.iterdir() if p.name.isdigit()] == ["3"]


def test_the_named_batch_is_the_one_that_was_drawn():
    from ephforge.model.transform import statistics_of
    from ephforge.train.batches import draw_batch, drawn_names, stack_blocks
    from ephforge.train.codes import coded

    blocks = [block for block, split in MATERIALS if split == "train"]
    statistics, random = statistics_of(blocks), np.random.default_rng(0)
    codes = [coded(block, statistics, np.array([0.3]), random) for block in blocks]
    classes = stack_blocks(blocks, codes, [statistics] * len(blocks), (1, 1, 1))
    rows = {c.names[i]: c.g_iomnv[i] for c in classes for i in range(len(c.names))}
    for seed in range(5):
        names = drawn_names(classes, 2, np.random.default_rng(seed))
        batch = draw_batch(classes, 2, np.random.default_rng(seed))
        np.testing.assert_array_equal(batch.g_iomnv, [rows[name] for name in names])
