"""Files are whole or refused: every way to damage one that we could think of."""

import hashlib
import json

import netCDF4
import numpy as np
import pytest

from ephforge.core import netcdf
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Variable


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


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated(path, share):
    content = path.read_bytes()
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


def seal_as_before(path, version=1):
    """Checksum as format 1 had it: of the bytes of all arrays, in order of name."""
    with netCDF4.Dataset(path, "a") as file:
        file.set_auto_mask(False)
        digest = hashlib.sha256()
        for group in (file, file["000001"]):
            digest.update(b"" if group is file else b"000001")
            for name in sorted(group.variables):
                data = group[name][...]
                is_text = data.dtype.kind == "O"
                digest.update(f"{name}{data.shape}".encode())
                digest.update(json.dumps(data.tolist()).encode() if is_text else data.tobytes())
        file.checksum, file.format_version = digest.hexdigest(), version


def test_files_of_the_first_format_are_read_and_checked(path):
    expected = netcdf.read(path, "test")
    seal_as_before(path)
    found = netcdf.read(path, "test")
    assert found.attributes["format_version"] == 1
    for name, data in expected.variables.items():
        np.testing.assert_array_equal(found.variables[name], data)
    with netCDF4.Dataset(path, "a") as file:
        file["000001/x"][7] += 1
    assert "unfinished or damaged" in refused(path)


def test_files_of_a_later_format_are_refused(path):
    seal_as_before(path, netcdf.FORMAT_VERSION + 1)
    assert "written by a newer ephforge" in refused(path)


def test_a_lost_array(path):
    with netCDF4.Dataset(path, "a") as file:
        file.renameVariable("count", "counts")
    assert "unfinished or damaged" in refused(path)


def test_flipped_bytes_are_never_read_as_numbers(path):
    """Anywhere in the file: refused, or (in unused bytes of the container) harmless."""
    whole = netcdf.read(path, "test")
    content = bytearray(path.read_bytes())
    for place in np.random.default_rng(1).integers(0, len(content), size=40):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            found = netcdf.read(path, "test")
        except EphforgeError:
            continue
        for name, data in whole.variables.items():
            np.testing.assert_array_equal(found.variables[name], data)
        np.testing.assert_array_equal(
            found.groups["000001"].variables["x"], whole.groups["000001"].variables["x"]
        )


STEP = 2.0**-20


@pytest.fixture
def stepped(tmp_path):
    """A complex array over many magnitudes, more than half of it zeros, and its file."""
    rng = np.random.default_rng(2)
    size = (40, 6, 200)
    data = (rng.normal(size=size) + 1e-3j * rng.normal(size=size)) * 10 ** rng.uniform(-6, 0, size)
    data[rng.random(size) < 0.6] = 0
    path = tmp_path / "stepped.nc"
    netcdf.write(path, "test", {"g": Variable(data, ("a", "b", "c"), "eV", "steps", STEP)})
    return data, path


def test_rounding_is_bounded_and_keeps_zeros(stepped):
    data, path = stepped
    found = netcdf.read(path, "test").variables["g"]
    error = found - data
    for part in (error.real, error.imag):
        assert 0.4 * STEP < np.max(np.abs(part)) <= STEP / 2
    assert np.all(found[data == 0] == 0)
    for part in (found.real, found.imag):
        np.testing.assert_array_equal(part / STEP % 1, 0)
    np.testing.assert_array_equal(found, netcdf.rounded(data, STEP), strict=True)


def test_rounded_numbers_take_less_space(stepped):
    data, path = stepped
    single = path.with_name("single.nc")
    netcdf.write(
        single, "test", {"g": Variable(data.astype(np.complex64), ("a", "b", "c"), "eV", "x")}
    )
    assert path.stat().st_size < 0.7 * single.stat().st_size


def test_any_reader_of_netcdf_sees_the_numbers_and_their_error(stepped):
    data, path = stepped
    with netCDF4.Dataset(path) as file:  # scaling and masking as they are by default
        assert file["g"].largest_rounding == STEP / 2
        found = file["g"][...]
    np.testing.assert_allclose(found[..., 0], data.real, rtol=0, atol=STEP / 2)
    np.testing.assert_allclose(found[..., 1], data.imag, rtol=0, atol=STEP / 2)


def test_damage_to_rounded_numbers_is_noticed(stepped):
    path = stepped[1]
    with netCDF4.Dataset(path, "a") as file:
        file["g"][0, 0, 0, 1] += STEP
    assert "unfinished or damaged" in refused(path)


def test_flipped_bytes_of_rounded_numbers_are_never_read(stepped):
    path = stepped[1]
    whole = netcdf.read(path, "test").variables["g"]
    content = path.read_bytes()
    refusals = 0
    for place in np.random.default_rng(3).integers(0, len(content), size=30):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(netcdf.read(path, "test").variables["g"], whole)
        except EphforgeError:
            refusals += 1
    assert refusals > 20


@pytest.mark.parametrize("step", [1e-9, 0.0, -0.5, np.nan, np.inf])
def test_only_powers_of_two_are_steps(step):
    with pytest.raises(ValueError, match="power of two"):
        netcdf.rounded(np.ones(1), step)
