"""A file gets its final name when it is on disk and reads back, whatever kills or fills."""

import errno
import multiprocessing
import os
import random
import re
import time

import netCDF4
import numpy as np
import pytest

from ephforge.core import netcdf, publish
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Variable
from ephforge.core.records import write_record

NUMBERS = Variable(np.random.default_rng(0).normal(size=60_000), ("n",), "eV", "numbers")


def write_version(path, version):
    """Three groups, half a megabyte each."""
    groups = {f"{i:06d}": ({"x": NUMBERS}, {}) for i in range(3)}
    netcdf.write(path, "test", {}, {"version": version}, groups)


def write_for_ever(path, pipe):
    """One version after the other; says which one is finished."""
    version = netcdf.read(path, "test").attributes["version"] if path.exists() else 0
    while True:
        version += 1
        write_version(path, version)
        pipe.send(version)


def killed_while_writing(path, delay) -> int:
    """Kill a writer so many seconds after it began; the last version that it called finished."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ephforge.core.netcdf"])
    ours, theirs = context.Pipe(duplex=False)
    writer = context.Process(target=write_for_ever, args=(path, theirs))
    writer.start()
    theirs.close()
    assert ours.poll(60), "the writer never wrote"
    finished = ours.recv()
    time.sleep(delay)
    writer.kill()
    writer.join()
    while True:
        try:
            finished = ours.recv()
        except EOFError:
            return finished


def test_killed_at_any_moment_a_file_is_whole(tmp_path, is_long, figures):
    """The last finished version is there, or the one after it, which was not told any more."""
    path, kills = tmp_path / "shard.nc", 100 if is_long else 15
    moments = random.Random(0)
    found = {"kills": kills, "in the middle of writing": 0, "damaged": 0, "lost": 0}
    for _ in range(kills):
        finished = killed_while_writing(path, moments.uniform(0, 0.3))
        left = [p for p in tmp_path.iterdir() if p != path]
        assert len(left) <= 1, "what the writer before left is not removed"
        found["in the middle of writing"] += bool(left)
        try:
            version = netcdf.read(path, "test").attributes["version"]
        except EphforgeError:
            found["damaged"] += 1
        else:
            found["lost"] += version not in (finished, finished + 1)
    figures["SIGKILL of shard writing"] = found
    assert found["damaged"] == found["lost"] == 0
    assert found["in the middle of writing"] > kills / 4


def test_a_file_that_does_not_read_back_gets_no_name(tmp_path, monkeypatch):
    def lossy(temporary, *arguments, **keywords):
        with netCDF4.Dataset(temporary, "a") as file:
            file["000001/x"][5] += 1e-9
        return whole(temporary)

    whole = netcdf._is_whole
    write_version(tmp_path / "x.nc", 1)
    monkeypatch.setattr(netcdf, "_is_whole", lossy)
    with pytest.raises(EphforgeError, match=r"x\.nc: does not read back as it was written"):
        write_version(tmp_path / "x.nc", 2)
    assert [p.name for p in tmp_path.iterdir()] == ["x.nc"]
    assert netcdf.read(tmp_path / "x.nc", "test").attributes["version"] == 1


def test_a_file_is_on_disk_before_it_has_its_name_and_the_name_after(tmp_path, monkeypatch):
    calls, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda n: (calls.append(os.readlink(f"/proc/self/fd/{n}")), sync(n))
    )
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("rename"), replace(a, b)))
    for path, write in ((tmp_path / "x.nc", write_version), (tmp_path / "x.json", write_record)):
        calls.clear()
        write(path, {} if path.suffix == ".json" else 1)
        assert re.fullmatch(rf"{tmp_path}/\.{path.name}\..*\.part", calls[0])
        assert calls[1:] == ["rename", str(tmp_path)]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_what_the_disk_says_is_one_line(tmp_path, monkeypatch, number):
    def failing(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", failing)
    for path, write in ((tmp_path / "x.nc", write_version), (tmp_path / "x.json", write_record)):
        with pytest.raises(EphforgeError) as caught:
            write(path, {} if path.suffix == ".json" else 1)
        reason = os.strerror(number)
        assert str(caught.value) == f"{path}: cannot be written ({reason}); mend that and run again"
    assert list(tmp_path.iterdir()) == []


def test_only_what_dead_processes_of_this_machine_left_is_removed(tmp_path):
    host = publish.socket.gethostname()
    dead = next(i for i in range(4_000_000, 5_000_000) if not publish._is_alive(i))
    kept = [f".x.nc.{host}.1.part", f".x.nc.elsewhere.{dead}.part", f".y.nc.{host}.{dead}.part"]
    for name in (*kept, f".x.nc.{host}.{dead}.part"):
        (tmp_path / name).write_text("")
    write_version(tmp_path / "x.nc", 1)
    assert {p.name for p in tmp_path.iterdir()} == {"x.nc", *kept}


def test_a_mistake_of_ours_is_not_told_as_one_of_the_disk(tmp_path):
    with pytest.raises(RuntimeError, match="ours"), publish.temporary_of(tmp_path / "x.nc"):
        raise RuntimeError("ours")
