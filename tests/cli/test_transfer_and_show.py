"""Files in and out through the command line: EPW's, Perturbo's, and what `show` prints of them."""

import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.core.netcdf import Variable, read, write
from ephforge.core.realspace import read_model
from ephforge.coupling.points import at_points
from ephforge.firstprinciples.reference import deviations, read_reference

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests" / "firstprinciples" / "data" / "si_2_zone"
SHIPPED = ROOT / "resources" / "first_principles"


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    for path in RUN.iterdir():
        if path.suffix == ".xz":
            (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def imported(folder, tmp_path_factory):
    """Nothing is said but where the files lie."""
    out = tmp_path_factory.mktemp("out") / "si.nc"
    result = run("import-epw", folder, "-o", out)
    assert result.exit_code == 0, result.output
    return out, result.output


def test_import_finds_everything_out_and_checks_it(imported):
    out, printed = imported
    assert "si, 2 atoms, 4 bands, 6 modes" in printed
    assert "meshes k (2, 2, 2), q (2, 2, 2); use_ws False; polar False" in printed
    assert "epw2.out: |g| to" in printed
    contents = read(out, "model")
    model = read_model(contents)
    found = deviations(read_reference(contents.variables), model)
    assert found.relative_g < 1e-9
    assert contents.attributes["deviations"]["relative_g"] == pytest.approx(found.relative_g)
    source = contents.attributes["source"]
    assert source["codes"] == "EPW 5.3.1"
    assert source["k_mesh"] == [2, 2, 2]
    assert str(out.parent.parent) not in str(contents.attributes)  # no path of this machine


def test_import_with_everything_stated_is_the_same(imported, folder, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("crystal.fmt", "epwdata.fmt", "si.epmatwp"):
        shutil.copy(folder / name, bare)
    meshes = ("--k-mesh", 2, 2, 2, "--q-mesh", 2, 2, 2)
    stated = ("--prefix", "si", "--species", "Si", "--no-use-ws", "--no-polar", *meshes)
    result = run("import-epw", bare, "-o", tmp_path / "si.nc", *stated)
    assert result.exit_code == 0, result.output
    assert "no printed couplings" in result.output
    one, other = (read(path, "model") for path in (imported[0], tmp_path / "si.nc"))
    assert "ref_g" not in other.variables
    for name, values in other.variables.items():
        assert np.array_equal(values, one.variables[name])


def test_files_that_are_not_those_of_the_output_are_refused(folder, tmp_path):
    mixed = Path(shutil.copytree(folder, tmp_path / "mixed"))
    numbers = np.fromfile(mixed / "si.epmatwp", complex)
    numbers[numbers.size // 2 :] *= 2
    numbers.tofile(mixed / "si.epmatwp")
    result = run("import-epw", mixed, "-o", tmp_path / "out.nc")
    assert result.exit_code == 1
    assert "epw2.out: printed other numbers than the files give" in result.stderr
    assert not (tmp_path / "out.nc").exists()


def test_show_a_model(imported):
    printed = run("show", imported[0]).output
    for words in (
        "file of kind 'model'",
        "si: Si2, structure diamond, space group Fd-3m (227)",
        "electrons: 4 bands; 19 cells",
        "phonons: 6 modes; 19 cells",
        "28.0855",
        "polar: no",
        "|g| as EPW printed it at 4 q x 3 k",
        "codes: EPW 5.3.1",
        "check: epw2.out",
    ):
        assert words in printed


def test_show_a_polar_model():
    printed = run("show", SHIPPED / "alas_4.nc").output
    found = read(SHIPPED / "alas_4.nc", "model").variables
    numbers = [f"{found[name].flat[0]:.5f}" for name in ("dielectric", "born")]
    for words in ("zincblende", "F-43m (216)", "polar: yes", "As1Al1", *numbers):
        assert words in printed


def test_show_another_kind(tmp_path):
    table = {"numbers": Variable(np.arange(6.0).reshape(2, 3), ("a", "b"), "eV", "some numbers")}
    group = ({"x": Variable(np.zeros(4), ("x",), "1", "a dimension's name")}, {})
    groups = {"000000": group, "000001": group}
    write(tmp_path / "a.nc", "table", table, {"options": {"bands": 4}}, groups)
    printed = run("show", tmp_path / "a.nc").output
    for words in ("kind 'table'", "2 x 3", "some numbers", "2 groups", "bands: 4", "  x  "):
        assert words in printed


def test_perturbo_there_and_back(tmp_path):
    source = SHIPPED / "si_2.nc"
    out = run("export-perturbo", source, "-o", tmp_path / "epr.h5")
    assert out.exit_code == 0, out.output
    back = run("import-perturbo", tmp_path / "epr.h5", "-o", tmp_path / "back.nc")
    assert back.exit_code == 0, back.output
    k, q = np.array([[0.1, 0.23, 0.37]]), np.array([[0.31, 0.05, 0.2]])
    models = (read_model(read(path, "model")) for path in (source, tmp_path / "back.nc"))
    one, other = (at_points(model, k, q, 1e-3) for model in models)
    np.testing.assert_allclose(np.abs(other.g), np.abs(one.g), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(other.frequency_q, one.frequency_q, rtol=1e-9)
