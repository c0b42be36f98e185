"""What goes wrong on the command line is one line and an exit status."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.core.netcdf import read, write
from ephforge.core.realspace import model_variables, read_model

MODEL = Path(__file__).parents[2] / "resources" / "first_principles" / "si_2.nc"
GRIDS = ("--k-grid", "1", "1", "1", "--q-grid", "1", "1", "1")
PROGRAM = Path(sys.executable).parent / "ephforge"


def _incomplete(path):
    model = read_model(read(MODEL, "model"))
    variables, attributes = model_variables(model)
    del variables["hopping_cells"]
    write(path, "model", variables, attributes)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "words.txt").write_text("0 0 0\n0.5 half 0\n")
    (tmp_path / "two.txt").write_text("# k points\n0 0 0\n\n0.5 0.5\n")
    (tmp_path / "weights.txt").write_text("0 0 0 1\n")
    (tmp_path / "nan.txt").write_text("0 0 nan\n")
    (tmp_path / "inf.txt").write_text("0 0 0\n0 -inf 0\n")
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "good.txt").write_text("0 0 0\n")
    (tmp_path / "text.nc").write_text("not NetCDF")
    (tmp_path / "cut.nc").write_bytes(MODEL.read_bytes()[:200_000])
    write(tmp_path / "other.nc", "lattice", {})
    _incomplete(tmp_path / "half.nc")
    (tmp_path / "run").mkdir()
    return tmp_path


def _with_k(name):
    return ("couple", MODEL, "-o", "out.nc", "--k-list", name, "--q-grid", "1", "1", "1")


# arguments, exit status, what the line says
WRONG = {
    "not numbers": (_with_k("words.txt"), 1, "words.txt: line 2: '0.5 half 0'"),
    "too few numbers": (_with_k("two.txt"), 1, "two.txt: line 4: 2 words"),
    "weights": (_with_k("weights.txt"), 1, "weights.txt: line 1: 4 words"),
    "nan": (_with_k("nan.txt"), 1, "nan.txt: line 1: '0 0 nan'"),
    "inf": (_with_k("inf.txt"), 1, "inf.txt: line 2"),
    "no points": (_with_k("empty.txt"), 1, "empty.txt: no points"),
    "no list": (_with_k("none.txt"), 1, "none.txt: cannot be read"),
    "binary list": (_with_k("bytes.txt"), 1, "bytes.txt: cannot be read"),
    "no model": (("couple", "none.nc", "-o", "out.nc", *GRIDS), 1, "none.nc: no such file"),
    "text": (("couple", "text.nc", "-o", "out.nc", *GRIDS), 1, "text.nc: not a readable"),
    "cut": (("couple", "cut.nc", "-o", "out.nc", *GRIDS), 1, "cut.nc: "),
    "other kind": (("couple", "other.nc", "-o", "out.nc", *GRIDS), 1, "found 'lattice'"),
    "half": (("couple", "half.nc", "-o", "out.nc", *GRIDS), 1, "without 'hopping_cells'"),
    "out is a folder": (("couple", MODEL, "-o", "run", *GRIDS), 1, "run"),
    "too large": (
        ("couple", MODEL, "-o", "out.nc", *GRIDS[:5], "999", "999", "999"),
        1,
        "ask for fewer points",
    ),
    "no size": (("couple", MODEL, "-o", "out.nc", *GRIDS, "--memory", "much"), 2, "--memory much"),
    "no memory": (("couple", MODEL, "-o", "out.nc", *GRIDS, "--memory", "9MB"), 1, "give more or"),
    "level": (("couple", MODEL, "-o", "out.nc", *GRIDS, "--compress", "10"), 2, "--compress"),
    "device": (("couple", MODEL, "-o", "out.nc", *GRIDS, "--device", "tpu"), 2, "--device"),
    "show nothing": (("show", "none.nc"), 1, "none.nc: not a readable NetCDF-4 file"),
    "show text": (("show", "text.nc"), 1, "text.nc: not a readable NetCDF-4 file"),
    "empty folder": (("import-epw", "run", "-o", "out.nc"), 1, "run: no file *.epmatwp"),
    "no folder": (("import-epw", "none", "-o", "out.nc"), 1, "none: no such folder"),
    "no epr.h5": (("import-perturbo", "none.h5", "-o", "out.nc"), 1, "none.h5"),
    "export nothing": (("export-perturbo", "none.nc", "-o", "x.h5"), 1, "none.nc: no such file"),
    "no grid": (("couple", MODEL, "-o", "out.nc"), 2, "neither of --k-grid and --k-list"),
    "both": ((*_with_k("good.txt"), "--k-grid", *"111"), 2, "both of --k-grid and --k-list"),
    "zero grid": (("couple", MODEL, "-o", "out.nc", *GRIDS[:3], "0", *GRIDS[4:]), 2, "1 1 0"),
    "two numbers": (("couple", MODEL, "-o", "out.nc", "--k-grid", "1", "1"), 2, "--k-grid"),
    "letters": (("couple", MODEL, "-o", "out.nc", "--k-grid", *"11a"), 2, "--k-grid"),
    "negative": (("couple", MODEL, "-o", "out.nc", *GRIDS, "--soft-mode", "-1"), 2, "--soft-mode"),
    "no output": (("couple", MODEL, *GRIDS), 2, "output"),
    "no such option": (("show", MODEL, "--all"), 2, "--all"),
    "no such command": (("shwo", MODEL), 2, "shwo"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_line_and_a_status(name, files, monkeypatch):
    arguments, status, expected = WRONG[name]
    monkeypatch.chdir(files)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("ephforge: error: ")
    assert expected in result.stderr
    assert "a mistake in ephforge" not in result.stderr
    assert not (files / "out.nc").exists()


def program(*arguments, cwd):
    """The finished program, and the processor seconds it took: a busy machine adds none."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(
        [str(PROGRAM), *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return run, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_the_installed_program(files):
    run, _ = program("show", MODEL, cwd=files)
    assert (run.returncode, run.stderr) == (0, "")
    run, _ = program("couple", "none.nc", "-o", "out.nc", *GRIDS, cwd=files)
    assert run.returncode == 1
    assert run.stderr == "ephforge: error: none.nc: no such file, expected a model file\n"
    run, _ = program("couple", cwd=files)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1


@pytest.mark.parametrize("place", [0, 1, None])
def test_debug_shows_the_traceback(files, place):
    words = ["couple", "none.nc", "-o", "out.nc", *GRIDS]
    words.insert(len(words) if place is None else place, "--debug")
    run, _ = program(*words, cwd=files)
    assert run.returncode == 1
    assert "Traceback" in run.stderr
    assert "EphforgeError: none.nc: no such file" in run.stderr


def test_help_is_quick_and_names_every_command(files):
    # jax is what takes long to import: no command but a running one may bring it
    code = (
        "import sys, ephforge.cli.main; sys.exit('jax' in sys.modules or 'netCDF4' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    run, seconds = min((program("--help", cwd=files) for _ in range(3)), key=lambda r: r[1])
    assert run.returncode == 0
    for command in ("import-epw", "import-perturbo", "export-perturbo", "show", "couple"):
        assert command in run.stdout
    assert seconds < 1  # 0.25 s on an idle core


def test_a_mistake_of_ours_is_one_line_too(files, monkeypatch):
    def broken(path):
        raise KeyError("nothing")

    monkeypatch.setattr("ephforge.cli.models.read_model_file", broken)
    result = CliRunner().invoke(app, ["show", str(MODEL)])
    assert result.exit_code == 1
    assert "KeyError: 'nothing': a mistake in ephforge" in result.stderr
    assert result.stderr.count("\n") == 1
