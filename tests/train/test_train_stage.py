"""Stage train: whole files, resuming, and what may influence the weights."""

import dataclasses
import json

import numpy as np
import orbax.checkpoint as ocp
import pytest
from learning_files import provenance, write_dataset
from material_blocks import make_block
from small_networks import SMALL

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.model.storage import load_codec
from ephforge.train import stage

OPTIONS = {
    "seed": 1,
    "features": 16,
    "layers": 1,
    "patches": True,
    "coded_materials": 10,
    "codes": 1,
    "prior_steps": 5,
    "steps": 6,
    "batch_size": 2,
    "learning_rate": 0.01,
    "weight_decay": 1e-4,
    "masked_fraction": 0.3,
    "evaluate_every": 3,
}
SPLITS = ("train", "train", "train", "validation", "test")
MATERIALS = [(make_block("cscl", i, bands=1, **SMALL), split) for i, split in enumerate(SPLITS)]


class Killed(Exception):
    """Stands for the end of a job."""


class Synchronous(ocp.CheckpointManager):
    """Has written a checkpoint when `save` returns."""

    def save(self, *arguments, **keywords):
        done = super().save(*arguments, **keywords)
        self.wait_until_finished()
        return done


def run(folder, materials=MATERIALS, options=OPTIONS):
    """Contents of autoencoder.nc and of history.json."""
    stage.run(
        write_dataset(folder, materials),
        str(folder / "autoencoder.nc"),
        str(folder / "history.json"),
        str(folder / "checkpoints"),
        [1, 1, 1],
        options,
        provenance("train", options),
    )
    history = json.loads((folder / "history.json").read_text())
    return read(folder / "autoencoder.nc", "train"), history


def kill_at(monkeypatch, step):
    """The next run dies in the update after `step`, its checkpoint being on disk."""
    whole = stage.make_trainer

    def mortal(network, options):
        trainer = whole(network, options)
        calls = []

        def update(*arguments):
            calls.append(arguments)
            if len(calls) > step:
                raise Killed
            return trainer.update(*arguments)

        return trainer._replace(update=update)

    monkeypatch.setattr(stage, "make_trainer", mortal)


def killed_run(monkeypatch, folder, step, **changes):
    with monkeypatch.context() as patch:
        kill_at(patch, step)
        patch.setattr(stage.ocp, "CheckpointManager", Synchronous)  # no race with the kill
        with pytest.raises(Killed):
            run(folder, **changes)


def steps_of_next_run(monkeypatch, folder, **changes):
    """Updates that a run makes, and what it writes."""
    whole, made = stage.make_trainer, []

    def counting(network, options):
        trainer = whole(network, options)

        def update(*arguments):
            made.append(1)
            return trainer.update(*arguments)

        return trainer._replace(update=update)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "make_trainer", counting)
        found = run(folder, **changes)
    return len(made), *found


def assert_same_codec(first, second):
    """Weights and statistics are equal bit by bit."""
    for name, array in first.variables.items():
        np.testing.assert_array_equal(array, second.variables[name], err_msg=name)
    for field, group in first.groups.items():
        for name, array in group.variables.items():
            np.testing.assert_array_equal(array, second.groups[field].variables[name])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("unbroken")


@pytest.fixture(scope="module")
def unbroken(folder):
    return run(folder)


def test_files_of_a_run(unbroken, folder):
    """One band has no pairs, so no odd part: nothing becomes NaN for that."""
    contents, history = unbroken
    columns = history["columns"]
    assert columns["step"][-2:] == [3, 6]
    assert {"train", "validation", "validation_0.03", "validation_refined"} <= columns.keys()
    assert len({len(values) for values in columns.values()}) == 1
    assert np.isfinite([e for values in columns.values() for e in values if e is not None]).all()
    assert history["materials"] == {"train": 3, "coded": 3, "validation": 1}
    assert history["weights"] == sum(array.size for array in contents.variables.values())
    assert history["wall_seconds"] > 0
    assert contents.attributes["stage"] == "train"
    assert contents.attributes["options"] == OPTIONS
    assert all(np.isfinite(array).all() for array in contents.variables.values())
    assert min(history["prior_bits"].values()) > 0
    block, codec = MATERIALS[-1][0], load_codec(folder / "autoencoder.nc")
    code = codec.encode(block, 300)
    assert np.linalg.norm(code.g - block.g) < 0.9 * np.linalg.norm(block.g)
    np.testing.assert_array_equal(codec.decode(code.data, block), code.g)
    assert np.all((codec.share_tb > 0) & (codec.share_tb < 1))


@pytest.mark.parametrize("step", [2, 3])
def test_a_killed_run_goes_on_and_ends_the_same(monkeypatch, tmp_path, unbroken, step):
    killed_run(monkeypatch, tmp_path, step)
    assert not (tmp_path / "autoencoder.nc").exists()
    made, contents, history = steps_of_next_run(monkeypatch, tmp_path)
    assert made == (6 if step < 3 else 3)  # checkpoints are every three steps
    assert_same_codec(contents, unbroken[0])
    assert history["columns"] == unbroken[1]["columns"]
    assert history["wall_seconds"] > 0
    assert not any((tmp_path / "checkpoints").iterdir())  # nothing is left behind


@pytest.mark.parametrize(
    "changes",
    [
        {"options": OPTIONS | {"learning_rate": 0.02}},
        {"materials": [(make_block("cscl", 9, bands=1, **SMALL), "train"), *MATERIALS]},
    ],
    ids=["options", "data"],
)
def test_another_run_does_not_take_up_the_checkpoint(monkeypatch, tmp_path, unbroken, changes):
    killed_run(monkeypatch, tmp_path, 3)
    made, contents, history = steps_of_next_run(monkeypatch, tmp_path, **changes)
    assert made == 6
    with pytest.raises(AssertionError):
        assert_same_codec(contents, unbroken[0])
    assert history["columns"]["step"][-2:] == [3, 6]


def test_only_the_training_split_makes_the_codec(tmp_path, unbroken):
    """Other test and validation materials change no statistics and no step of the training."""
    other = make_block("fcc", 30, bands=1, noise=0.5, name="000004", **SMALL)
    contents, history = run(tmp_path, [*MATERIALS[:4], (other, "test")])
    assert_same_codec(contents, unbroken[0])
    assert history["columns"] == unbroken[1]["columns"]
    other = dataclasses.replace(other, name="000003")
    contents, history = run(tmp_path, [*MATERIALS[:3], (other, "validation"), MATERIALS[4]])
    assert_same_codec(contents._replace(variables={}), unbroken[0])
    assert history["columns"]["train"] == unbroken[1]["columns"]["train"]
    assert history["columns"]["validation"] != unbroken[1]["columns"]["validation"]


def test_statistics_are_of_all_materials_weights_of_those_that_are_coded(tmp_path, unbroken):
    contents, history = run(tmp_path, options=OPTIONS | {"coded_materials": 2})
    assert history["materials"] == {"train": 3, "coded": 2, "validation": 1}
    for name, moment in unbroken[0].groups["orbits"].variables.items():
        np.testing.assert_array_equal(contents.groups["orbits"].variables[name], moment)
    assert history["columns"]["train"] != unbroken[1]["columns"]["train"]


def test_materials_wider_than_training_are_validated_on_as_well(tmp_path, unbroken):
    wide = make_block("cscl", 20, bands=3, **SMALL)
    _, history = run(tmp_path, [*MATERIALS, (wide, "validation")])
    assert history["materials"] == {"train": 3, "coded": 3, "validation": 2}
    assert history["columns"]["validation"] != unbroken[1]["columns"]["validation"]


def test_no_training_materials_is_one_clear_line(tmp_path):
    with pytest.raises(EphforgeError, match="training split") as caught:
        run(tmp_path, [(MATERIALS[0][0], "test")])
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "dataset.nc") in str(caught.value)
