"""The superresolve stage: hidden points only, exact where a method should be, meshes refused."""

import dataclasses
import json

import numpy as np
import pytest
from learning_files import StandInCodec, blocks, provenance, write_inputs
from material_blocks import make_block

from ephforge.core.blocks import on_grid
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.superresolve import methods, stage


def run(folder, monkeypatch, coarse=(1, 1, 1), codec=None):
    monkeypatch.setattr(stage, "load_codec", lambda path: codec or StandInCodec())
    options = {"coarse_q_mesh": list(coarse)}
    paths = write_inputs(folder, blocks(), real=("diamond", "rocksalt"))
    paths["examples"] = str(folder / "examples.nc")
    stage.run(**paths, options=options, provenance=provenance("superresolve", options))
    return json.loads((folder / "metrics.json").read_text())


def test_every_method_has_an_error(tmp_path, monkeypatch):
    record = run(tmp_path, monkeypatch)
    assert set(record["synthetic_test"]) == set(methods.METHODS)
    for row in record["first_principles"].values():
        assert set(row) == set(methods.METHODS)
        assert all(0 < error < 1 for error in row.values())


def test_examples_hold_what_is_given_and_the_errors_of_the_rest(tmp_path, monkeypatch):
    run(tmp_path, monkeypatch)
    groups = read(tmp_path / "examples.nc", "examples").groups
    assert set(groups) == {"diamond_2", "rocksalt_2", "000004", "000005"}
    group = groups["rocksalt_2"]
    maps = group.variables
    assert set(maps) == {"true", "is_given", *methods.METHODS}
    assert maps["is_given"].tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert np.allclose(maps["fourier"][:, 0], maps["true"][:, 0], rtol=1e-2)
    hidden = np.linalg.norm(maps["fourier"][:, 1:] - maps["true"][:, 1:])
    error = hidden / np.linalg.norm(maps["true"][:, 1:])
    assert group.attributes["errors"]["fourier"] == pytest.approx(error)
    assert group.attributes["errors"]["true"] == 0


def test_what_does_not_apply_is_null_with_a_reason(tmp_path, monkeypatch):
    record = run(tmp_path, monkeypatch, codec=StandInCodec(modes=3))
    assert record["first_principles"]["diamond_2"]["autoencoder"] is None
    assert "too many modes" in record["reasons"]["diamond_2"]["autoencoder"]
    maps = read(tmp_path / "examples.nc", "examples").groups["diamond_2"].variables
    assert "autoencoder" not in maps


def test_only_hidden_points_count():
    block = make_block("fcc")
    grid = on_grid(block)
    assert methods.hidden_error(grid, block, (2, 2, 2)) == 0
    wrong = grid.copy()
    wrong[..., 0] += 100  # q = 0 is given
    assert methods.hidden_error(wrong, block, (2, 2, 2)) == 0
    wrong[..., 1] *= 2  # q = (0, 0, 1/4) is not
    hidden = np.array([any(i % 2 for i in np.unravel_index(q, (4, 4, 4))) for q in range(64)])
    expected = np.linalg.norm(grid[..., 1]) / np.linalg.norm(grid[..., hidden])
    assert methods.hidden_error(wrong, block, (2, 2, 2)) == pytest.approx(expected)


def test_interpolation_of_a_constant_is_exact():
    block = make_block("fcc")
    constant = dataclasses.replace(block, g=np.full_like(block.g, 5.0))
    for method in ("trilinear", "cubic", "fourier"):
        rebuilt = methods.interpolated(constant, (2, 2, 2), method, 1.0)
        assert methods.hidden_error(rebuilt, constant, (2, 2, 2)) < 1e-12


def test_tuning_takes_the_power_with_the_smallest_error():
    """|g|^2 = 4 + sum of cos(2 pi q), all that two points per axis can hold: power 2 is exact."""
    block = make_block("cscl", bands=1)
    q_o3 = mesh_points(block.q_mesh)[block.orbits.representative_o2[:, 1]]
    wave_o = np.sqrt(4 + np.cos(2 * np.pi * q_o3).sum(axis=-1))
    squared = dataclasses.replace(block, g=np.broadcast_to(wave_o, block.g.shape).copy())
    tuning = methods.tune([squared], methods.Fitted({}, {}), (2, 2, 2))
    assert tuning.powers["fourier"] == 2.0
    rebuilt = methods.interpolated(squared, (2, 2, 2), "fourier", 2.0)
    assert methods.hidden_error(rebuilt, squared, (2, 2, 2)) < 1e-10


@pytest.mark.parametrize("coarse", [(2, 2, 2), (3, 1, 1)])
def test_meshes_that_leave_nothing_to_refine_are_refused(tmp_path, monkeypatch, coarse):
    with pytest.raises(EphforgeError, match="coarse_q_mesh"):
        run(tmp_path, monkeypatch, coarse)
