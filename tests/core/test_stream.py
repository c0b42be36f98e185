"""Streamed files: equal to those written at once, whole or absent, and errors that are told."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from ephforge.core import netcdf, stream
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Variable
from ephforge.core.stream import Slabs, Stream

RNG = np.random.default_rng(5)
G = RNG.normal(size=(7, 5, 3)).astype(np.float32)
E = RNG.normal(size=(7, 5))
K = RNG.normal(size=(5, 2))
NAMES = np.array([f"band {i}" for i in range(3)])
WHOLE = {
    "a_point": Variable(K, ("k", "c"), "1", "k"),
    "names": Variable(NAMES, ("v",), "1", "text"),
}
SLABS = {
    "g": Slabs(G.shape, "float32", ("q", "k", "v"), "meV", "coupling"),
    "energy": Slabs(E.shape, "float64", ("q", "k"), "eV", "bands"),
}
ATTRIBUTES = {"name": "si", "k_grid": [1, 5, 1], "share": 0.5, "ok": True}


def streamed(path, level=0, parts=(slice(0, 3), slice(3, 4), slice(4, 7))):
    with Stream(path, "test", SLABS | WHOLE, ATTRIBUTES, level) as out:
        for part in parts:
            out.put(g=G[part], energy=E[part])
        assert not path.exists()


def nothing_left(folder):
    return not list(folder.iterdir())


@pytest.mark.parametrize("level", [0, 1])
def test_a_streamed_file_is_the_one_written_at_once(tmp_path, level):
    at_once = WHOLE | {
        name: Variable(data, *SLABS[name][2:]) for name, data in {"g": G, "energy": E}.items()
    }
    netcdf.write(tmp_path / "at_once.nc", "test", at_once, ATTRIBUTES)
    streamed(tmp_path / "deep" / "streamed.nc", level)
    expected = netcdf.read(tmp_path / "at_once.nc", "test")
    found = netcdf.read(tmp_path / "deep" / "streamed.nc", "test")
    # the checksum among them: it does not depend on how arrays came
    assert found.attributes == expected.attributes
    for name, data in expected.variables.items():
        np.testing.assert_array_equal(found.variables[name], data, strict=True)
    outlines = [netcdf.outline(tmp_path / name) for name in ("at_once.nc", "deep/streamed.nc")]
    assert outlines[0] == outlines[1]
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["streamed.nc"]


def test_one_changed_number_is_found(tmp_path):
    streamed(tmp_path / "x.nc")
    with netCDF4.Dataset(tmp_path / "x.nc", "a") as file:
        file["g"][6, 4, 2] += 1
    with pytest.raises(EphforgeError, match="do not match its checksum"):
        netcdf.read(tmp_path / "x.nc", "test")


def test_without_compression_arrays_lie_as_they_are(tmp_path):
    streamed(tmp_path / "x.nc")
    assert G.tobytes() in (tmp_path / "x.nc").read_bytes()


def test_a_chunk_is_a_row_cut_where_it_is_large(tmp_path, monkeypatch):
    def chunks(level):
        path = tmp_path / f"{level}.nc"
        streamed(path, level)
        with netCDF4.Dataset(path) as file:
            return file["g"].chunking(), file["g"].filters()["complevel"]

    assert chunks(4) == ([1, 5, 3], 4)
    monkeypatch.setattr(stream, "_LARGEST_CHUNK", 4 * 3 * 2)
    assert chunks(1) == ([1, 2, 3], 1)


def test_arrays_come_at_their_own_pace(tmp_path):
    with Stream(tmp_path / "x.nc", "test", SLABS, {}) as out:
        out.put(energy=E)
        for row in range(7):
            out.put(g=G[row : row + 1])
    np.testing.assert_array_equal(netcdf.read(tmp_path / "x.nc", "test").variables["g"], G)


def test_missing_rows(tmp_path):
    with pytest.raises(ValueError, match=r"x.nc: g: 3 of 7 rows"):
        streamed(tmp_path / "x.nc", parts=(slice(0, 3),))
    assert nothing_left(tmp_path)


@pytest.mark.parametrize(
    ("slabs", "told"),
    [
        ({"g": G[:, :2]}, "does not fit"),
        ({"g": G.astype(float)}, "float64"),
        ({"g": np.concatenate([G, G])}, "does not fit"),
        ({"a_point": K}, "arrives in slabs"),
        ({"other": K}, "arrives in slabs"),
    ],
)
def test_a_slab_that_does_not_fit(tmp_path, slabs, told):
    with (
        pytest.raises(ValueError, match=told),
        Stream(tmp_path / "x.nc", "test", SLABS | WHOLE, {}) as out,
    ):
        out.put(**slabs)
    assert nothing_left(tmp_path)


@pytest.mark.parametrize("error", [ArithmeticError, KeyboardInterrupt])
def test_an_exception_of_the_caller_leaves_nothing(tmp_path, error):
    before = threading.active_count()

    def caller():
        with Stream(tmp_path / "x.nc", "test", SLABS, {}) as out:
            out.put(g=G[:3])
            raise error

    with pytest.raises(error):
        caller()
    assert nothing_left(tmp_path)
    assert threading.active_count() == before


def test_an_exception_leaves_the_old_file(tmp_path):
    streamed(tmp_path / "x.nc")
    before = (tmp_path / "x.nc").read_bytes()
    with pytest.raises(ArithmeticError), Stream(tmp_path / "x.nc", "test", SLABS, {}):
        raise ArithmeticError
    assert (tmp_path / "x.nc").read_bytes() == before


def test_the_caller_goes_on_while_the_disk_is_busy_but_not_for_ever(tmp_path, monkeypatch):
    """Two slabs wait and one is being written; the fourth has to wait for the disk."""
    disk, begun = threading.Event(), threading.Event()
    real = np.ascontiguousarray

    def slow(slab):
        begun.set()
        assert disk.wait(60)
        return real(slab)

    came = []

    def caller():
        with Stream(tmp_path / "x.nc", "test", {"g": SLABS["g"]}, {}) as out:
            for row in range(7):
                out.put(g=G[row : row + 1])
                came.append(row)

    monkeypatch.setattr(stream.np, "ascontiguousarray", slow)
    thread = threading.Thread(target=caller)
    thread.start()
    assert begun.wait(60)
    thread.join(1)
    waiting = list(came)
    disk.set()
    thread.join(60)
    assert waiting == [0, 1, 2]
    assert came == list(range(7))


FULL_DISK = """
import resource, sys, numpy as np
from ephforge.core.errors import EphforgeError
from ephforge.core.stream import Slabs, Stream
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, 20_000_000))
shape, level = (100, 250_000), int(sys.argv[2])
slab, count = np.random.default_rng(0).random((1, 250_000), np.float32), 0
try:
    g = Slabs(shape, "float32", ("q", "k"), "1", "x")
    with Stream(sys.argv[1], "test", {"g": g}, {}, level) as out:
        for _ in range(100):
            out.put(g=slab)
            count += 1
except EphforgeError as error:
    print(count, error)
"""


@pytest.mark.parametrize("level", [0, 1])
def test_a_full_disk_is_told_at_the_next_put_and_leaves_nothing(tmp_path, level):
    """A limit on the size of files instead of a disk to fill: 20 of 100 MB can be written."""
    path = tmp_path / "x.nc"
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), str(level)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    count, told = run.stdout.split(" ", 1)
    assert 19 <= int(count) < 30
    assert told.startswith(f"{path}: cannot be written (")
    assert "GB free on its disk); make room" in told
    assert told.count("\n") == 1
    assert nothing_left(tmp_path)


def test_no_folder_to_write_into(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EphforgeError, match=r"x.nc: cannot be written"):
        streamed(tmp_path / "file" / "x.nc")


KILLED = """
import os, signal, sys, numpy as np
from ephforge.core.stream import Slabs, Stream
with Stream(sys.argv[1], "test", {"g": Slabs((9, 10), "float32", ("q", "k"), "1", "x")}, {}) as out:
    out.put(g=np.zeros((8, 10), np.float32))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_in_the_middle_there_is_no_file(tmp_path):
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "x.nc")], check=False)
    assert run.returncode == -signal.SIGKILL
    assert not (tmp_path / "x.nc").exists()


MEMORY = """
import sys, numpy as np
from pathlib import Path
from ephforge.core.stream import Slabs, Stream
def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
before = peak()
g = Slabs((75, 1_000_000), "float32", ("q", "k"), "1", "x")
with Stream(sys.argv[1], "test", {"g": g}, {}, int(sys.argv[2])) as out:
    for _ in range(75):
        out.put(g=np.ones((1, 1_000_000), np.float32))
assert g.nbytes == 300_000_000
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc: peak memory unknown")
@pytest.mark.parametrize("level", [0, 1])
def test_memory_is_that_of_the_slabs_that_wait(tmp_path, level):
    """300 MB through a stream in slabs of 4 MB."""
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "x.nc"), str(level)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(run.stdout) < 40_000  # kB


def test_free_bytes_of_a_folder_that_is_yet_to_be_made(tmp_path):
    assert stream.free_bytes(tmp_path / "a" / "b" / "x.nc") > 0
