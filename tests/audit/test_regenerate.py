"""A material comes out again, whatever shard and company it is made in; differences are told."""

import shutil

import netCDF4
import numpy as np
import pytest
from test_validate import seal
from typer.testing import CliRunner

from ephforge.audit.regenerate import regenerate
from ephforge.cli.main import app
from ephforge.config import Config
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.coupling import stage as coupling
from ephforge.lattice import stage as lattice
from ephforge.layers import code_version

SEED = 7
_DEFAULT = Config().model_dump(mode="json")
LATTICE = _DEFAULT["lattice"] | {
    "prototypes": ["fcc", "zincblende", "cscl"],
    "potentials": ["lennard_jones", "morse"],
    "max_rejected": 1.0,
}
COUPLING = _DEFAULT["coupling"] | {
    "bases": ["s", "sp3"],
    "k_mesh": [2, 2, 2],
    "q_mesh": [2, 2, 2],
    "three_centre": 0.6,
    "three_centre_mesh": [4, 4, 4],
}


def provenance(stage, options):
    return {"stage": stage, "options": options, "code": code_version(stage)}


def make(folder, first, last):
    """A coupling shard of the real stages; its lattice shard lies beside it."""
    name = f"{first:06d}-{last:06d}.nc"
    source, shard = folder / "lattice" / name, folder / "coupling" / name
    lattice.run(str(source), first, last, SEED, LATTICE, provenance("lattice", LATTICE))
    coupling.run(str(source), str(shard), SEED, COUPLING, provenance("coupling", COUPLING))
    return shard


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    return make(tmp_path_factory.mktemp("shards"), 0, 10)


def same(one, other):
    assert one.attributes == other.attributes
    assert one.variables.keys() == other.variables.keys()
    for name, array in one.variables.items():
        assert array.dtype == other.variables[name].dtype
        assert array.tobytes() == other.variables[name].tobytes(), name


def test_a_material_depends_on_no_shard_and_no_company(shard, tmp_path):
    """The same numbers in a shard of ten, of three, and of one; accepted and rejected alike."""
    ten = read(shard, "coupling").groups
    kinds = {group.attributes["three_centre"] for group in ten.values() if group.variables}
    assert kinds == {True, False}
    small = read(make(tmp_path, 5, 8), "coupling").groups
    assert sorted(small) == ["000005", "000006", "000007"]
    for name, group in small.items():
        same(group, ten[name])
    same(read(make(tmp_path, 9, 10), "coupling").groups["000009"], ten["000009"])


@pytest.mark.parametrize("kind", ["lattice", "coupling"])
def test_materials_are_made_again_bit_by_bit(shard, kind):
    path = shard.parents[1] / kind / shard.name
    for name, group in list(read(path, kind).groups.items())[:6]:
        found = regenerate(path, name)
        assert found.differences == []
        assert found.arrays == len(group.variables)
        assert found.attributes == len(group.attributes)


def accepted(shard):
    groups = read(shard, "coupling").groups
    return next(name for name, g in groups.items() if g.attributes["status"] == "accepted")


def command(monkeypatch, *arguments):
    for name in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # the command sets them; given back after the test
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    return CliRunner().invoke(app, ["regenerate", *map(str, arguments)])


def test_the_command_tells_that_bits_are_the_same(shard, monkeypatch):
    result = command(monkeypatch, shard, accepted(shard))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "are the same, bit by bit" in result.stdout


def damaged(shard, folder, change):
    path = folder / shard.name
    shutil.copy(shard, path)
    with netCDF4.Dataset(path, "a") as file:
        file.set_auto_mask(False)
        change(file[accepted(shard)])
    seal(path)
    return path


def one_bit(group):
    value = group["g"][0, 0, 0, 0]
    group["g"][0, 0, 0, 0] = np.nextafter(value, np.float32(np.inf))


def test_one_bit_that_differs_is_told_with_its_size(shard, tmp_path, monkeypatch):
    path = damaged(shard, tmp_path, one_bit)
    result = command(monkeypatch, path, accepted(shard))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"{path}: {accepted(shard)}: g: 1 of " in result.stderr
    assert "values differ, by " in result.stderr


def test_an_attribute_and_an_array_that_differ(shard, tmp_path):
    def change(group):
        group.setncattr("prototype", "bcc")
        group["masses"][0] = group["masses"][0] + 1.0
        group["cell"][0, 0] = -0.0 if group["cell"][0, 0] == 0 else group["cell"][0, 0]

    path = damaged(shard, tmp_path, change)
    found = regenerate(path, accepted(shard)).differences
    assert any(line.startswith("masses: 1 of ") and "by 1 at most" in line for line in found)
    assert any(line.startswith("attribute prototype: stored 'bcc'") for line in found)


def other_code(shard, folder):
    """The shard, as if made by another version."""
    path = folder / shard.name
    shutil.copy(shard, path)
    with netCDF4.Dataset(path, "a") as file:
        file.lattice_code = "0" * 16
    seal(path)
    return path


def test_other_code_is_refused_in_one_line_unless_wanted(shard, tmp_path, monkeypatch):
    path, name = other_code(shard, tmp_path), accepted(shard)
    result = command(monkeypatch, path, name)
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert f"stage lattice ran code {'0' * 16}, here is {code_version('lattice')}" in result.stderr
    assert command(monkeypatch, path, name, "--any-code").exit_code == 0


def test_what_cannot_be_made_again(shard, tmp_path):
    with pytest.raises(EphforgeError, match="no material '000010', expected one of 000000"):
        regenerate(shard, "000010")
    write(tmp_path / "model.nc", "model", {})
    with pytest.raises(EphforgeError, match="expected a lattice or coupling shard"):
        regenerate(tmp_path / "model.nc", "000000")
