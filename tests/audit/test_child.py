"""A library that crashes or hangs on a file is one line, and soon."""

import os
import signal
import time

import pytest
from typer.testing import CliRunner

from ephforge.audit.child import in_child
from ephforge.cli.main import app
from ephforge.core.errors import EphforgeError


def killed(path, most=0):
    os.kill(os.getpid(), signal.SIGSEGV)


def left(path):
    os._exit(3)


def hanging(path, most=0):
    time.sleep(60)


def refusing(path):
    raise EphforgeError(f"{path}: refused")


def fine(path, number):
    return path.name, number + 1, os.getpid()


@pytest.mark.parametrize(
    ("function", "limit", "expected"),
    [
        (killed, 60.0, "x.nc: reading it crashed the library (SIGSEGV); remove it and run again"),
        (left, 60.0, "x.nc: reading it crashed the library (exit status 3)"),
        (hanging, 1.0, "x.nc: not read after 1 s; damaged, or too slow"),
        (refusing, 60.0, "x.nc: refused"),
    ],
)
def test_what_befalls_the_child_is_one_line(tmp_path, function, limit, expected):
    start = time.monotonic()
    with pytest.raises(EphforgeError) as caught:
        in_child(limit, function, tmp_path / "x.nc")
    assert str(caught.value).startswith(f"{tmp_path}/{expected}")
    assert time.monotonic() - start < 30


def test_a_result_comes_back(tmp_path):
    name, number, process = in_child(60.0, fine, tmp_path / "x.nc", 2)
    assert (name, number) == ("x.nc", 3)
    assert process != os.getpid()


@pytest.mark.parametrize(
    ("function", "expected"), [(hanging, "not read after 2 s"), (killed, "(SIGSEGV)")]
)
def test_validate_goes_on_with_the_next_file(tmp_path, monkeypatch, function, expected):
    monkeypatch.setattr("ephforge.audit.validate.first_faults", function)
    paths = [str(tmp_path / name) for name in ("a.nc", "b.nc")]
    result = CliRunner().invoke(app, ["validate", *paths, "--time-limit", "2"])
    assert result.exit_code == 1
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == paths
    assert result.stderr.count(expected) == 2
    assert "2 of 2 files" in result.stdout
