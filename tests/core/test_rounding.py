"""Numbers rounded to whole multiples of a step: bounded, smaller, and noticed when damaged."""

import netCDF4
import numpy as np
import pytest

from ephforge.core import netcdf
from ephforge.core.errors import EphforgeError
from ephforge.core.variables import Variable, rounded

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
    np.testing.assert_array_equal(found, rounded(data, STEP), strict=True)


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
    with pytest.raises(EphforgeError, match="unfinished or damaged"):
        netcdf.read(path, "test")


@pytest.mark.parametrize("step", [1e-9, 0.0, -0.5, np.nan, np.inf])
def test_only_powers_of_two_are_steps(step):
    with pytest.raises(ValueError, match="power of two"):
        rounded(np.ones(1), step)
