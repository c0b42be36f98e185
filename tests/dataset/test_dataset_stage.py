"""The fan-in on small shards: counts, round trip, and everything that must be refused."""

import json

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.core.blocks import block_variables
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import write
from ephforge.dataset.splits import read_split, read_splits
from ephforge.dataset.stage import run

OPTIONS = {
    "validation_fraction": 0.2,
    "test_fraction": 0.2,
    "largest_orbits": 450,
    "largest_modes": 12,
}
PROVENANCE = {"stage": "dataset", "options": OPTIONS, "code": "0"}
PROTOTYPES = ["fcc", "diamond", "zincblende", "rocksalt"]
SHARD = {
    "options": {"bases": ["s"]},
    "code": "b",
    "wall_seconds": 2.0,
    "lattice_options": {"strain": 0.1},
    "lattice_code": "a",
    "lattice_wall_seconds": 3.0,
}
SMALL = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2)}


def group(i):
    """Every fifth material is rejected."""
    block = make_block(PROTOTYPES[i % 4], i, **SMALL)
    variables, attributes = block_variables(block)
    attributes |= block.labels | {"status": "accepted", "reason": ""}
    if i % 5 == 4:
        return {}, block.labels | {"status": "rejected", "reason": "imaginary modes"}
    return variables, attributes


def write_shard(folder, first, last, names=None, stem=None):
    path = folder / f"{stem or f'{first:06d}-{last:06d}'}.nc"
    groups = {f"{i:06d}": group(i) for i in (range(first, last) if names is None else names)}
    write(path, "coupling", {}, SHARD, groups)
    return str(path)


def call(folder, shards, options=OPTIONS):
    dataset, card = folder / "dataset.nc", folder / "card.json"
    run(shards, str(dataset), str(card), str(folder / "card.md"), options, 1, PROVENANCE)
    return dataset, json.loads(card.read_text())


def test_counts_and_round_trip(tmp_path):
    shards = [write_shard(tmp_path, 0, 10), write_shard(tmp_path, 10, 20)]
    dataset, card = call(tmp_path, shards)
    assert (card["drawn"], card["accepted"], card["rejected"]) == (20, 16, {"imaginary modes": 4})
    assert card["prototypes"] == dict.fromkeys(sorted(PROTOTYPES), 4)
    assert card["matrices"] == 4 * 4 * (3 + 6 + 6 + 6)  # 4 materials each, 2 x 2 bands
    assert card["earlier"] == {
        "lattice": {"wall_seconds": 6.0, "options": [{"strain": 0.1}], "code": ["a"]},
        "coupling": {"wall_seconds": 4.0, "options": [{"bases": ["s"]}], "code": ["b"]},
    }
    assert card["seed"] == 1

    splits = read_splits(dataset)
    families = {name: {b.labels["family"] for b in blocks} for name, blocks in splits.items()}
    assert sum(map(len, splits.values())) == 16
    assert not families["train"] & families["test"]
    assert not families["train"] & families["validation"]
    for name, blocks in splits.items():
        assert card["splits"][name]["materials"] == len(blocks)
        assert set(card["splits"][name]["families"]) == families[name]
    block = read_split(dataset, "train")[0]
    original = make_block(PROTOTYPES[int(block.name) % 4], int(block.name), **SMALL)
    assert np.array_equal(block.g, original.g)
    assert np.array_equal(block.orbits.orbit_kq, original.orbits.orbit_kq)


def test_one_shard_given_as_a_plain_path(tmp_path):
    _, card = call(tmp_path, write_shard(tmp_path, 0, 10))
    assert card["accepted"] == 8


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda t: [write_shard(t, 0, 10, names=range(9))], "000009 is missing"),
        (lambda t: [write_shard(t, 0, 10, names=range(11))], "000010 is not of this shard"),
        (lambda t: [write_shard(t, 0, 10), write_shard(t, 5, 15)], "000005 is in another shard"),
        (lambda t: [write_shard(t, 0, 5), write_shard(t, 10, 15)], "000005 is in no shard"),
        (lambda t: [write_shard(t, 0, 5, stem="results")], "named like"),
        (lambda t: [write_shard(t, 0, 5, names=[4], stem="000004-000005")], "in no shard"),
    ],
)
def test_incomplete_campaigns_are_refused(tmp_path, make, words):
    with pytest.raises(EphforgeError, match=words):
        call(tmp_path, make(tmp_path))
    assert not (tmp_path / "dataset.nc").exists()


def test_a_junk_shard_is_named(tmp_path):
    good, bad = write_shard(tmp_path, 0, 5), tmp_path / "000005-000010.nc"
    bad.write_text("junk")
    with pytest.raises(EphforgeError, match="000005-000010"):
        call(tmp_path, [good, str(bad)])


def test_nothing_accepted_is_one_clear_line(tmp_path):
    groups = {"000000": group(4)}
    write(tmp_path / "000000-000001.nc", "coupling", {}, SHARD, groups)
    with pytest.raises(EphforgeError, match="no material was accepted"):
        call(tmp_path, [str(tmp_path / "000000-000001.nc")])
