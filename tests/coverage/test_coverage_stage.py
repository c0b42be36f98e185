"""The stage on made-up materials: a stranger is found, a relative is not, sizes are bounded."""

import dataclasses
import json
from functools import cache

import numpy as np
import pytest
from conftest import ROOT
from learning_files import provenance, write_dataset
from material_blocks import make_block

from ephforge.core.blocks import block_variables
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.core.realspace import model_variables, read_model
from ephforge.coupling import again
from ephforge.coverage import stage
from ephforge.coverage.descriptors import DESCRIPTORS
from ephforge.coverage.spectra import CURVES, MODEL_DESCRIPTORS

OPTIONS = {"materials": 30, "models": 4, "numbers": 10**6, "neighbours": 3}
MESHES = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2)}
SI = ROOT / "resources/first_principles/si_2.nc"


@cache
def blocks(count=36):
    """Three prototypes with two potentials, and a family of large couplings at the end."""
    found = []
    for i in range(count):
        prototype = ("fcc", "diamond", "zincblende")[i % 3]
        potential = ("emt", "morse", "rgl")[i // 3 % 3]
        block = make_block(prototype, i, family=f"{prototype}/{potential}/s", **MESHES)
        split = ("train", "test", "aside")[i // 3 % 3]
        found.append((block, split, {"gap": 0.5 * (i % 4), "kind": "semiconductor"}))
    return found


def real(folder, name, block):
    block = dataclasses.replace(block, name=name, g_grid=block.g[..., block.orbits.orbit_kq])
    variables, attributes = block_variables(block)
    path = folder / "maps" / f"{name}.nc"
    write(path, "firstprinciples", variables, attributes)
    variables, attributes = model_variables(read_model(read(SI, "model")))
    write(folder / "models" / f"{name}.nc", "model", variables, attributes | {"name": name})
    return str(path), str(folder / "models" / f"{name}.nc")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Dataset, lattice shards, maps and models; not to be changed."""
    folder = tmp_path_factory.mktemp("coverage")
    dataset = write_dataset(folder, blocks())
    for first in (0, 18):
        groups = {f"{i:06d}": ({}, {}) for i in range(first, first + 18)}
        write(folder / f"{first:06d}-{first + 18:06d}.nc", "lattice", {}, {}, groups)
    relative = make_block("diamond", 4, family="first-principles", **MESHES)
    hot = dataclasses.replace(relative, frequencies=40 * relative.frequencies, g=relative.g**3)
    pairs = [real(folder, "relative_2", relative), real(folder, "stranger_2", hot)]
    return {
        "dataset": dataset,
        "lattice": [str(p) for p in sorted(folder.glob("0*.nc"))],
        "materials": [maps for maps, _ in pairs],
        "models": [model for _, model in pairs],
    }


@pytest.fixture
def inputs(files, tmp_path, monkeypatch):
    """All inputs of the stage; silicon with weaker coupling stands for every synthetic model."""
    silicon = read_model(read(SI, "model"))

    def material_model(name, group, seed, options):
        scaled = dataclasses.replace(silicon.coupling, g=0.1 * (1 + int(name)) * silicon.coupling.g)
        return dataclasses.replace(silicon, name=name, coupling=scaled), {}

    monkeypatch.setattr(again, "material_model", material_model)
    outputs = {"metrics": str(tmp_path / "metrics.json"), "arrays": str(tmp_path / "arrays.nc")}
    return {**files, **outputs, "coupling": MESHES, "seed": 3}


def run(inputs, **options):
    options = OPTIONS | options
    stage.run(**inputs, options=options, provenance=provenance("coverage", options))
    return json.loads(open(inputs["metrics"]).read()), read(inputs["arrays"], "coverage")


def test_a_stranger_is_found_and_a_relative_is_not(inputs):
    record, arrays = run(inputs, materials=100)
    places = record["first_principles"]
    assert places["stranger_2"]["maps"]["score"] == 1.0
    assert places["stranger_2"]["outside"]["phonon_top"] == "above all"
    assert places["stranger_2"]["outside"]["g_rms"] == "above all"
    assert places["relative_2"]["maps"]["score"] < 0.7
    assert "phonon_top" not in places["relative_2"]["outside"]
    nearest = places["relative_2"]["maps"]["neighbours"]
    assert nearest[0]["name"] == "000004"  # the same but for its family
    assert nearest[0]["distance"] < 1e-6
    assert len(nearest) == 3

    assert record["distributions"]["g_rms"]["within"] == 0.5
    assert record["distributions"]["gap"]["materials"] == 27  # every fourth one is a metal
    assert record["distributions"]["gap"]["real"] == {}  # no empty bands in the model
    assert set(record["distributions"]) == {*DESCRIPTORS, *MODEL_DESCRIPTORS, "gap"}
    # the synthetic models are the real one, but for a factor
    assert all(v > 0.9 for table in record["curves"].values() for v in table.values())
    assert record["materials"] == {"all": 36, "described": 36, "models": 4}
    assert len(arrays.variables["synthetic_gap"]) == 27
    assert arrays.variables["synthetic_maps"].shape == (36, len(DESCRIPTORS))
    assert set(CURVES) == {n[:-5] for n in arrays.variables if n.endswith("_grid")}


def test_samples_are_bounded_and_the_same_every_time(inputs):
    record, arrays = run(inputs)
    assert record["materials"] == {"all": 36, "described": 30, "models": 4}
    _, again = run(inputs)
    for name, values in arrays.variables.items():
        assert np.array_equal(values, again.variables[name], equal_nan=True)


def test_a_missing_lattice_shard_is_one_line(inputs):
    with pytest.raises(EphforgeError, match="is in no lattice shard"):
        run(inputs | {"lattice": inputs["lattice"][:1]}, models=36)


def test_one_path_is_as_good_as_a_list_of_one(inputs):
    one = {key: inputs[key][0] for key in ("materials", "models")}
    record, _ = run(inputs | one)
    assert list(record["first_principles"]) == ["relative_2"]
