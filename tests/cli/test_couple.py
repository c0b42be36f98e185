"""`ephforge couple` against EPW's printed numbers, and its grids against its lists."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from analytic import hopping_law, springs, zincblende
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.core.netcdf import read, write
from ephforge.core.realspace import Model, model_variables
from ephforge.electrons.hopping import assemble
from ephforge.firstprinciples.reference import read_reference, shared

SHIPPED = Path(__file__).parents[2] / "resources" / "first_principles"
AXES = {
    "coupling_magnitude": ("q", "k", "mode", "band_final", "band_initial"),
    "electron_energy_initial": ("k", "band"),
    "electron_energy_final": ("q", "k", "band"),
    "phonon_energy": ("q", "mode"),
    "k_point": ("k", "reciprocal_vector"),
    "q_point": ("q", "reciprocal_vector"),
}
UNITS = {
    "coupling_magnitude": "meV",
    "electron_energy_initial": "eV",
    "electron_energy_final": "eV",
    "phonon_energy": "meV",
    "k_point": "1",
    "q_point": "1",
}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write_points(path, points):
    rows = "\n".join(" ".join(f"{x:.17g}" for x in point) for point in points)
    path.write_text(f"# crystal coordinates\n\n{rows}  # the last one\n")
    return path


def opened(path):
    with netCDF4.Dataset(path) as file:
        found = {name: variable[...].data for name, variable in file.variables.items()}
        for name, variable in file.variables.items():
            assert variable.dimensions == AXES[name]
            assert variable.units == UNITS[name]
            assert variable.long_name
        assert set(found) == set(AXES)
        assert file.kind == "couplings"
    return found


def coupled(tmp_path, model, *arguments):
    out = tmp_path / "out.nc"
    result = run("couple", model, "-o", out, *arguments)
    assert result.exit_code == 0, result.output
    assert f"{out}: " in result.output
    return opened(out)


@pytest.mark.parametrize("name", ["si_2", "sic_4", "al_4"])
def test_couple_gives_what_epw_printed(name, tmp_path):
    model = SHIPPED / f"{name}.nc"
    reference = read_reference(read(model, "model").variables)
    k = write_points(tmp_path / "k.txt", reference.k)
    q = write_points(tmp_path / "q.txt", reference.q)
    found = coupled(tmp_path, model, "--k-list", k, "--q-list", q)
    assert np.array_equal(found["k_point"], reference.k)
    assert np.array_equal(found["q_point"], reference.q)
    assert np.abs(found["electron_energy_initial"] - reference.energy_k).max() < 0.51e-4
    assert np.abs(found["electron_energy_final"] - reference.energy_kq).max() < 0.51e-4
    assert np.abs(found["phonon_energy"] - reference.frequency_q).max() < 1e-6
    compared = 0
    for i, j in np.ndindex(len(reference.q), len(reference.k)):
        # EPW averages over narrower groups: the same wide ones are put on its numbers
        states = (
            found["electron_energy_final"][i, j],
            found["electron_energy_initial"][j],
            found["phonon_energy"][i] * 1e-3,
        )
        theirs = np.sqrt(shared(reference.g[i, j] ** 2, *states))
        mine = np.moveaxis(found["coupling_magnitude"][i, j], 0, -1)
        counts = theirs > 1
        compared += counts.sum()
        np.testing.assert_allclose(mine[counts], theirs[counts], rtol=1e-5)
    assert compared > 100


def test_grid_and_list_of_its_points_agree(tmp_path):
    model = SHIPPED / "si_2.nc"
    # 3 does not divide 2: k+q falls on no mesh; q numbered with the last component fastest
    grids = coupled(tmp_path, model, "--k-grid", 2, 2, 2, "--q-grid", 3, 1, 3)
    points = [(i / 3, 0, j / 3) for i in range(3) for j in range(3)]
    np.testing.assert_allclose(grids["q_point"], points, atol=1e-15)
    k = write_points(tmp_path / "k.txt", grids["k_point"][::-1])
    q = write_points(tmp_path / "q.txt", points[::-1])
    lists = coupled(tmp_path, model, "--k-list", k, "--q-list", q)
    magnitude = lists["coupling_magnitude"][::-1, ::-1]
    np.testing.assert_allclose(magnitude, grids["coupling_magnitude"], rtol=1e-6, atol=1e-4)
    mixed = coupled(tmp_path, model, "--k-grid", 2, 2, 2, "--q-list", q)
    np.testing.assert_allclose(
        mixed["coupling_magnitude"][::-1], grids["coupling_magnitude"], rtol=1e-6, atol=1e-4
    )


def test_limits_are_those_asked_for(tmp_path):
    model = SHIPPED / "si_2.nc"
    points = ("--k-grid", 1, 1, 1, "--q-grid", 2, 1, 1)
    usual = coupled(tmp_path, model, *points)
    assert np.all(usual["coupling_magnitude"][0, :, :3] == 0)  # acoustic at q = 0
    assert np.all(usual["coupling_magnitude"][1].max(axis=(0, 2, 3)) > 0)
    assert np.ptp(usual["electron_energy_initial"][0, 1:]) < 1e-6
    same = usual["coupling_magnitude"][..., 1:]
    np.testing.assert_allclose(same.min(axis=-1), same.max(axis=-1), rtol=1e-6, atol=1e-6)
    stiff = coupled(tmp_path, model, *points, "--soft-mode", 30, "--degeneracy", 0)
    soft = stiff["phonon_energy"] < 30
    assert soft.any(axis=1).all()
    assert not soft.all()
    assert np.all(stiff["coupling_magnitude"].max(axis=(1, 3, 4))[soft] == 0)
    attributes = read(tmp_path / "out.nc", "couplings").attributes
    assert attributes["soft_mode_meV"] == 30
    assert attributes["k_grid"] == [1, 1, 1]


def test_a_synthetic_two_centre_model_couples_too(tmp_path):
    crystal = zincblende()
    hopping, coupling = assemble(crystal, hopping_law(crystal, 4.5, 4))
    model = Model("zincblende", crystal, hopping, springs(crystal, 5.0), coupling)
    variables, attributes = model_variables(model)
    write(tmp_path / "model.nc", "model", variables, attributes)
    found = coupled(tmp_path, tmp_path / "model.nc", "--k-grid", 3, 3, 3, "--q-grid", 2, 2, 2)
    assert found["coupling_magnitude"].shape == (8, 27, 6, 8, 8)
    assert np.isfinite(found["coupling_magnitude"]).all()
    assert found["coupling_magnitude"].max() > 1
    shown = run("show", tmp_path / "model.nc")
    assert "coupling: two-centre" in shown.output
