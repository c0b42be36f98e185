"""Models and blocks survive the way to a file and back."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from ephforge.core import netcdf, realspace
from ephforge.core.blocks import Block, block_variables, on_grid, read_block
from ephforge.core.symmetry import pair_orbits, reciprocal_operations
from ephforge.core.variables import rounded

RNG = np.random.default_rng(3)
CRYSTAL = realspace.Crystal(
    np.eye(3) * 4.0, np.array([[0.0, 0, 0], [2.0, 2, 2]]), np.array([55, 17]), np.array([133.0, 35])
)
FORCE_CONSTANTS = realspace.ForceConstants(
    np.array([[0, 0, 0], [1, 0, 0]]), RNG.normal(size=(2, 2, 3, 2, 3))
)
HOPPING = realspace.Hopping(
    np.array([[0, 0, 0], [0, 1, 0], [0, -1, 0]]),
    RNG.normal(size=(3, 2, 2)) + 1j * RNG.normal(size=(3, 2, 2)),
    np.array([0, 1]),
    CRYSTAL.positions,
)
TWO_CENTRE = realspace.TwoCentreCoupling(RNG.normal(size=(3, 3, 2, 2)))
WANNIER = realspace.WannierCoupling(
    np.array([[0, 0, 0]]), HOPPING.cells, RNG.normal(size=(1, 2, 3, 3, 2, 2)) * (1 + 1j)
)
NON_ORTHOGONAL = realspace.Hopping(
    HOPPING.cells, HOPPING.energy, HOPPING.site, HOPPING.centres, RNG.normal(size=(3, 2, 2))
)
DRESSED = realspace.TwoCentreCoupling(
    RNG.normal(size=(3, 3, 2, 2)), RNG.normal(size=(3, 2, 3, 2, 2)), RNG.normal(size=(3, 3, 2, 2))
)
LONG_RANGE = realspace.LongRange(
    RNG.normal(size=(2, 3, 3)), np.eye(3) * 8.0, (4, 4, 4), 5.6, "epw-5.3"
)


def assert_same(found, expected):
    """Field by field, arrays included."""
    assert type(found) is type(expected)
    for field in fields(expected):
        left, right = getattr(found, field.name), getattr(expected, field.name)
        if is_dataclass(right):
            assert_same(left, right)
        elif isinstance(right, tuple) and hasattr(right, "_fields"):
            for a, b in zip(left, right, strict=True):
                np.testing.assert_array_equal(a, b)
        elif isinstance(right, np.ndarray):
            np.testing.assert_array_equal(left, right)
        else:
            assert left == right


@pytest.mark.parametrize("coupling", [TWO_CENTRE, WANNIER])
@pytest.mark.parametrize("long_range", [None, LONG_RANGE])
def test_a_model_returns_from_a_file(tmp_path, coupling, long_range):
    model = realspace.Model("m", CRYSTAL, HOPPING, FORCE_CONSTANTS, coupling, long_range)
    netcdf.write(tmp_path / "m.nc", "model", *realspace.model_variables(model))
    assert_same(realspace.read_model(netcdf.read(tmp_path / "m.nc", "model")), model)


def test_overlap_and_crystal_field_return_from_a_file(tmp_path):
    model = realspace.Model("m", CRYSTAL, NON_ORTHOGONAL, FORCE_CONSTANTS, DRESSED)
    netcdf.write(tmp_path / "m.nc", "model", *realspace.model_variables(model))
    assert_same(realspace.read_model(netcdf.read(tmp_path / "m.nc", "model")), model)


def test_a_coupling_in_steps_returns_rounded(tmp_path):
    model = realspace.Model("m", CRYSTAL, HOPPING, FORCE_CONSTANTS, WANNIER)
    step = 2.0**-10
    netcdf.write(tmp_path / "m.nc", "model", *realspace.model_variables(model, step))
    found = realspace.read_model(netcdf.read(tmp_path / "m.nc", "model"))
    np.testing.assert_array_equal(found.coupling.g, rounded(WANNIER.g, step), strict=True)
    np.testing.assert_array_equal(found.hopping.energy, HOPPING.energy)


def test_a_folded_coupling_returns_unfolded(tmp_path):
    """Cells +-b are images on a k mesh of 2 along b: the same numbers, halved."""
    g = WANNIER.g.copy()
    g[:, :, :, 2] = g[:, :, :, 1]
    coupling = realspace.WannierCoupling(WANNIER.phonon_cells, WANNIER.electron_cells, g)
    model = realspace.Model("m", CRYSTAL, HOPPING, FORCE_CONSTANTS, coupling)
    variables, attributes = realspace.model_variables(model, meshes=((1, 2, 1), (1, 1, 1)))
    assert "g" not in variables
    assert variables["g_folded"].data.shape == (1, 2, 3, 2, 2, 2)
    netcdf.write(tmp_path / "m.nc", "model", variables, attributes)
    assert_same(realspace.read_model(netcdf.read(tmp_path / "m.nc", "model")), model)


@pytest.mark.parametrize("keeps_grid", [False, True])
def test_a_block_returns_from_a_file(tmp_path, keeps_grid):
    k_mesh, q_mesh = (2, 2, 2), (2, 2, 1)
    operations = reciprocal_operations(CRYSTAL.cell, CRYSTAL.positions, CRYSTAL.numbers)
    orbits = pair_orbits(operations, k_mesh, q_mesh)
    g = RNG.random(size=(2, 2, 6, len(orbits.size_o)))
    block = Block(
        "000012",
        {"prototype": "cscl", "family": "cscl/emt/s"},
        g,
        RNG.random(size=(2, 2, 6, 8, 4)) if keeps_grid else None,
        RNG.random(size=(8, 2)),
        RNG.random(size=(4, 6)),
        orbits,
        k_mesh,
        q_mesh,
        CRYSTAL,
    )
    netcdf.write(tmp_path / "b.nc", "block", *block_variables(block))
    found = read_block(netcdf.read(tmp_path / "b.nc", "block"))
    assert_same(found, block)
    if not keeps_grid:
        k, q = 5, 3
        np.testing.assert_array_equal(
            on_grid(found)[..., k, q], g[..., orbits.orbit_kq[k, q]], strict=True
        )
