"""Maps through the command line with a small autoencoder: there and back, every kind of file."""

import dataclasses
import lzma
import shutil
from pathlib import Path

import numpy as np
import pytest
from learned_files import write_codec, write_learned
from typer.testing import CliRunner

from ephforge.cli import pretrained
from ephforge.cli.main import app
from ephforge.core.blocks import block_variables, on_grid, read_block
from ephforge.core.netcdf import read, write
from ephforge.firstprinciples.perturbo_write import write_perturbo
from ephforge.firstprinciples.stage import run as firstprinciples
from ephforge.model.storage import load_codec

ROOT = Path(__file__).parents[2]
SI = ROOT / "resources" / "first_principles" / "si_2.nc"
EPW = ROOT / "tests" / "firstprinciples" / "data" / "si_2_zone"
MESHES = ("--k-mesh", 2, 2, 2, "--q-mesh", 2, 2, 2)


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """autoencoder.nc with its calibration, and maps of si_2 as a campaign has them."""
    folder = tmp_path_factory.mktemp("learned")
    write_learned(folder)
    result = run("calibrate", folder / "autoencoder.nc", folder / "dataset.nc", "--folds", 2)
    assert result.exit_code == 0, result.output
    assert "families held out, " in result.output
    options = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2), "bands": 4, "degeneracy": 0.1}
    options |= {"soft_mode": 1.0, "batch_size": 1}
    firstprinciples(str(SI), str(folder / "maps.nc"), options, {"stage": "x", "options": {}})
    return folder


@pytest.fixture
def shipped(folder, monkeypatch):
    """The small autoencoder in place of the one that comes with the package."""
    monkeypatch.setattr(pretrained, "FOLDER", folder)
    return folder


@pytest.fixture(scope="module")
def sources(folder):
    """The same material in every kind of file."""
    epw = folder / "run"
    epw.mkdir()
    for path in EPW.iterdir():
        if path.suffix == ".xz":
            (epw / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copy(path, epw)
    from ephforge.cli.models import read_model_file

    write_perturbo(read_model_file(SI)[0], folder / "epr.h5")
    return {
        "model": (SI, *MESHES),
        "epw": (epw, *MESHES),
        "perturbo": (folder / "epr.h5", *MESHES),
        "maps": (folder / "maps.nc",),
    }


def block_of(path, kind="maps"):
    return read_block(read(path, kind))


def error(found, true):
    difference = on_grid(found) - on_grid(true)
    return np.linalg.norm(difference) / np.linalg.norm(on_grid(true))


def good(path):
    result = run("validate", path)
    assert result.exit_code == 0, result.output


def test_calibrations_are_good_files(shipped):
    good(shipped / "calibration.nc")
    good(ROOT / "src/ephforge/pretrained/calibration.nc")


def printed(output, before, after):
    return float(output.split(before)[1].split(after)[0])


@pytest.mark.parametrize("kind", ["model", "epw", "perturbo", "maps"])
def test_there_and_back_from_every_kind_of_file(shipped, sources, kind, tmp_path):
    result = run("compress", *sources[kind], "-o", tmp_path / "si.eph", "--budget", 0.01)
    assert result.exit_code == 0, result.output
    back = run("reconstruct", tmp_path / "si.eph", "-o", tmp_path / "back.nc")
    assert back.exit_code == 0, back.output
    true, found = block_of(shipped / "maps.nc", "firstprinciples"), block_of(tmp_path / "back.nc")
    told = printed(result.output, "relative error ", ",")
    assert error(found, true) == pytest.approx(told, abs=1e-3)
    assert 0 < told < 1
    payload = printed(result.output, "payload ", " bits")
    assert payload <= 0.01 * 32 * on_grid(true).size
    assert f"whole file {8 * (tmp_path / 'si.eph').stat().st_size} bits" in result.output
    np.testing.assert_allclose(found.energies, true.energies, atol=2e-3)
    np.testing.assert_allclose(found.frequencies, true.frequencies, atol=1e-4)
    good(tmp_path / "back.nc")
    shown = run("show", tmp_path / "back.nc")
    assert shown.exit_code == 0
    assert "kind 'maps'" in shown.output


def test_error_and_bound_hold_in_the_file(shipped, tmp_path):
    true = block_of(shipped / "maps.nc", "firstprinciples")
    for option, value in (("--error", 0.1), ("--bound", 0.5)):
        asked = (option, value)
        result = run("compress", shipped / "maps.nc", "-o", tmp_path / "a.eph", *asked)
        assert result.exit_code == 0, result.output
        result = run("reconstruct", tmp_path / "a.eph", "-o", tmp_path / "b.nc")
        assert result.exit_code == 0, result.output
        good(tmp_path / "b.nc")
        found = block_of(tmp_path / "b.nc")
        if option == "--error":
            assert 0.05 < error(found, true) <= 0.1
        else:
            assert 0.1 < np.abs(on_grid(found) - on_grid(true)).max() <= 0.5


def test_classes_neighbours_and_a_warning(shipped):
    result = run("classify", shipped / "maps.nc")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].endswith("maps.nc: si_2")
    shares = [float(part.split()[1]) for part in lines[1].split(": ")[1].split("(")[0].split(",")]
    assert sum(shares) == pytest.approx(1, abs=0.02)
    assert shares == sorted(shares, reverse=True)
    assert "nearest synthetic materials: 0" in result.output
    assert "of held-out synthetic ones are as far" in result.output


def test_refinement_writes_maps_on_the_k_mesh(shipped, tmp_path):
    coarse = ("--k-mesh", 2, 2, 2, "--q-mesh", 1, 1, 1)
    result = run("superresolve", SI, "--maps", "-o", tmp_path / "fine.nc", *coarse)
    assert result.exit_code == 0, result.output
    good(tmp_path / "fine.nc")
    found = block_of(tmp_path / "fine.nc")
    assert found.q_mesh == (2, 2, 2)
    assert found.g.shape[:3] == (4, 4, 6)
    assert "relative error at the new q: about " in result.output


def test_what_is_not_calibrated_is_not_told(shipped, tmp_path):
    coarse = ("--k-mesh", 3, 3, 3, "--q-mesh", 1, 1, 1)
    result = run("superresolve", SI, "--maps", "-o", tmp_path / "fine.nc", *coarse)
    assert "not known: calibrated for q (1, 1, 1) to (2, 2, 2) only" in result.output


def test_the_warning_is_one_line(shipped, monkeypatch):
    """A limit that everything is beyond."""
    monkeypatch.setattr("ephforge.trust.calibration.LEVEL", 0.0)
    result = run("classify", shipped / "maps.nc")
    told = [line for line in result.output.splitlines() if "warning" in line]
    assert len(told) == 1
    assert "unlike the training materials" in told[0]


def test_another_autoencoder_is_refused(shipped, tmp_path):
    run("compress", shipped / "maps.nc", "-o", tmp_path / "a.eph", "--budget", 0.01)
    own = load_codec(shipped / "autoencoder.nc")
    write_codec(tmp_path / "other.nc", dataclasses.replace(own, share_tb=0.9 * own.share_tb))
    other = ("--autoencoder", tmp_path / "other.nc")
    result = run("reconstruct", tmp_path / "a.eph", "-o", tmp_path / "b.nc", *other)
    told(result, "a.eph: made with autoencoder")
    told(run("classify", shipped / "maps.nc", *other), "calibration.nc: no such file")
    shutil.copy(shipped / "calibration.nc", tmp_path)
    told(run("classify", shipped / "maps.nc", *other), "calibrated for autoencoder")


def told(result, text):
    assert result.exit_code == 1, result.output
    lines = [line for line in result.output.splitlines() if line]
    assert len(lines) == 1, result.output
    assert lines[0].startswith("ephforge: error: ")
    assert text in lines[0]


def test_every_mistake_is_one_line(shipped, tmp_path):
    maps, out = shipped / "maps.nc", ("-o", tmp_path / "x.eph")
    budget = ("--budget", 0.01)
    told(run("compress", maps, *out), "expected one of --budget, --error, --bound")
    told(run("compress", maps, *out, *budget, "--error", 0.1), "--budget --error: expected one")
    told(run("compress", maps, *out, "--bound", -1), "--bound -1.0: expected a finite number")
    told(run("compress", maps, *out, *budget, "--bands", 2), "--bands: ")
    told(run("compress", tmp_path / "no.nc", *out, *budget), "no.nc: no such file")
    told(run("compress", shipped / "dataset.nc", *out, *budget), "file of kind 'dataset'")
    told(run("compress", __file__, *out, *budget), "not a NetCDF-4 or HDF5 file")
    told(run("compress", tmp_path, *out, *budget), "no file *.epmatwp")
    told(run("compress", SI, *out, *budget, "--q-mesh", 3, 3, 3), "--q-mesh (3, 3, 3): does not")
    told(run("superresolve", maps, *out), "or equals it")
    told(run("reconstruct", maps, *out), "does not begin as compressed maps do")
    told(run("reconstruct", tmp_path / "no.eph", *out), "no.eph: no such file")
    nothing = ("--autoencoder", tmp_path / "none.nc")
    told(run("compress", maps, *out, *budget, *nothing), "none.nc: no such file")
    told(run("compress", maps, *out, *budget, "--autoencoder", maps), "found 'firstprinciples'")
    assert list(tmp_path.iterdir()) == []


def test_maps_of_other_names_are_read_again(shipped, tmp_path):
    """What reconstruct writes is a source again."""
    variables, attributes = block_variables(block_of(shipped / "maps.nc", "firstprinciples"))
    write(tmp_path / "m.nc", "maps", variables, attributes)
    result = run("compress", tmp_path / "m.nc", "-o", tmp_path / "m.eph", "--budget", 0.001)
    assert result.exit_code == 0, result.output
