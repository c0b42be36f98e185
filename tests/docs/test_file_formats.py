"""docs/file_formats.md against the tables that `ephforge validate` holds files to."""

import pytest
from conftest import ROOT
from file_formats import PAGE, documented_arrays
from typer.testing import CliRunner

from ephforge.audit.tables import EVERY_FILE, MATERIALS, ROOTS
from ephforge.cli.main import app
from ephforge.core.netcdf import outline

MODEL = ROOT / "resources/first_principles/si_2.nc"
FIELDS = {kind: table.fields for kind, table in (ROOTS | MATERIALS).items() if table.fields}


@pytest.mark.parametrize("kind", FIELDS)
def test_arrays_are_those_that_are_checked(kind):
    documented = documented_arrays()[kind]
    expected = {name: (field.axes, field.unit) for name, field in FIELDS[kind].items()}
    extra = documented.keys() - expected.keys()
    assert all(name.startswith(("ref_", "dft_")) for name in extra)
    assert {name: documented.get(name) for name in expected} == expected


def test_every_kind_and_common_attribute_is_there():
    documented = documented_arrays()
    assert ROOTS.keys() | MATERIALS.keys() <= documented.keys()
    text = PAGE.read_text()
    for attribute in EVERY_FILE:
        assert f"`{attribute}`" in text


def test_the_file_of_couple(tmp_path):
    words = ["couple", MODEL, "-o", tmp_path / "g.nc", "--k-grid", *"111", "--q-grid", *"111"]
    assert CliRunner().invoke(app, [str(word) for word in words]).exit_code == 0
    kind, groups = outline(tmp_path / "g.nc")
    found = {name: (stored.axes, stored.unit) for name, stored in groups[""].items()}
    assert found == documented_arrays()[kind]
