"""`ephforge couple` larger than memory: the same numbers, a bound that holds, whole or no files."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ephforge.cli import couple, memory
from ephforge.cli.main import app
from ephforge.core import stream
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.core.units import MEV
from ephforge.coupling import points
from ephforge.coupling.grid import Limits
from ephforge.coupling.points import Lists, magnitudes

MODEL = Path(__file__).parents[2] / "resources" / "first_principles" / "si_2.nc"
PROGRAM = Path(sys.executable).parent / "ephforge"
GRIDS = ("--k-grid", 2, 2, 2, "--q-grid", 2, 3, 2)  # 12 q: a chunk and a half
LONG = ("--k-grid", 16, 16, 16, "--q-grid", 12, 12, 12)  # 2.7 GB, minutes


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def coupled(path, *arguments):
    result = run("couple", MODEL, "-o", path, *GRIDS, *arguments)
    assert result.exit_code == 0, result.output
    return read(path, "couplings").variables, result.output


@pytest.fixture(scope="module")
def at_once():
    """Everything in memory: energies at k, at k+q, phonon energies and |g| in meV."""
    model = read_model(read(MODEL, "model"))
    limits = Limits(0.1 / MEV, 1.0 / MEV)
    parts = list(magnitudes(model, Lists(mesh_points((2, 2, 2)), mesh_points((2, 3, 2))), limits))
    assert len(parts) == 2
    rest = [np.concatenate(arrays) for arrays in list(zip(*parts, strict=True))[1:]]
    return {
        "electron_energy_initial": np.asarray(parts[0].energy_k),
        "electron_energy_final": rest[0],
        "phonon_energy": rest[1] * MEV,
        "coupling_magnitude": (rest[2] * MEV).astype(np.float32),
    }


@pytest.mark.parametrize("level", [0, 1])
def test_the_file_is_what_is_computed_at_once(tmp_path, at_once, level):
    found, said = coupled(tmp_path / "x.nc", "--compress", level)
    for name, expected in at_once.items():
        np.testing.assert_array_equal(found[name], expected, strict=True, err_msg=name)
    assert f"|g| up to {at_once['coupling_magnitude'].max():.4g} meV; 3 modes softer" in said


def test_less_memory_makes_smaller_chunks_and_the_same_file(tmp_path, at_once, monkeypatch):
    """A chunk takes an eighth of the room, here 5 of 12 q: chunks of 5, 5 and 2."""
    room = 5.5 * points._SHARE * points._bytes_of_one(read_model(read(MODEL, "model")), 8)
    monkeypatch.setattr(couple, "_COMPILER", 0)
    arrays = vars(read_model(read(MODEL, "model")).coupling).values()
    base = 10**9 - room - 2 * sum(array.nbytes for array in arrays)
    monkeypatch.setattr(memory, "resident", lambda: int(base))
    lengths = []
    real = stream.Stream.put

    def put(self, **slabs):
        lengths.extend(len(slabs[name]) for name in slabs if name == "coupling_magnitude")
        real(self, **slabs)

    monkeypatch.setattr(stream.Stream, "put", put)
    found, _ = coupled(tmp_path / "x.nc")
    assert lengths == [5, 5, 2]
    for name, expected in at_once.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, atol=1e-5, err_msg=name)


BOUNDED = """
import sys
from pathlib import Path
from ephforge.cli.main import app
sys.argv = ["ephforge", *sys.argv[1:]]
try:
    app()
except SystemExit as done:
    assert done.code == 0
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc: peak memory unknown")
def test_memory_stays_below_what_is_asked_for(tmp_path):
    """0.2 GB of |g|, 0.4 in double precision; a program that compiled its kernel has 0.35."""
    k, q = ("16", "16", "16"), ("4", "4", "8")
    numbers = 16**3 * 4 * 4 * 8 * 6 * 4**2
    arguments = ("couple", MODEL, "-o", tmp_path / "x.nc", "--k-grid", *k, "--q-grid", *q)
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, *map(str, arguments), "--memory", "600MB"],
        env=os.environ | {"EPHFORGE_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.nc").stat().st_size > 4 * numbers
    assert 4 * numbers > 200e6
    assert 1024 * int(done.stdout.splitlines()[-1]) < 600e6


def started(path):
    """A run that takes minutes, once some megabytes of it are on the disk."""
    command = [PROGRAM, "couple", MODEL, "-o", path, *LONG]
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while not any(part.stat().st_size > 10**7 for part in path.parent.glob(".*.part")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_killed_in_the_middle_there_is_no_file(tmp_path):
    process = started(tmp_path / "x.nc")
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "x.nc").exists()


def test_interrupted_in_the_middle_nothing_is_left(tmp_path):
    process = started(tmp_path / "x.nc")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("free", "is_enough"), [(40_000, False), (42_000, True)])
def test_a_disk_that_is_too_small_is_told_before(tmp_path, monkeypatch, free, is_enough):
    """|g| of 12 x 8 pairs, 6 modes and 4 x 4 bands takes 36,864 bytes, energies 3,904."""
    monkeypatch.setattr(stream, "free_bytes", lambda path: free)
    result = run("couple", MODEL, "-o", tmp_path / "x.nc", *GRIDS)
    assert result.exit_code == (0 if is_enough else 1)
    assert (tmp_path / "x.nc").exists() == is_enough
    told = "12 q x 8 k points need 4.08e-05 GB, 4e-05 GB are free on its disk; ask for fewer"
    assert (told in result.stderr) != is_enough


def test_how_little_memory_will_do_is_told(tmp_path):
    result = run("couple", MODEL, "-o", tmp_path / "x.nc", *GRIDS, "--memory", "20 MB")
    assert result.exit_code == 1
    assert "--memory 0.02GB: expected at least" in result.stderr
    assert "one q with 8 k, 6 modes and 4 bands" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1GB", 10**9), ("1.5 gb", 1.5e9), ("500MB", 5e8), (".5TB", 5e11), ("2.GB", 2e9)],
)
def test_sizes(text, expected):
    assert memory.parsed("--memory", text) == expected


@pytest.mark.parametrize("text", ["1", "GB", "0GB", "-1GB", "1GiB", "1e3MB", "1,5GB"])
def test_what_is_no_size(text):
    with pytest.raises(Exception, match="expected a size as 500MB"):
        memory.parsed("--memory", text)


def test_resident_memory_grows_with_an_array():
    before = memory.resident()
    array = np.ones(10**7)
    assert 0.5 * array.nbytes < memory.resident() - before < 2 * array.nbytes


@pytest.fixture
def no_request(monkeypatch):
    """--device leaves its wish in the environment; this takes it away afterwards."""
    monkeypatch.setenv("EPHFORGE_DEVICE", "auto")


def test_a_gpu_that_is_not_there_is_refused(tmp_path, no_request):
    result = run("couple", MODEL, "-o", tmp_path / "x.nc", *GRIDS, "--device", "gpu")
    assert result.exit_code == 1
    assert "EPHFORGE_DEVICE=gpu asks for a GPU" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
    assert os.environ["EPHFORGE_DEVICE"] == "gpu"


def test_the_cpu_is_always_there(tmp_path, no_request):
    coupled(tmp_path / "x.nc", "--device", "cpu")
