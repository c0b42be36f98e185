"""Wrong input is one line that helps, an exit status, and no result."""

import os
import shutil
import subprocess
import sys

import bad_input
import pytest
from bad_input import CONFIGURATIONS, FILES, WORDS
from conftest import Checkout
from typer.testing import CliRunner

from ephforge.cli.main import app

# Snakemake is imported once and forked for each file: start-up is most of its time
DRY_RUNS = """
import os
from pathlib import Path
import ephforge.config, ephforge.layers
from snakemake.cli import get_argument_parser, main
get_argument_parser()
for path in sorted(Path("configurations").glob("*/my.yaml")):
    if not (child := os.fork()):
        out = os.open(path.with_name("out"), os.O_CREAT | os.O_WRONLY)
        os.dup2(out, 1), os.dup2(out, 2)
        try:
            main(["-n", "--configfile", str(path)])
        except SystemExit as stop:
            os._exit(stop.code or 0)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    path.with_name("status").write_text(str(status))
"""


@pytest.fixture(scope="module")
def dry_runs(tmp_path_factory):
    """Folder of each configuration, with what Snakemake said and its exit status."""
    checkout = Checkout(tmp_path_factory.mktemp("configurations"))
    folder = checkout.folder / "configurations"
    for number, (text, _) in enumerate(CONFIGURATIONS.values()):
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / "my.yaml").write_text(text)
    environment = os.environ | {"PYTHONPATH": str(checkout.folder / "src")}
    subprocess.run(
        [sys.executable, "-c", DRY_RUNS],
        cwd=checkout.folder,
        env=environment,
        check=True,
        timeout=300,
        stdout=subprocess.DEVNULL,
    )
    return {name: folder / str(number) for number, name in enumerate(CONFIGURATIONS)}


@pytest.mark.campaign
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_wrong_configuration_stops_snakemake(dry_runs, name):
    expected = CONFIGURATIONS[name][1]
    output = (dry_runs[name] / "out").read_text()
    assert (dry_runs[name] / "status").read_text() == "1", output
    assert any(expected in line for line in output.splitlines()), output
    assert "Traceback" not in output


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A model, an EPW run and a Perturbo file as they should be."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copy(bad_input.MODEL, folder / "model.nc")
    bad_input.unpack(folder / "run")
    (folder / "empty").mkdir()
    told = CliRunner().invoke(
        app, ["export-perturbo", str(folder / "model.nc"), "-o", str(folder / "epr.h5")]
    )
    assert told.exit_code == 0, told.output
    return folder


def refusal(arguments) -> tuple[int, str]:
    """Exit status, and the one line."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.stderr.count("\n") == 1, result.output
    assert result.stderr.startswith("ephforge: error: ")
    assert "a mistake in ephforge" not in result.stderr
    return result.exit_code, result.stderr


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_one_line(whole, tmp_path, monkeypatch, name):
    victim, damage, arguments, expected = FILES[name]
    copy = shutil.copytree if (whole / victim).is_dir() else shutil.copy2
    copy(whole / victim, tmp_path / victim)
    damage(tmp_path / victim)
    monkeypatch.chdir(tmp_path)
    status, line = refusal(arguments)
    assert status == 1
    assert expected in line
    assert sorted(p.name for p in tmp_path.iterdir()) == [victim]


@pytest.mark.parametrize("name", WORDS)
def test_wrong_words_are_one_line(whole, monkeypatch, name):
    arguments, status, expected = WORDS[name]
    monkeypatch.chdir(whole)
    before = sorted(whole.rglob("*"))
    found, line = refusal(arguments)
    assert found == status
    assert expected in line
    assert sorted(whole.rglob("*")) == before


def test_the_undamaged_files_are_read(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(whole)
    for words in (bad_input.IMPORT_EPW, bad_input.IMPORT_PERTURBO, bad_input.VALIDATE):
        arguments = [str(tmp_path / w) if w == "out.nc" else w for w in words]
        assert CliRunner().invoke(app, arguments).exit_code == 0


def test_there_are_enough_of_them(figures):
    counts = {"configurations": len(CONFIGURATIONS), "files": len(FILES), "words": len(WORDS)}
    figures["bad inputs"] = counts
    assert sum(counts.values()) >= 60
    answers = [row[-1] for table in (CONFIGURATIONS, FILES, WORDS) for row in table.values()]
    assert all(answers)
