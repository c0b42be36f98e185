"""Codec of whole models: numbers survive, bounds hold, damage is noticed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.coupling.points import at_points
from ephforge.modelcodec import laws
from ephforge.modelcodec.encode import Bounds, compress, decode
from ephforge.modelcodec.header import unpack
from ephforge.modelcodec.prior import Prior, grains, safe_offset
from ephforge.modelcodec.quantise import cost, within
from ephforge.threecentre.build import build

SHIPPED = Path(__file__).parents[2] / "resources/first_principles"


@pytest.fixture(scope="module")
def compressed():
    contents = read(SHIPPED / "alas_2.nc", "model")
    model = read_model(contents)
    meshes = [tuple(int(n) for n in contents.variables[f"g_{m}_mesh"]) for m in "kq"]
    return model, meshes, compress(model, *meshes, Bounds(0.05, 0.01, 2e-4, 0.05))


def test_numbers_survive_and_cost_what_the_tables_say():
    drawn = np.random.default_rng(0)
    class_n = drawn.integers(-200, 120, 4000)
    value_n = np.rint(drawn.standard_t(3, 4000) * 2.0 ** (class_n / 8)).astype(int)
    assert np.abs(value_n).max() > 1000  # escapes are there
    bits = [1, 0, 0, 1]
    data = laws.encode(bits, laws.Symbols(value_n, class_n))
    decoder = laws.Decoder(data)
    assert decoder.bits(4) == bits
    np.testing.assert_array_equal(decoder.numbers(class_n), value_n)
    small = np.abs(value_n) < laws.ESCAPE
    told = laws.encode([], laws.Symbols(value_n[small], class_n[small]))
    expected = cost(value_n[small], class_n[small])
    assert expected - 8 < 8 * len(told) < 1.005 * expected + 40


def test_tables_hold_whole_shares_of_one_total():
    table = laws.frequencies()
    assert table.dtype.kind == "i"
    assert table.min() >= 1
    assert len(set(table.sum(axis=1).tolist())) == 1


def test_classes_do_not_feel_rounding():
    drawn = np.random.default_rng(2).uniform(0, 5, (500, 4))
    offset, prior = safe_offset(drawn), Prior(np.array([16, -32, 3, 5]))
    moved = drawn * (1 + 1e-13)
    first, second = (prior.classes(grains(x, offset), 7) for x in (drawn, moved))
    np.testing.assert_array_equal(first, second)
    edge = np.full((1, 1), 0.5 / 1024)
    assert safe_offset(edge) > 0


def test_a_bound_on_the_norm_holds_and_is_used():
    drawn = np.random.default_rng(3)
    distance = drawn.uniform(0, 4, 2000)
    target = drawn.standard_t(5, 2000) * 2.0 ** (-2 * distance)
    features = grains(np.stack([np.ones(2000), distance], axis=1), 0)
    largest = 0.05 * np.linalg.norm(target)
    found, prior = within(target, features, Prior(np.array([0, -16])), largest)
    error = np.linalg.norm(found.numbers() - target)
    assert 0.9 * largest < error <= largest
    assert -40 < prior.weight_f[1] < -24  # two octaves a unit, in sixteenths
    flat, _ = within(target, features[:, :1], Prior(np.array([0])), largest)
    cheap = cost(found.value_n, prior.classes(features, found.step))
    _, count = np.unique(flat.value_n, return_counts=True)
    assert cheap < 0.8 * -np.sum(count * np.log2(count / 2000))


def test_bounds_hold_on_what_decodes(compressed):
    model, _, found = compressed
    again = decode(found.data)
    np.testing.assert_array_equal(again.coupling.g, found.model.coupling.g)
    np.testing.assert_array_equal(again.force_constants.phi, found.model.force_constants.phi)
    assert found.errors["coupling"] <= 0.05
    assert found.errors["magnitude"] <= 0.05
    assert found.errors["bands"] <= 0.01
    assert found.errors["phonons"] <= 2e-4
    assert found.bits["file"] == 8 * len(found.data) < 5000
    np.testing.assert_array_equal(again.crystal.cell, model.crystal.cell)
    np.testing.assert_array_equal(again.long_range.born, model.long_range.born)


def test_couplings_at_points_of_ones_own(compressed):
    model, _, found = compressed
    drawn = np.random.default_rng(4)
    k, q = drawn.uniform(size=(5, 3)), drawn.uniform(size=(3, 3))
    before, after = (at_points(m, k, q, 1e-4) for m in (model, found.model))
    total = [np.sqrt(np.sum(np.abs(x.g) ** 2)) for x in (before, after)]
    assert abs(total[1] / total[0] - 1) < 0.05
    assert np.abs(after.energy_k - before.energy_k).max() < 0.02


def test_rigid_motion_costs_nothing(compressed):
    phi = compressed[2].model.force_constants.phi
    assert np.abs(phi.sum(axis=(0, 3))).max() < 1e-12


def test_damage_is_noticed(compressed):
    data = compressed[2].data
    for place in (2, 40, len(data) // 2, len(data) - 12, len(data) - 1):
        broken = bytearray(data)
        broken[place] ^= 16
        with pytest.raises(EphforgeError):
            decode(bytes(broken))
    with pytest.raises(EphforgeError, match="bytes"):
        decode(data[:-3])


def test_an_error_below_what_symmetry_leaves_is_refused(compressed):
    model, meshes, _ = compressed
    with pytest.raises(EphforgeError, match="symmetry"):
        compress(model, *meshes, Bounds(2e-5, 0.01, 2e-4, None))


def test_the_header_gives_back_the_group(compressed):
    from ephforge.modelcodec.container import read as opened

    header = unpack(opened(compressed[2].data).header)
    assert len(header.rotation_g33) < 5
    assert len(header.representation().change_g) == 24


def test_a_synthetic_material_is_told_by_its_seed():
    contents = read(SHIPPED / "si_2.nc", "model")
    silicon = read_model(contents)
    hopping, coupling, _ = build(np.random.default_rng(1), silicon.crystal, (2, 2, 2))
    model = replace(silicon, hopping=hopping, coupling=coupling)
    found = compress(model, (2, 2, 2), (2, 2, 2), Bounds(0.01, 0.02, 2e-4, None))
    # two templates, the second of them the material: 7 bytes, and a stream that says nothing
    assert found.bits["g"] < 150
    assert found.errors["coupling"] <= 0.01
