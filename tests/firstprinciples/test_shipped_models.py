"""The shipped models against the numbers that EPW printed for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.firstprinciples.prototypes import prototype
from ephforge.firstprinciples.reference import deviations, read_reference

SHIPPED = Path(__file__).parents[2] / "resources" / "first_principles"
STRUCTURES = {
    "si_2ws": "diamond",
    "si_4ws": "diamond",
    "si_4b8": "diamond",
    "c_4": "diamond",
    "alas_4": "zincblende",
    "sic_4": "zincblende",
    "al_4": "fcc",
}
POLAR = {"alas_4", "sic_4"}
MEGABYTE = 1e6


@pytest.mark.parametrize("name", STRUCTURES)
def test_shipped_model_reproduces_epw(name):
    contents = read(SHIPPED / f"{name}.nc", "model")
    model, reference = read_model(contents), read_reference(contents.variables)
    assert model.name == name
    assert (model.long_range is not None) == (name in POLAR)
    assert prototype(model.crystal) == STRUCTURES[name]
    assert model.crystal.masses == pytest.approx(
        [{6: 12.011, 13: 26.9815, 14: 28.0855, 33: 74.9216}[z] for z in model.crystal.numbers],
        rel=1e-6,
    )
    assert np.count_nonzero(reference.g > 1) > 100
    found = deviations(reference, model)
    assert found.bands < 0.51e-4  # printed with four decimals
    assert found.frequencies < 1e-9
    assert found.relative_g < 1e-5  # g is in single precision


@pytest.mark.parametrize("name", sorted(POLAR))
def test_without_the_long_range_a_polar_model_is_wrong(name):
    contents = read(SHIPPED / f"{name}.nc", "model")
    model = replace(read_model(contents), long_range=None)
    found = deviations(read_reference(contents.variables), model)
    assert found.relative_g > 1e-2
    assert found.frequencies > 1


def test_sizes_and_provenance():
    paths = sorted(SHIPPED.glob("*.nc"))
    sizes = [path.stat().st_size for path in paths]
    assert [path.stem for path in paths] == sorted(STRUCTURES)
    assert max(sizes) < 20 * MEGABYTE
    assert sum(sizes) < 60 * MEGABYTE
    attributes = read(SHIPPED / "alas_4.nc", "model").attributes
    assert attributes["run_input"]["nq"] == [4, 4, 4]
    assert "EPW 5.3.1" in attributes["source"]["codes"]


def test_truncated_model_is_one_clear_line(tmp_path):
    path = tmp_path / "si_2ws.nc"
    path.write_bytes((SHIPPED / "si_2ws.nc").read_bytes()[:300_000])
    with pytest.raises(EphforgeError, match=r"si_2ws\.nc: .*(readable|damaged)") as caught:
        read(path, "model")
    assert "\n" not in str(caught.value)
