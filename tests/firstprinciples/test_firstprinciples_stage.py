"""The stage on silicon, and on input that is not a model of a real material."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ephforge.config import Coupling
from ephforge.core.blocks import read_block
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read, write
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    TwoCentreCoupling,
    model_variables,
    read_model,
)
from ephforge.coupling.maps import blocks
from ephforge.coupling.points import at_points
from ephforge.firstprinciples.prototypes import prototype
from ephforge.firstprinciples.reference import shared
from ephforge.firstprinciples.stage import run

SILICON = Path(__file__).parents[2] / "resources" / "first_principles" / "si_2.nc"
MESH = (2, 2, 2)
OPTIONS = Coupling(k_mesh=MESH, q_mesh=MESH).model_dump()
PROVENANCE = {"stage": "firstprinciples", "options": OPTIONS, "code": "0"}


@pytest.fixture(scope="module")
def silicon():
    return read_model(read(SILICON, "model"))


def _refusal(model_path, tmp_path):
    target = tmp_path / "out.nc"
    with pytest.raises(EphforgeError) as caught:
        run(str(model_path), str(target), OPTIONS, PROVENANCE)
    assert not target.exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def _write(path, model):
    variables, attributes = model_variables(model)
    write(path, "model", variables, attributes)
    return path


def test_silicon_block(silicon, tmp_path):
    target = tmp_path / "maps" / "si_2.nc"
    run(str(SILICON), str(target), OPTIONS, PROVENANCE)
    contents = read(target, "firstprinciples")
    block = read_block(contents)
    assert block.labels == {
        "prototype": "diamond",
        "potential": "dft",
        "basis": "wannier",
        "family": "first-principles",
    }
    assert contents.attributes["options"]["bands"] == 4
    assert contents.attributes["wall_seconds"] > 0
    assert contents.attributes["run_input"]["name"] == "si_2"
    assert block.g_grid.shape == (4, 4, 6, 8, 8)
    # only Gamma, X and L, where the run itself was symmetrised: what is left is single precision
    assert 0 < contents.attributes["asymmetry"] < 1e-6
    # acoustic modes at q = 0 are cut, all others are there
    assert np.all(block.g_grid[:, :, :3, :, 0] == 0)
    assert block.g_grid[:, :, 3:, :, 0].max() > 10


def test_block_holds_the_couplings_at_its_points(silicon, tmp_path):
    target = tmp_path / "si_2.nc"
    run(str(SILICON), str(target), OPTIONS, PROVENANCE)
    block = read_block(read(target, "firstprinciples"))
    points = mesh_points(MESH)
    k_number, q_number = 3, 6
    own = at_points(silicon, points[[k_number]], points[[q_number]], soft_mode=1e-3)
    states = (own.energy_kq[0, 0], own.energy_k[0], own.frequency_q[0])
    square = np.moveaxis(np.abs(own.g[0, 0]) ** 2, 0, -1)
    expected = 1e3 * np.sqrt(shared(square, *states))
    np.testing.assert_allclose(
        block.g_grid[..., k_number, q_number], expected, rtol=1e-5, atol=1e-3
    )


def test_orbit_values_stand_for_the_grid(silicon):
    options = OPTIONS | {"k_mesh": (4, 4, 4)}
    ((block, asymmetry, _),) = blocks([silicon], [{}], options, keep_grid=True)
    spread = block.g[..., block.orbits.orbit_kq]
    distance = np.linalg.norm(spread - block.g_grid) / np.linalg.norm(block.g_grid)
    assert distance == pytest.approx(asymmetry, rel=0.01)
    # the symmetry of the first-principles run off the high-symmetry points
    assert 1e-6 < asymmetry < 1e-4


def test_wrong_kind_of_file(tmp_path):
    path = tmp_path / "lattice.nc"
    write(path, "lattice", {})
    assert "expected a file of kind 'model', found 'lattice'" in _refusal(path, tmp_path)


def test_absent_and_truncated_files(tmp_path):
    assert "no such file" in _refusal(tmp_path / "none.nc", tmp_path)
    path = tmp_path / "cut.nc"
    path.write_bytes(SILICON.read_bytes()[:100_000])
    assert str(path) in _refusal(path, tmp_path)


def test_incomplete_model(silicon, tmp_path):
    variables, attributes = model_variables(silicon)
    del variables["hopping_cells"]
    path = tmp_path / "half.nc"
    write(path, "model", variables, attributes)
    assert "without 'hopping_cells'" in _refusal(path, tmp_path)


def test_two_centre_model(silicon, tmp_path):
    gradient = np.zeros((len(silicon.hopping.cells), 3, 4, 4))
    model = replace(silicon, coupling=TwoCentreCoupling(gradient))
    path = _write(tmp_path / "two.nc", model)
    assert "expected couplings in a Wannier basis" in _refusal(path, tmp_path)


def test_unstable_material(silicon, tmp_path):
    lattice = silicon.force_constants
    unstable = ForceConstants(lattice.cells, -lattice.phi)
    path = _write(tmp_path / "unstable.nc", replace(silicon, force_constants=unstable))
    assert "imaginary phonon modes" in _refusal(path, tmp_path)


@pytest.mark.parametrize(
    ("name", "cell", "fractional", "numbers"),
    [
        ("fcc", "fcc", [[0, 0, 0]], [13]),
        ("bcc", "bcc", [[0, 0, 0]], [42]),
        ("diamond", "fcc", [[0, 0, 0], [0.75, 0.75, 0.75]], [14, 14]),
        ("zincblende", "fcc", [[0, 0, 0], [0.25, 0.25, 0.25]], [33, 13]),
        ("rocksalt", "fcc", [[0, 0, 0], [0.5, 0.5, 0.5]], [11, 17]),
        ("cscl", "simple", [[0, 0, 0], [0.5, 0.5, 0.5]], [55, 17]),
        ("fluorite", "fcc", [[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]], [20, 9, 9]),
        ("fluorite", "fcc", [[0.75, 0.75, 0.75], [0, 0, 0], [0.25, 0.25, 0.25]], [12, 14, 12]),
        (
            "wurtzite",
            "hexagonal",
            [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.375], [2 / 3, 1 / 3, 0.875]],
            [30, 30, 8, 8],
        ),
        ("other", "fcc", [[0, 0, 0], [0.25, 0.25, 0.25], [0.5, 0.5, 0.5]], [20, 9, 9]),
        ("other", "simple", [[0, 0, 0]], [84]),
    ],
)
def test_prototypes(name, cell, fractional, numbers):
    cells = {
        "simple": np.eye(3),
        "fcc": (1 - np.eye(3)) / 2,
        "bcc": np.ones((3, 3)) / 2 - np.eye(3),
        "hexagonal": np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, (8 / 3) ** 0.5]]),
    }
    rows = 5.1 * cells[cell] @ np.linalg.qr(np.arange(9.0).reshape(3, 3) + np.eye(3))[0]
    crystal = Crystal(rows, np.array(fractional) @ rows, np.array(numbers), np.ones(len(numbers)))
    assert prototype(crystal) == name
