"""Leaving a family out: what it was worth is found, and nothing where it was worth nothing."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from learned_files import untrained_codec, write_codec
from learning_files import provenance, write_dataset
from material_blocks import make_block

from ephforge.ablation import networks, stage
from ephforge.ablation.linear import errors, relevant
from ephforge.ablation.parts import variants
from ephforge.ablation.removals import control, families
from ephforge.core.blocks import block_variables
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import write
from ephforge.model.autoencoder import Shape
from ephforge.model.geometry import geometry_of
from ephforge.model.transform import class_of, statistics_of

OPTIONS = {"budgets": [0.01], "draws": 2, "steps": 2}
TRAINING = {"seed": 0, "batch_size": 4, "learning_rate": 0.003, "weight_decay": 1e-4}
MESHES = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2)}


def waves(block, pattern, random):
    """|g| of random amounts of few patterns over channels and orbits."""
    g = 12 + np.tensordot(random.normal(size=len(pattern)), pattern, axes=1)
    return np.abs(g + g.swapaxes(0, 1)[..., block.orbits.partner_o]) / 2


def materials(count=32):
    """Half of the diamonds, by potential "good", share the patterns of the target."""
    random = np.random.default_rng(5)
    example = make_block("diamond", 0, **MESHES)
    patterns = {name: 2 * random.normal(size=(3, *example.g.shape)) for name in ("good", "bad")}
    found = []
    for i in range(count):
        potential = ("good", "bad")[i % 2]
        basis = ("s", "sp3")[i // 2 % 2]
        block = make_block("diamond", i, family=f"diamond/{potential}/{basis}", **MESHES)
        labels = block.labels | {"potential": potential, "basis": basis}
        g = waves(block, patterns[potential], random)
        block = block.__class__(**{**block.__dict__, "g": g, "labels": labels})
        found.append((block, "train", {"polar": i < 2}))
    found.append((make_block("cscl", 99, **MESHES), "train"))
    target = make_block("diamond", 1000, name="target", family="first-principles", **MESHES)
    g = waves(target, patterns["good"], random)
    grid = g[..., target.orbits.orbit_kq]
    return found, target.__class__(**{**target.__dict__, "g": g, "g_grid": grid})


@pytest.fixture
def no_networks(monkeypatch):
    """Training networks takes longer than all else."""
    monkeypatch.setattr(stage, "trained", lambda *_: {})


@pytest.fixture
def no_parts(monkeypatch):
    monkeypatch.setattr(stage, "variants", lambda *_: {})


@pytest.fixture
def no_families(monkeypatch):
    monkeypatch.setattr(stage, "families", lambda *_: [])


def run(folder, training, target, options=OPTIONS):
    dataset = write_dataset(folder, training)
    variables, attributes = block_variables(target)
    write(folder / "target.nc", "firstprinciples", variables, attributes)
    blocks = [row[0] for row in training if row[1] == "train"]
    write_codec(folder / "autoencoder.nc", untrained_codec(blocks))
    stage.run(
        dataset,
        str(folder / "autoencoder.nc"),
        str(folder / "target.nc"),
        str(folder / "metrics.json"),
        seed=1,
        training_options=TRAINING,
        options=options,
        provenance=provenance("ablation", options),
    )
    return json.loads((folder / "metrics.json").read_text())


def test_what_a_family_is_worth_is_found(no_networks, no_parts, tmp_path):
    record = run(tmp_path, *materials())
    assert (record["training_materials"], record["relevant_materials"]) == (33, 32)
    rows = {(row["kind"], row["value"]): row for row in record["families"]}
    assert set(rows) == {
        ("potential", "good"),
        ("potential", "bad"),
        ("basis", "s"),
        ("basis", "sp3"),
        ("flag", "polar"),
    }
    assert rows["potential", "good"]["materials"] == 16
    assert rows["flag", "polar"]["materials"] == 2
    worth = {key: row["worth"] for key, row in rows.items()}
    good, bad = worth["potential", "good"], worth["potential", "bad"]
    assert good["mean"] > 0.1
    assert good["mean"] > 2 * good["spread"]
    assert bad["mean"] < 0.5 * good["mean"]
    # a basis is only a name here
    assert abs(worth["basis", "s"]["mean"]) < 0.5 * good["mean"]
    without = rows["potential", "good"]["errors"]["target"]["0.01"]
    drawn = rows["potential", "good"]["random"]["target"]["0.01"]
    assert record["errors"]["target"]["0.01"] < drawn["mean"] < without
    assert drawn["spread"] > 0


def test_other_lattices_cannot_matter():
    found, target = materials(12)
    blocks = [row[0] for row in found]
    chosen = relevant(blocks, [target])
    assert chosen == list(range(12))
    part = statistics_of([blocks[i] for i in chosen])
    whole = statistics_of(blocks)
    name = class_of(target)
    assert np.allclose(part.orbits[name], whole.orbits[name])
    few = errors([blocks[i] for i in chosen], [target], [0.02])
    assert np.isclose(few["target"]["0.02"], errors(blocks, [target], [0.02])["target"]["0.02"])


def test_targets_wider_than_the_training_are_coded():
    narrow = [make_block("diamond", i, bands=1, **MESHES) for i in range(4)]
    target = make_block("diamond", 9, bands=3, name="wide", **MESHES)
    assert 0 < errors(narrow, [target], [0.05])["wide"]["0.05"] < 1


def test_no_relative_at_all_is_one_line(tmp_path):
    found, target = materials(4)
    with pytest.raises(EphforgeError, match="no training material has the symmetry of target"):
        run(tmp_path, found[-1:], target)


def test_controls_have_the_classes_of_the_family():
    classes = ["a", "a", "a", "b", "b", "c"]
    random = np.random.default_rng(0)
    for _ in range(20):
        chosen = control([0, 3, 4], classes, random)
        assert sorted(classes[i] for i in chosen) == ["a", "b", "b"]
        assert len(set(chosen)) == 3


def test_what_all_or_none_share_is_no_family():
    facts = [{"potential": "emt", "basis": basis, "polar": False} for basis in ("s", "sp3", "s")]
    assert [(f.kind, f.value, f.members) for f in families(facts)] == [
        ("basis", "s", [0, 2]),
        ("basis", "sp3", [1]),
    ]


def test_every_part_is_left_out_in_turn(no_networks, no_families, tmp_path):
    training, target = materials()
    parts = run(tmp_path, training, target, OPTIONS | {"budgets": [0.002]})["parts"]
    assert set(parts) == {
        "nothing",
        "convolutions",
        "learned priors",
        "components",
        "order of states",
        "spread",
        "degeneracies",
        "remainders",
        "half of the materials",
        "three quarters of the materials",
    }
    error = {name: found["target"]["0.002"] for name, found in parts.items()}
    assert all(0 < e < 1 for e in error.values())
    # the target is a mixture of patterns of the training materials: the components have them
    assert error["components"] > 1.2 * error["nothing"]
    # a quarter of the materials still spans the few patterns: fewer are no loss here, but others
    assert len({error[name] for name in parts if "material" in name} | {error["nothing"]}) == 3


def test_networks_are_trained_alike():
    """Without a validation split the last weights are taken, so that training shows."""
    rows, target = materials(12)
    training = [block for block, *_ in rows[:-1]]
    found = networks.trained(untrained_codec(training), training, [], TRAINING | {"steps": 20})
    assert set(found) == {"nothing", "convolutions", "perceptron"}
    assert found["nothing"].weights == 0
    assert abs(found["perceptron"].weights / found["convolutions"].weights - 1) < 0.05
    bits = 32 * target.g_grid.size // 500
    rebuilt = [one.codec.encode(target, bits).g for one in found.values()]
    for one, other in itertools.combinations(rebuilt, 2):
        assert not np.array_equal(one, other)


def test_a_perceptron_sees_no_neighbours():
    block = materials(2)[1]
    geometry, step = jax.tree.map(jnp.asarray, geometry_of(block)), jnp.float32(0.1)
    g_omnv = np.float32(np.random.default_rng(0).uniform(size=block.g.transpose(3, 0, 1, 2).shape))
    given_o = jnp.ones(len(g_omnv), bool)
    moved = g_omnv.copy()
    moved[0] += 1.0
    for name, reaches in (("convolutions", True), ("perceptron", False)):
        path = networks.NETWORKS[name](Shape(8, 1), nnx.Rngs(0)).decoder
        change = [path.hidden(jnp.asarray(g), given_o, step, geometry) for g in (g_omnv, moved)]
        others = np.abs(np.asarray(change[1] - change[0]))[1:]
        assert (others.max() > 1e-4) == reaches


def test_a_codec_without_remainders_has_none():
    training, target = materials()
    codec = untrained_codec([row[0] for row in training if row[1] == "train"])
    bits = 40 * target.g.size // 4
    whole, alone = (make().encode(target, bits) for make in _two(codec, training))
    assert np.linalg.norm(alone.g - target.g) > 1.1 * np.linalg.norm(whole.g - target.g)


def _two(codec, training):
    found = variants(codec, [row[0] for row in training])
    return found["nothing"], found["remainders"]
