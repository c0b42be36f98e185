"""The dispersions stage: who is shown, values by other routes, the same every time."""

import dataclasses

import numpy as np
import pytest
from conftest import ROOT
from learning_files import provenance, write_dataset
from material_blocks import make_block

from ephforge.core.netcdf import read, write
from ephforge.core.realspace import read_model
from ephforge.coupling import again
from ephforge.coupling.points import at_points
from ephforge.dataset.index import read_index
from ephforge.dispersions import choice, stage
from ephforge.observables import paths

SI = ROOT / "resources/first_principles/si_2.nc"
OPTIONS = {"synthetic": 2, "materials": ["si_2"], "points": 30, "map_points": 12}
KINDS = ("metal", "semiconductor", "insulator")


def materials(count=24):
    """Eight of each split; structures, potentials and kinds take turns."""
    found = []
    for i in range(count):
        prototype = ("fcc", "diamond", "zincblende")[i % 3]
        potential = ("emt", "morse")[i // 3 % 2]
        family = f"{prototype}/{potential}/s"
        block = make_block(prototype, i, (2, 2, 2), (2, 2, 2), family=family)
        split = ("train", "test", "aside")[i // 6 % 3]
        found.append((block, split, {"kind": KINDS[i // 2 % 3]}))
    return found


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    silicon = read_model(read(SI, "model"))
    monkeypatch.setattr(
        again,
        "material_model",
        lambda name, group, seed, options: (dataclasses.replace(silicon, name=name), {}),
    )
    groups = {f"{i:06d}": ({}, {}) for i in range(24)}
    write(tmp_path / "000000-000024.nc", "lattice", {}, {}, groups)
    return {
        "dataset": write_dataset(tmp_path, materials()),
        "lattice": str(tmp_path / "000000-000024.nc"),
        "models": [str(SI)],
        "arrays": str(tmp_path / "arrays.nc"),
        "coupling": {"bands": 2},
        "seed": 3,
        "options": OPTIONS,
        "provenance": provenance("dispersions", OPTIONS),
    }


def test_a_group_for_each_material(inputs):
    stage.run(**inputs)
    groups = read(inputs["arrays"], "dispersions").groups
    labels = {name: group.attributes["labels"] for name, group in groups.items()}
    synthetic = [found for name, found in labels.items() if name != "si_2"]
    assert len(synthetic) == 2
    assert all(found["split"] == "test" for found in synthetic)
    for key in ("kind", "prototype"):
        assert synthetic[0][key] != synthetic[1][key]
    assert labels["si_2"]["potential"] == "dft"
    found = groups["si_2"].attributes
    assert found["bands"] == 2
    assert found["ticks"] == sorted(found["ticks"])
    assert len(found["ticks"]) == len(found["tick_names"])
    assert not found["is_polar"]
    again_found = inputs | {"arrays": inputs["arrays"].replace("arrays", "again")}
    stage.run(**again_found)
    assert set(read(again_found["arrays"], "dispersions").groups) == set(groups)


def test_no_real_material_is_no_error(inputs):
    stage.run(**inputs | {"models": []})
    assert len(read(inputs["arrays"], "dispersions").groups) == 2


def test_the_map_is_a_sum_over_bands_and_modes():
    """Of all bands: there the sum is the same for the complex g before any averaging."""
    model = read_model(read(SI, "model"))
    found = stage.path_map(model, 12, 4)
    path = paths.standard_path(model.crystal.cell, 12)
    k, q = 3, len(path.point_k3) - 2
    g_vmn = at_points(model, path.point_k3[[k]], paths.off_gamma(path)[[q]], 1e-4).g[0, 0]
    expected = 1e3 * np.sqrt(np.sum(np.abs(g_vmn) ** 2) / 4)
    assert found.g_kq[k, q] == pytest.approx(expected, rel=1e-6)
    assert found.g_kq.shape == (len(path.x_k),) * 2


def test_polar_couplings_have_no_limit_at_gamma():
    model = read_model(read(SI.with_name("alas_2.nc"), "model"))
    found = stage.path_map(model, 10, 4).g_kq
    is_gamma = np.all(np.abs(paths.standard_path(model.crystal.cell, 10).point_k3) < 1e-9, axis=1)
    assert np.isnan(found[:, is_gamma]).all()
    assert np.isfinite(found[:, ~is_gamma]).all()


def test_few_materials_are_all_shown(tmp_path):
    index = read_index(write_dataset(tmp_path, materials(2)))
    assert len(choice.chosen(index, 5, np.random.default_rng(0))) == 2


def test_the_test_split_goes_first_and_others_only_where_it_has_too_few(tmp_path):
    index = read_index(write_dataset(tmp_path, materials()))
    few = choice.chosen(index, 6, np.random.default_rng(0))
    assert {found["split"] for found in few.values()} == {"test"}
    many = choice.chosen(index, 12, np.random.default_rng(0))
    assert len(many) == 12
    assert {found["split"] for found in many.values()} > {"test"}
