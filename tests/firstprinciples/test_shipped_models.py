"""The shipped models: numbers that EPW printed for them, their provenance, and the table."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from ephforge.config import validate
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.firstprinciples.prototypes import prototype
from ephforge.firstprinciples.reference import deviations, read_reference

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "resources/first_principles"
NAMES = sorted(path.stem for path in SHIPPED.glob("*.nc"))
TABLE = validate(yaml.safe_load((ROOT / "config/materials.yaml").read_text())).model_dump(
    mode="json"
)["espresso"]["materials"]
POLAR = [name for name in NAMES if TABLE[name]["polar"]]
# in the table as cell and atoms, and still of a structure type that has a name
FREE = {"mg2si_4": "fluorite"}
MEGABYTE = 1e6


@pytest.fixture(scope="module", params=NAMES)
def contents(request):
    return read(SHIPPED / f"{request.param}.nc", "model")


def test_a_shipped_model_gives_what_epw_printed(contents):
    model, reference = read_model(contents), read_reference(contents.variables)
    assert np.count_nonzero(reference.g > 1) > 100
    found = deviations(reference, model)
    assert found.bands < 0.51e-4  # printed with four decimals
    assert found.frequencies < 1e-7
    assert found.relative_g < 1e-5  # g is rounded


def test_a_shipped_model_is_its_entry_of_the_table(contents):
    """An entry that was changed since asks for a new model."""
    model, attributes = read_model(contents), contents.attributes
    name = attributes["name"]
    assert attributes["run_input"] == {"name": name, **TABLE[name]}
    assert (model.long_range is not None) == TABLE[name]["polar"]
    crystal = TABLE[name]["crystal"]
    assert prototype(model.crystal) == FREE.get(name, crystal)
    assert model.hopping.energy.shape[1] == TABLE[name]["wannier"]["functions"]


def test_a_shipped_model_carries_its_checks(contents):
    entry, checks = TABLE[contents.attributes["name"]], contents.attributes["checks"]
    assert checks["epw_g_relative"] <= 1e-6  # from EPW's own files, double precision
    assert checks["epw_bands_ev"] <= 6e-5
    assert checks["bands_on_mesh_mev"] <= 2.0
    assert checks["bands_on_path_mev"] <= entry["wannier"]["band_tolerance"]
    assert checks["lowest_mode_mev"] >= -entry["soft_modes"]
    assert max(checks["wannier_spreads_angstrom2"]) <= entry["wannier"]["largest_spread"]
    source = contents.attributes["source"]
    assert any(code.startswith("EPW v.") for code in source["codes"])
    assert set(source["pseudopotentials"]) == set(entry["pseudopotentials"])


@pytest.mark.parametrize("name", POLAR)
def test_without_the_long_range_a_polar_model_is_wrong(name):
    contents = read(SHIPPED / f"{name}.nc", "model")
    model = replace(read_model(contents), long_range=None)
    found = deviations(read_reference(contents.variables), model)
    assert found.relative_g > 1e-2
    assert found.frequencies > 0.5


def test_there_are_at_least_twelve_materials_within_the_size_allowed():
    sizes = [path.stat().st_size for path in SHIPPED.glob("*.nc")]
    assert max(sizes) < 20 * MEGABYTE
    assert sum(sizes) < 60 * MEGABYTE
    formulas = {name.split("_")[0] for name in NAMES}
    assert len(formulas) >= 12
    twice = {f for f in formulas if sum(name.split("_")[0] == f for name in NAMES) > 1}
    assert len(twice) >= 4  # at two q meshes, for super-resolution


def test_truncated_model_is_one_clear_line(tmp_path):
    path = tmp_path / "si_2.nc"
    path.write_bytes((SHIPPED / "si_2.nc").read_bytes()[:200_000])
    with pytest.raises(EphforgeError, match=r"si_2\.nc: .*(readable|damaged)") as caught:
        read(path, "model")
    assert "\n" not in str(caught.value)
