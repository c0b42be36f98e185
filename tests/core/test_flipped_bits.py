"""One bit flipped anywhere in a file: refused in one line, or nothing is read differently."""

import multiprocessing

import h5py
import netCDF4
import numpy as np
import pytest

from ephforge.core import netcdf
from ephforge.core.errors import EphforgeError
from ephforge.core.variables import Variable

FLIP_EVERY = 97  # bytes that are not zero
TRAILER = 48  # bytes: 16 of a mark, 32 of a digest


@pytest.fixture
def path(tmp_path):
    """Texts that are not ASCII are stored where HDF5 has no checksum of its own."""
    texts = {f"a{i}": f"{i} \u212b" for i in range(12)}
    arrays = {
        "x": Variable(np.random.default_rng(0).normal(size=300), ("n",), "eV", "in \u212b"),
        "names": Variable(np.array([f"name {i}" for i in range(9)]), ("i",), "1", "texts"),
    }
    netcdf.write(tmp_path / "x.nc", "test", arrays, texts, {"000001": (arrays, texts)})
    return tmp_path / "x.nc"


def everything(path):
    """All that a reader gets of a file, by its bits."""
    contents = netcdf.read(path, "test")
    found = [netcdf.outline(path)]
    for group in (contents, *(contents.groups[name] for name in sorted(contents.groups))):
        arrays = {n: (a.dtype.str, a.shape, a.tobytes()) for n, a in group.variables.items()}
        found.append((arrays, group.attributes))
    return found


def test_without_trailer_the_contents_are_judged(path):
    """As they are in files of before, and in copies that other programs make."""
    whole, content = everything(path), path.read_bytes()
    for lost in (1, TRAILER):
        path.write_bytes(content[:-lost])
        assert everything(path) == whole


def test_a_trailer_disturbs_no_reader(path):
    with h5py.File(path) as file:
        assert file["000001/x"].shape == (300,)
    before = path.read_bytes()
    with netCDF4.Dataset(path, "a") as file:  # whoever changes a file takes the trailer away
        file.new = 1
    assert before[-TRAILER:] not in path.read_bytes()


def flips(content: bytes, every: int):
    """Copies with one bit flipped each, over all of the bytes."""
    for number, place in enumerate(range(0, len(content), every)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << number % 8
        yield place, bytes(damaged)


def test_one_flipped_bit_anywhere_is_refused_or_changes_nothing(path):
    """Nothing is changed by a damaged mark of the trailer alone: the contents are judged then."""
    whole, content = everything(path), path.read_bytes()
    harmless = []
    for _, damaged in flips(content[:-TRAILER], 97):
        path.write_bytes(damaged + content[-TRAILER:])
        with pytest.raises(EphforgeError, match=r"x\.nc: damaged \(its bytes"):
            netcdf.read(path, "test")
    for place, damaged in flips(content[-TRAILER:], 1):
        path.write_bytes(content[:-TRAILER] + damaged)
        try:
            assert everything(path) == whole
            harmless.append(place)
        except EphforgeError:
            continue
    assert harmless == list(range(16))


def read_flipped(path, places, pipe):
    """What comes of a flipped bit at each place; ends where the library crashes."""
    content, whole = path.read_bytes(), everything(path)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        # a name for each: HDF5 may keep a file open that it could not read, and take it again
        other = path.with_name(f"{place}.nc")
        other.write_bytes(damaged)
        try:
            pipe.send("same" if everything(other) == whole else "other")
        except EphforgeError:
            pipe.send("refused")
        except Exception as error:
            pipe.send(repr(error))


def test_one_flipped_bit_without_trailer_is_never_read_as_other_contents(path):
    """HDF5 has no checksum of its own over texts; some flips there crash it."""
    content = path.read_bytes()[:-TRAILER]
    path.write_bytes(content)
    places, found = [i for i, byte in enumerate(content) if byte][::FLIP_EVERY], []
    context = multiprocessing.get_context("forkserver")
    while len(found) < len(places):
        ours, theirs = context.Pipe(duplex=False)
        left = places[len(found) :]
        child = context.Process(target=read_flipped, args=(path, left, theirs))
        child.start()
        theirs.close()
        try:
            for _ in left:
                found.append(ours.recv() if ours.poll(60) else "hangs")
        except EOFError:
            found.append("crashes")
        child.kill()
        child.join()
    assert set(found) <= {"refused", "same", "crashes", "hangs"}
    assert found.count("refused") > 2 * found.count("same")  # same: room that HDF5 leaves
