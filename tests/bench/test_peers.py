"""benchmarks/peers.py: every peer gets the model that we have, or it stops."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.firstprinciples.epw import read_epw

ROOT = Path(__file__).parents[2]
SILICON = ROOT / "resources/first_principles/si_2.nc"
POLAR = ROOT / "resources/first_principles/sic_2.nc"
CODES = ("pythtb", "phonopy", "phonopy_c", "phonopy_python", "elphmod")


def quick(folder, *codes):
    """Record of a quick run, and what it printed."""
    out = folder / "peers.json"
    words = [sys.executable, str(ROOT / "benchmarks/peers.py"), "--quick", "-o", str(out)]
    done = subprocess.run([*words, "--only", *codes], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in folder.iterdir()] == ["peers.json"]
    return json.loads(out.read_text()), done.stdout


def test_peers_agree_and_are_timed(tmp_path):
    record, printed = quick(tmp_path, *CODES)
    assert [row["code"] for row in record["rows"]] == list(CODES)
    for row, line in zip(record["rows"], printed.splitlines()[1:], strict=True):
        seconds = {code: found["median"] for code, found in row["seconds"].items()}
        # phonopy has other values of the constants
        assert row["difference"] < (1e-6 if row["task"] == "phonons" else 1e-12)
        assert row["compared"] > 10
        assert row["ratio"] == pytest.approx(seconds[row["code"]] / seconds["ephforge"])
        assert line.split()[:2] == [row["task"], row["code"]]


@pytest.mark.espresso
@pytest.mark.skipif(shutil.which("epw.x") is None, reason="Quantum ESPRESSO is not installed")
def test_epw_computes_the_same_couplings_from_files_written_here(tmp_path):
    record, printed = quick(tmp_path, "epw")
    (row,) = record["rows"]
    assert row["version"].startswith("5.3")
    assert row["relative_g"] < 1e-8
    assert row["difference"] < 1e-8
    assert row["calls"]["ephW2B"] == 4**3 * 2**3
    assert row["clocks"]["parts"]["median"] <= row["seconds"]["epw"]["median"]
    assert "by its four clocks" in printed


def test_epw_is_skipped_with_the_reason_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    record, printed = quick(tmp_path, "epw")
    assert "no epw.x on PATH" in record["rows"][0]["skipped"]
    assert "skipped: no epw.x" in printed


def test_numbers_that_do_not_agree_end_the_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    peers = importlib.import_module("peers")
    request = peers.Request("bands", "pythtb", "", peers.MESHES[True], True, 1)
    clocks = {"clocks": {"seconds": [1.0]}, "about": {}}

    def answer(request, folder):
        return np.array([1.0, np.nan, 3.0 + 1e-3 * (request.code == "pythtb")]), clocks

    monkeypatch.setattr(peers, "in_a_process", answer)
    with pytest.raises(SystemExit, match="pythtb differs by 3"):
        peers.compare(request, tmp_path, {})


@pytest.mark.parametrize("path", [SILICON, POLAR])
def test_restart_files_are_read_back_as_the_model(tmp_path, monkeypatch, path):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from codes.epw_write import write_run

    contents = read(path, "model")
    model = read_model(contents)
    meshes = [tuple(map(int, contents.variables[name])) for name in ("g_k_mesh", "g_q_mesh")]
    write_run(model, *meshes, tmp_path, "written")
    found = read_epw(tmp_path)  # finds out meshes and species
    assert found.crystal.numbers.tolist() == model.crystal.numbers.tolist()
    for own, other in (
        (found.coupling.g, model.coupling.g),
        (found.hopping.energy, model.hopping.energy),
        (found.force_constants.phi, model.force_constants.phi),
        (found.crystal.cell, model.crystal.cell),
        (found.hopping.centres, model.hopping.centres),
    ):
        np.testing.assert_allclose(own, other, atol=1e-12 * np.abs(other).max())
    np.testing.assert_array_equal(found.hopping.cells, model.hopping.cells)
    if model.long_range:
        np.testing.assert_allclose(found.long_range.born, model.long_range.born, atol=1e-12)
