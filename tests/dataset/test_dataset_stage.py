"""The fan-in on small shards: counts, round trip, and everything that must be refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.core.blocks import block_variables, on_grid
from ephforge.core.errors import EphforgeError
from ephforge.core.machine import machine
from ephforge.core.netcdf import write
from ephforge.dataset.index import FLAGS, NUMBERS, SIZES, TEXTS, facts, read_index
from ephforge.dataset.splits import evenly, iterate, read_split, read_splits
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
        "lattice": {
            "wall_seconds": 6.0,
            "options": [{"strain": 0.1}],
            "code": ["a"],
            "machine": [],  # the shards of before did not say
        },
        "coupling": {
            "wall_seconds": 4.0,
            "options": [{"bases": ["s"]}],
            "code": ["b"],
            "machine": [machine()],
        },
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


def test_the_index_says_where_and_what_each_material_is(tmp_path):
    shards = [write_shard(tmp_path, 0, 10), write_shard(tmp_path, 10, 20)]
    dataset, _ = call(tmp_path, shards)
    index = read_index(dataset)
    assert index.names == [f"{i:06d}" for i in range(20) if i % 5 != 4]
    assert [str(path) for path in index.shards] == shards
    for name, found in facts(index).items():
        block = make_block(PROTOTYPES[int(name) % 4], int(name), **SMALL)
        assert found["prototype"] == block.labels["prototype"]
        assert found["family"] == block.labels["family"]
        assert str(found["shard"]) == shards[int(name) >= 10]
        assert (found["bands"], found["modes"]) == block.g.shape[1:3]
        assert np.isnan(found["gap"])
        assert found["polar"] is False
    # nothing of the blocks is stored again
    assert dataset.stat().st_size < 0.2 * sum(Path(shard).stat().st_size for shard in shards)


def test_a_campaign_that_was_moved_is_still_read(tmp_path):
    (tmp_path / "here").mkdir()
    call(tmp_path / "here", [write_shard(tmp_path / "here", 0, 10)])
    (tmp_path / "here").rename(tmp_path / "there")
    assert len(list(iterate(tmp_path / "there/dataset.nc"))) == 8


def test_only_what_is_asked_for_is_read(tmp_path):
    shards = [write_shard(tmp_path, 0, 10), write_shard(tmp_path, 10, 20)]
    dataset, _ = call(tmp_path, shards)
    Path(shards[0]).unlink()
    found = list(iterate(dataset, names=["000013", "000011"]))
    assert [block.name for block in found] == ["000011", "000013"]
    with pytest.raises(EphforgeError, match=r"000000-000010\.nc: no such file"):
        list(iterate(dataset))


def test_a_shard_that_was_made_anew_is_refused(tmp_path):
    shard = write_shard(tmp_path, 0, 10)
    dataset, _ = call(tmp_path, shard)
    groups = {f"{i:06d}": group(i) for i in range(10)}
    groups["000002"] = (groups["000002"][0], groups["000002"][1] | {"kind": "metal"})
    write(shard, "coupling", {}, SHARD, groups)
    with pytest.raises(EphforgeError, match="000002 is not the one") as caught:
        list(iterate(dataset))
    assert "\n" not in str(caught.value)


def test_large_materials_are_set_aside_and_counted(tmp_path):
    groups = {}
    for i in range(10):  # fcc has 3 modes, the others 6
        block = make_block(("fcc", "diamond")[i % 2], i, **SMALL)
        labels = block.labels | {"potential": ("emt", "rgl")[i // 2 % 2]}
        labels["family"] = f"{labels['prototype']}/{labels['potential']}/s"
        variables, attributes = block_variables(dataclasses.replace(block, labels=labels))
        groups[block.name] = (variables, attributes | labels | {"status": "accepted", "reason": ""})
    shard = tmp_path / "000000-000010.nc"
    write(shard, "coupling", {}, SHARD, groups)
    dataset, card = call(tmp_path, str(shard), OPTIONS | {"largest_modes": 3})
    families = ["diamond/emt/s", "diamond/rgl/s"]
    assert card["splits"]["aside"] == {"materials": 5, "families": families}
    assert {block.labels["prototype"] for block in iterate(dataset, "aside")} == {"diamond"}
    assert card["accepted"] == 10
    assert sum(map(len, read_splits(dataset).values())) == 5
    assert len(list(iterate(dataset))) == 10
    _, card = call(tmp_path, str(shard))
    assert card["splits"]["aside"]["materials"] == 0


def test_counts_of_what_shards_state(tmp_path):
    stated = {"system": "cubic", "kind": "metal", "polar": True, "gap": 0.5, "variant": "ideal"}
    groups = {}
    for i in range(10):
        variables, attributes = group(i)
        groups[f"{i:06d}"] = (variables, attributes | (stated if i < 3 else {}))
    write(tmp_path / "000000-000010.nc", "coupling", {}, SHARD, groups)
    dataset, card = call(tmp_path, str(tmp_path / "000000-000010.nc"))
    assert card["systems"] == {"": 5, "cubic": 3}
    assert card["kinds"] == {"": 5, "metal": 3}
    assert (card["polar"], card["spin_orbit"]) == (3, 0)
    assert card["stabilised"] == {"no": 8}
    # materials 4 and 9 are rejected; their prototypes are the first and the second
    assert card["pairs"]["fcc/morse"] == {
        "drawn": 3, "accepted": 2, "rejected": {"imaginary modes": 1}
    }  # fmt: skip
    assert np.nansum(read_index(dataset).columns["gap"]) == 1.5


def test_the_card_that_people_read_holds_the_numbers_of_the_record(tmp_path):
    _, card = call(tmp_path, [write_shard(tmp_path, 0, 10), write_shard(tmp_path, 10, 20)])
    text = (tmp_path / "card.md").read_text()
    found = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert found == [
        "Contents",
        "Acceptance",
        "Splits",
        "Variables",
        "Biases and limits",
        "Provenance",
        "Licences",
        "Reading, checking, making again, citing",
    ]
    assert "16 materials of 20 drawn" in text
    assert f"{card['matrices']:,} coupling matrices" in text
    for prototype, count in card["prototypes"].items():
        assert f"| {prototype} | {count} |" in text
    for pair, verdict in card["pairs"].items():
        assert f"| {pair} | {verdict['accepted']} | {verdict['drawn']} |" in text
    for split, members in card["splits"].items():
        assert f"| {split} | {members['materials']} | {len(members['families'])} |" in text
    for name, variable in card["variables"].items():
        assert f"| {name} | {', '.join(variable['dimensions'])} | {variable['unit']} |" in text
    for column in (*TEXTS, *FLAGS, *NUMBERS, *SIZES):
        assert f"| {column} | " in text
    for code in ("`a`", "`b`", "`0`", "MIT", '"strain": 0.1', "numpy"):
        assert code in text
    assert "not stated by the shards" in text  # nothing is invented where shards are silent


def test_moments_are_those_of_the_blocks(tmp_path):
    _, card = call(tmp_path, write_shard(tmp_path, 0, 5))
    blocks = [make_block(PROTOTYPES[i % 4], i, **SMALL) for i in range(4)]
    rms = [np.sqrt(np.mean(on_grid(block) ** 2)) for block in blocks]
    assert card["moments"]["coupling_rms"][0] == pytest.approx(min(rms), rel=1e-6)
    assert card["moments"]["coupling_rms"][-1] == pytest.approx(max(rms), rel=1e-6)
    assert card["stored_numbers"] == sum(block.g.size for block in blocks)
    assert card["full_numbers"] == sum(on_grid(block).size for block in blocks)


def test_evenly_spaced():
    assert evenly(list("abcdefg"), 3) == ["a", "c", "e"]
    assert evenly(list("ab"), 3) == ["a", "b"]
    assert evenly([], 3) == []
