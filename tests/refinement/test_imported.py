"""Runs of other codes: their choice of images is undone, whatever it was."""

import lzma
import shutil
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read, write
from ephforge.core.realspace import model_variables, read_model
from ephforge.firstprinciples.epw import read_epw
from ephforge.firstprinciples.perturbo import read_perturbo
from ephforge.firstprinciples.perturbo_write import write_perturbo
from ephforge.refinement import coarse
from ephforge.refinement.refine import METHODS, couplings

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests/firstprinciples/data/si_2_zone"  # use_ws = .false.
TWO, FOUR = (2, 2, 2), (4, 4, 4)


def test_a_run_with_zone_centred_cells(tmp_path):
    for path in RUN.iterdir():
        if path.suffix == ".xz":
            (tmp_path / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copy(path, tmp_path)
    model = read_epw(tmp_path)
    refined = couplings(model, TWO, TWO, FOUR, METHODS["nearest"])
    on = coarse.points_of(TWO, FOUR)
    known = coarse.at_points(model, TWO, mesh_points(TWO))
    np.testing.assert_allclose(refined[on], known, atol=1e-9)
    own = coarse.at_points(model, TWO, mesh_points(FOUR))
    zone = couplings(model, TWO, TWO, FOUR, METHODS["zone"])
    np.testing.assert_allclose(zone, own, atol=1e-9)
    assert np.linalg.norm(refined - own) > 0.05 * np.linalg.norm(own)


def test_perturbo_s_images_do_not_show(tmp_path):
    """Another code's cells, the same numbers at the q of the run: the same refined coupling."""
    model = read_model(read(ROOT / "resources/first_principles/si_2.nc", "model"))
    write_perturbo(model, tmp_path / "epr.h5")
    other = read_perturbo(tmp_path / "epr.h5")
    found = [couplings(m, FOUR, TWO, FOUR, METHODS["nearest"]) for m in (model, other)]
    np.testing.assert_allclose(*found, atol=1e-8)


def test_a_file_that_does_not_say_its_meshes_is_asked_for_them(tmp_path):
    source = read(ROOT / "resources/first_principles/si_2.nc", "model")
    variables, attributes = model_variables(read_model(source))
    write(tmp_path / "plain.nc", "model", variables, attributes)
    words = ["superresolve", str(tmp_path / "plain.nc"), "-o", str(tmp_path / "fine.nc")]
    words += ["--method", "nearest", "--q-grid", "2", "2", "2"]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 1
    assert "state it with --coarse-k" in refused.output
    stated = ["--coarse-k", "4", "4", "4", "--coarse-q", "2", "2", "2"]
    assert CliRunner().invoke(app, [*words, *stated]).exit_code == 0
