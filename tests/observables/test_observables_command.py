"""Command observables: the stage with the defaults of the configuration, for one file."""

import pytest
from conftest import ROOT
from test_eliashberg import crystal_model
from test_observables_stage import PROVENANCE, options, write_model
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.cli.observables import DEFAULTS
from ephforge.config import Observables
from ephforge.core.records import read_record
from ephforge.observables.stage import run

SMALL = ("--density-mesh", *["12", "12", "12"])


def command(*words):
    return CliRunner().invoke(app, ["observables", *map(str, words)])


def test_defaults_are_those_of_the_configuration():
    expected = Observables().model_dump(mode="json")
    del expected["metals"]
    assert expected == DEFAULTS


def test_a_metal(tmp_path):
    model, output = tmp_path / "fcc.nc", tmp_path / "fcc.json"
    write_model(model, crystal_model())
    meshes = ("--k-mesh", *"666", "--q-mesh", *"333")
    result = command(model, "-o", output, "--electrons", "0.8", *meshes, *SMALL)
    assert result.exit_code == 0, result.output
    found = read_record(output)["metal"]["result"]
    assert f"lambda {found['lambda']:.3f} at k [6, 6, 6], q [3, 3, 3]" in result.output
    assert "bands against first principles at 4 points: rms 10 meV" in result.output
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    changes = {
        "metals": {"fcc": {"electrons": 0.8, "literature": None}},
        "meshes": [((6, 6, 6), (3, 3, 3))],
    }
    other = [str(tmp_path / name) for name in ("stage.json", "stage.png")]
    run(str(model), *other, options(**changes), PROVENANCE)
    stage = read_record(other[0])["metal"]["result"]
    assert stage["lambda"] == pytest.approx(found["lambda"], rel=1e-9)


def test_a_semiconductor_has_no_lambda(tmp_path):
    source = ROOT / "resources/first_principles/si_2.nc"
    result = command(source, "-o", tmp_path / "si.json", "--figure", tmp_path / "si.png", *SMALL)
    assert result.exit_code == 0, result.output
    assert read_record(tmp_path / "si.json")["metal"] is None
    assert "lambda" not in result.output
