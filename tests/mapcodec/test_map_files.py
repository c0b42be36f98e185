"""Compressed blocks: what the file holds, errors and bounds that were asked for, damage."""

import dataclasses

import numpy as np
import pytest
from learned_files import untrained_codec
from material_blocks import make_block
from small_networks import SMALL

from ephforge.core.blocks import on_grid
from ephforge.core.errors import EphforgeError
from ephforge.core.symmetry import given_orbits
from ephforge.mapcodec import container, encode
from ephforge.mapcodec.refine import on_fine_mesh, refined

TRAINING = [make_block("diamond", i, **SMALL) for i in range(3)]
CODEC = untrained_codec(TRAINING)
BLOCK = make_block("diamond", 9, **SMALL)


def with_grid(block, noise):
    """As a first-principles run: symmetric up to noise (meV), |g| of orbits the quadratic mean."""
    random = np.random.default_rng(0)
    grid = on_grid(block) + noise * random.uniform(-1, 1, size=on_grid(block).shape)
    return dataclasses.replace(block, g_grid=np.float32(grid))


def read_back(result):
    packed = container.unpack(container.pack(result.packed), "x.eph")
    g_mnvo, grid = encode.decoded(packed, CODEC)
    return packed, g_mnvo[..., packed.block.orbits.orbit_kq] if grid is None else grid


def error(rebuilt, block):
    return np.linalg.norm(rebuilt - on_grid(block)) / np.linalg.norm(on_grid(block))


@pytest.mark.parametrize("budget", [0.0, 0.003, 0.02])
def test_a_code_keeps_its_budget_and_its_error_is_that_of_the_file(budget):
    result = encode.within_budget(BLOCK, CODEC, "0" * 16, budget)
    _, rebuilt = read_back(result)
    assert result.packed.payload_bits <= budget * 32 * on_grid(BLOCK).size
    assert result.budget == result.packed.payload_bits / (32 * on_grid(BLOCK).size)
    assert result.error == pytest.approx(error(rebuilt, BLOCK), rel=1e-6)
    assert result.largest == pytest.approx(np.abs(rebuilt - on_grid(BLOCK)).max(), rel=1e-5)


def test_a_file_is_a_whole_block():
    packed, _ = read_back(encode.within_budget(BLOCK, CODEC, "f" * 16, 0.01))
    found = packed.block
    assert (found.name, found.labels) == (BLOCK.name, BLOCK.labels)
    assert (found.k_mesh, found.q_mesh) == (BLOCK.k_mesh, BLOCK.q_mesh)
    assert packed.autoencoder == "f" * 16
    for name in ("orbit_kq", "size_o", "representative_o2", "partner_o"):
        np.testing.assert_array_equal(getattr(found.orbits, name), getattr(BLOCK.orbits, name))
    for name, value in vars(BLOCK.crystal).items():
        np.testing.assert_array_equal(getattr(found.crystal, name), value)
    first_k, first_q = BLOCK.orbits.representative_o2[[0, 1]].T
    np.testing.assert_allclose(found.energies[first_k], BLOCK.energies[first_k], rtol=1e-6)
    np.testing.assert_allclose(found.frequencies[first_q], BLOCK.frequencies[first_q], rtol=1e-6)


def test_the_smallest_code_that_reaches_an_error_is_found():
    """By trying every size in bytes."""
    asked = 0.06
    result = encode.to_error(BLOCK, CODEC, "0" * 16, asked)
    assert result.error <= asked
    size = len(result.packed.code)
    shorter = CODEC.encode_all(BLOCK, [8 * n for n in range(size)])
    assert all(error(c.g[..., BLOCK.orbits.orbit_kq], BLOCK) > asked for c in shorter)


def test_an_error_below_the_asymmetry_is_refused_with_what_can_be_had():
    block = with_grid(BLOCK, 3.0)
    with pytest.raises(EphforgeError, match=r"relative error 0.001 asked for, but the best code"):
        encode.to_error(block, CODEC, "0" * 16, 0.001)


@pytest.mark.parametrize(
    ("noise", "bound", "place"), [(0, 2.0, "orbits"), (0.5, 2.0, "orbits"), (3, 2.0, "grid")]
)
def test_a_bound_holds_on_every_element_as_computed(noise, bound, place):
    block = with_grid(BLOCK, noise)
    result = encode.within_bound(block, CODEC, "0" * 16, bound)
    packed, rebuilt = read_back(result)
    assert packed.residual_on == place
    assert np.abs(rebuilt - on_grid(block)).max() <= bound
    assert np.abs(rebuilt - on_grid(block)).max() > bound / 4  # not far more than was asked for
    assert result.packed.payload_bits < 32 * on_grid(block).size / 4


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda data: b"CDF" + data, "does not begin as compressed maps do"),
        (lambda data: data[:4] + b"\x09" + data[5:], "version 9, expected 4"),
        (lambda data: data[:-1], "damaged"),
        (lambda data: data[:10], "damaged"),
        (lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:], "damaged"),
    ],
)
def test_damaged_files_are_told(damage, told):
    data = container.pack(encode.within_budget(BLOCK, CODEC, "0" * 16, 0.005).packed)
    with pytest.raises(EphforgeError, match=told):
        container.unpack(damage(data), "x.eph")


def test_refinement_keeps_what_is_given_and_is_that_of_the_codec():
    """The coarse block is cut out of a fine one; hidden orbits of that are never seen."""
    coarse = (1, 1, 1)
    gamma = make_block("diamond", 9, k_mesh=(2, 2, 2), q_mesh=coarse)
    given_o = given_orbits(BLOCK.orbits, BLOCK.q_mesh, coarse)
    # |g| of the pairs with q = 0 of the fine block
    g = np.zeros_like(gamma.g)
    g[..., gamma.orbits.orbit_kq[:, 0]] = BLOCK.g[..., BLOCK.orbits.orbit_kq[:, 0]]
    gamma = dataclasses.replace(gamma, g=g, energies=BLOCK.energies)
    frame, known_o = on_fine_mesh(gamma, (2, 2, 2))
    np.testing.assert_array_equal(known_o, given_o)
    np.testing.assert_allclose(frame.g[..., given_o], BLOCK.g[..., given_o], rtol=1e-6)
    assert not frame.g[..., ~given_o].any()
    found = refined(gamma, CODEC, (2, 2, 2))
    np.testing.assert_allclose(found.g, CODEC.refine(BLOCK, given_o), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found.frequencies, np.tile(gamma.frequencies, (8, 1)))


@pytest.mark.parametrize(
    ("fine", "told"),
    [
        ((2, 2, 2), "does not divide .* or equals it"),
        ((3, 3, 3), "does not divide"),
        ((4, 4, 4), "does not divide the k mesh"),
    ],
)
def test_meshes_that_do_not_fit_are_told(fine, told):
    with pytest.raises(EphforgeError, match=told):
        on_fine_mesh(BLOCK, fine)
