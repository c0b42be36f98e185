"""What the pages tell a reader to type works; campaigns are in tests/test_campaign.py."""

import shutil

import pytest
from conftest import ROOT
from page_blocks import run_blocks


@pytest.fixture
def folder(tmp_path):
    """As the root of a clone, to write into."""
    (tmp_path / "resources").symlink_to(ROOT / "resources")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    return tmp_path


def test_the_python_page(folder):
    run_blocks("python.md", folder, until="Results of a campaign")


@pytest.mark.skipif(shutil.which("xz") is None, reason="xz unpacks the EPW run of the tests")
def test_own_material(folder):
    said = run_blocks("own_material.md", folder)
    assert "mine.nc: " in said
    assert "of EPW's" in said or "no printed couplings" in said
    assert (folder / "mine.png").stat().st_size > 10_000
    assert (folder / "g.nc").is_file()
    assert "measured: relative error" in said
    assert (folder / "again.nc").is_file()
