"""Files are whole or refused: every way to damage one that we could think of."""

import hashlib
import json

import netCDF4
import numpy as np
import pytest

from ephforge.core import netcdf
from ephforge.core.checksum import FORMAT_VERSION
from ephforge.core.errors import EphforgeError
from ephforge.core.machine import machine
from ephforge.core.variables import Variable

TRAILER = 48  # bytes: 16 of a mark, 32 of a digest


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "folder/file.nc"
    variables = {
        "g": Variable(np.arange(6.0).reshape(2, 3) * (1 + 2j), ("a", "b"), "meV", "complex"),
        "mask": Variable(np.array([True, False]), ("a",), "1", "flags"),
        "names": Variable(np.array(["fcc", "bcc"]), ("a",), "1", "text"),
        "count": Variable(np.array([1, 2, 3]), ("b",), "1", "integers"),
    }
    group = {"x": Variable(np.random.default_rng(0).normal(size=2000), ("n",), "eV", "numbers")}
    attributes = {"seed": 7, "options": {"a": [1, 2]}, "ok": True, "share": 0.5, "note": "text"}
    netcdf.write(path, "test", variables, attributes, {"000001": (group, {"status": "accepted"})})
    return path


def refused(path, kind="test"):
    with pytest.raises(EphforgeError) as caught:
        netcdf.read(path, kind)
    line = str(caught.value)
    assert "\n" not in line
    assert str(path) in line
    return line


def test_what_was_written_is_read(path):
    found = netcdf.read(path, "test")
    np.testing.assert_array_equal(
        found.variables["g"], np.arange(6.0).reshape(2, 3) * (1 + 2j), strict=True
    )
    np.testing.assert_array_equal(found.variables["mask"], [1, 0])
    assert found.variables["names"].tolist() == ["fcc", "bcc"]
    assert found.variables["count"].tolist() == [1, 2, 3]
    assert found.attributes["options"] == {"a": [1, 2]}
    assert found.attributes["ok"] is True
    assert (found.attributes["seed"], found.attributes["share"]) == (7, 0.5)
    group = found.groups["000001"]
    assert group.attributes == {"status": "accepted"}
    expected = np.random.default_rng(0).normal(size=2000)
    np.testing.assert_array_equal(group.variables["x"], expected)


def test_units_versions_and_conventions_are_in_the_file(path):
    with netCDF4.Dataset(path) as file:
        assert file["g"].units == "meV"
        assert file["000001/x"].units == "eV"
        assert "jax" in file.versions
        assert json.loads(file.machine) == machine()
        assert "CONVENTIONS" in file.conventions


def test_no_temporary_file_is_left(path):
    assert [p.name for p in path.parent.iterdir()] == ["file.nc"]


def test_a_failed_write_leaves_the_old_file(path):
    before = path.read_bytes()
    bad = {"x": Variable(np.zeros((2, 2)), ("a",), "1", "one axis too few")}
    with pytest.raises(ValueError, match="axes"):
        netcdf.write(path, "test", bad)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["file.nc"]


def test_an_axis_has_one_length(tmp_path):
    two = {n: Variable(np.zeros(n), ("a",), "1", "x") for n in (2, 3)}
    with pytest.raises(ValueError, match="axis a"):
        netcdf.write(tmp_path / "x.nc", "test", {str(n): v for n, v in two.items()})


def test_absent(tmp_path):
    assert "no such file" in refused(tmp_path / "absent.nc")


@pytest.mark.parametrize("content", [b"", b"junk", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_junk(path, content):
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated(path, share):
    content = path.read_bytes()[:-TRAILER]
    path.write_bytes(content[: int(len(content) * share)])
    refused(path)


def test_another_kind(path):
    assert "expected a file of kind 'lattice', found 'test'" in refused(path, "lattice")


def test_a_foreign_netcdf_file(tmp_path):
    with netCDF4.Dataset(tmp_path / "foreign.nc", "w") as file:
        file.createDimension("x", 2)
    assert "found 'none'" in refused(tmp_path / "foreign.nc")


def test_an_unfinished_file(path):
    with netCDF4.Dataset(path, "a") as file:
        file.completed = 0
    assert "unfinished or damaged" in refused(path)


@pytest.mark.parametrize("name", ["count", "000001/x"])
def test_one_changed_number(path, name):
    with netCDF4.Dataset(path, "a") as file:
        file[name][0] += 1
    assert "unfinished or damaged" in refused(path)


@pytest.mark.parametrize(
    ("holder", "name", "value"),
    [
        ("", "seed", 8),
        ("", "note", "tex\u0167"),
        ("", "new", 1),
        ("", "conventions", "others"),
        ("000001", "status", "rejected"),
        ("000001/x", "units", "meV"),
        ("names", "long_name", "texts"),
        ("g", "is_complex", 0),
    ],
)
def test_one_changed_attribute(path, holder, name, value):
    with netCDF4.Dataset(path, "a") as file:
        (file[holder] if holder else file).setncattr(name, value)
    assert "unfinished or damaged" in refused(path)


def test_a_lost_attribute(path):
    with netCDF4.Dataset(path, "a") as file:
        file["000001"].delncattr("status")
    assert "unfinished or damaged" in refused(path)


def test_an_axis_of_another_name(path):
    with netCDF4.Dataset(path, "a") as file:
        file.renameDimension("b", "c")
    assert "unfinished or damaged" in refused(path)


def seal_as_before(path, version):
    """Checksum of formats 1 and 2: of names, shapes and numbers of arrays, in order of name."""
    with netCDF4.Dataset(path, "a") as file:
        file.set_auto_mask(False)
        digest = hashlib.sha256()
        for group in (file, file["000001"]):
            digest.update(b"" if group is file else b"000001")
            for name in sorted(group.variables):
                data = group[name][...]
                is_text = data.dtype.kind == "O"
                told = f"{name}{data.shape}".encode()
                told += json.dumps(data.tolist()).encode() if is_text else data.tobytes()
                digest.update(told if version == 1 else hashlib.sha256(told).digest())
        file.checksum, file.format_version = digest.hexdigest(), version


@pytest.mark.parametrize("version", [1, 2])
def test_files_of_earlier_formats_are_read_and_checked(path, version):
    expected = netcdf.read(path, "test")
    seal_as_before(path, version)
    found = netcdf.read(path, "test")
    assert found.attributes["format_version"] == version
    for name, data in expected.variables.items():
        np.testing.assert_array_equal(found.variables[name], data)
    with netCDF4.Dataset(path, "a") as file:
        file["000001/x"][7] += 1
    assert "unfinished or damaged" in refused(path)


def test_files_of_a_later_format_are_refused(path):
    seal_as_before(path, FORMAT_VERSION + 1)
    assert "written by a newer ephforge" in refused(path)


def test_a_lost_array(path):
    with netCDF4.Dataset(path, "a") as file:
        file.renameVariable("count", "counts")
    assert "unfinished or damaged" in refused(path)
