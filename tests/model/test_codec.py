"""The trained autoencoder as the task stages use it: bits, secrets kept, fixed features."""

import dataclasses
from contextlib import suppress

import numpy as np
import pytest
from degenerate_blocks import degenerate_block
from hypothesis import example, given, settings
from hypothesis import strategies as st
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.core.blocks import on_grid
from ephforge.core.errors import EphforgeError
from ephforge.model.codec import scale_of
from ephforge.model.transform import statistics_of

TRAINING = [
    make_block("fcc", 0, **SMALL),
    make_block("zincblende", 1, bands=3, **SMALL),
    make_block("cscl", 2, bands=2, **SMALL),
]
FRESH = small_codec(statistics_of(TRAINING))
TRAINED = small_codec(statistics_of(TRAINING), trained=True)
BLOCK = degenerate_block("zincblende", 9, bands=2, noise=0.5, **SMALL)
SIZES = [0, 8, 60, 150, 400, 1000, 3000, 10**6]


@pytest.fixture(scope="module", params=[FRESH, TRAINED], ids=["fresh", "trained"])
def coded(request):
    """A codec and its codes of one block within each size."""
    return request.param, request.param.encode_all(BLOCK, SIZES)


def error(found_mnvo, block):
    grid, found = on_grid(block), found_mnvo[..., block.orbits.orbit_kq]
    return np.linalg.norm(found - grid) / np.linalg.norm(grid)


def secretive(block):
    """Only what a decoder may look at: geometry and shape."""
    random = np.random.default_rng(0)
    hidden = {
        name: random.random(getattr(block, name).shape) for name in ("g", "energies", "frequencies")
    }
    return dataclasses.replace(block, g_grid=None, name="another", **hidden)


def test_never_more_bits_than_allowed(coded):
    _, codes = coded
    used = [8 * len(code.data) for code in codes]
    assert all(size <= most for size, most in zip(used, SIZES, strict=True))
    assert used[0] == 0
    assert all(size > 0.9 * most - 16 for size, most in zip(used[3:6], SIZES[3:6], strict=True))


SMALLEST = make_block("fcc", 3, bands=1, **SMALL)


@given(bits=st.integers(0, 2500))
@example(bits=0)
@example(bits=17)
@settings(max_examples=30, deadline=None)
def test_never_more_bits_than_allowed_whatever_they_are(bits):
    code = FRESH.encode(SMALLEST, bits)
    assert 8 * len(code.data) <= bits
    np.testing.assert_array_equal(FRESH.decode(code.data, SMALLEST), code.g)


def test_decoding_gives_what_encoding_reported_and_looks_at_geometry_only(coded):
    codec, codes = coded
    for code in codes:
        found = codec.decode(code.data, secretive(BLOCK))
        np.testing.assert_array_equal(found, code.g)


def test_the_error_falls_to_zero_with_the_bits(coded):
    codec, codes = coded
    errors = [error(code.g, BLOCK) for code in codes]
    assert errors[0] == 1  # no code at all
    if codec is FRESH:
        assert np.all(np.diff(errors) <= 1e-9)
        assert np.all(np.diff(errors[3:]) <= 0)
    assert errors[-1] < 1e-3


def test_codes_are_positive_hermitian_and_equal_where_states_are_degenerate(coded):
    from degenerate_blocks import brute_force_labels

    _, codes = coded
    for code in codes[3:6]:
        assert code.g.shape == BLOCK.g.shape
        assert code.g.min() >= 0
        partner = code.g.swapaxes(0, 1)[..., BLOCK.orbits.partner_o]
        np.testing.assert_allclose(code.g, partner, rtol=1e-12)
        label_xo, g_xo = brute_force_labels(BLOCK), code.g.reshape(-1, BLOCK.g.shape[-1])
        mean_e = np.bincount(label_xo.ravel(), g_xo.ravel()) / np.bincount(label_xo.ravel())
        np.testing.assert_allclose(g_xo, mean_e[label_xo], rtol=1e-10, atol=1e-12)


def test_a_larger_block_has_the_same_code_but_for_the_scale():
    for codec in (FRESH, TRAINED):
        code = codec.encode(BLOCK, 400)
        larger = codec.encode(dataclasses.replace(BLOCK, g=4 * BLOCK.g), 400)
        np.testing.assert_allclose(larger.g, 4 * code.g, rtol=1e-12)
        bits = list(range(200, 1000, 100))  # single codes jump with the rounding of the scale
        odd = codec.encode_all(dataclasses.replace(BLOCK, g=9.7 * BLOCK.g), bits)
        even = codec.encode_all(BLOCK, bits)
        ratios = [
            error(a.g / 9.7, BLOCK) / error(b.g, BLOCK) for a, b in zip(odd, even, strict=True)
        ]
        assert np.exp(np.mean(np.log(ratios))) == pytest.approx(1, abs=0.1)


def test_degeneracies_are_used_and_done_without_where_they_do_not_hold():
    """Noise on equal numbers: the pattern is wrong for them and is left out at a fine step."""
    noise = 1 + 0.2 * np.random.default_rng(0).normal(size=BLOCK.g.shape)
    noise = (noise + noise.swapaxes(0, 1)[..., BLOCK.orbits.partner_o]) / 2
    rough = dataclasses.replace(BLOCK, g=BLOCK.g * noise)
    assert error(FRESH.encode(rough, 10**6).g, rough) < 1e-3
    free = dataclasses.replace(
        BLOCK,
        energies=np.arange(BLOCK.energies.size).reshape(BLOCK.energies.shape) * 1.0,
        frequencies=np.arange(BLOCK.frequencies.size).reshape(BLOCK.frequencies.shape) * 1.0,
    )
    smart, plain = (FRESH.encode(block, 1000) for block in (BLOCK, free))
    assert error(smart.g, BLOCK) < 0.9 * error(plain.g, BLOCK)


def test_damaged_codes_are_one_line_or_another_block():
    code, random = TRAINED.encode(BLOCK, 600), np.random.default_rng(0)
    damaged = [code.data[:n] for n in (1, 2, len(code.data) // 2, len(code.data) - 1)]
    damaged += [random.bytes(n) for n in (1, 20, 75)]
    flipped = bytearray(code.data)
    flipped[len(flipped) // 2] ^= 16
    for data in (*damaged, bytes(flipped)):
        with suppress(EphforgeError):
            found = TRAINED.decode(data, BLOCK)
            assert found.shape == BLOCK.g.shape
            assert not np.array_equal(found, code.g)


def test_a_block_without_coupling_stays_zero():
    nothing = dataclasses.replace(BLOCK, g=np.zeros_like(BLOCK.g))
    code = TRAINED.encode(nothing, 1000)
    assert code.data == b""
    assert not code.g.any()
    assert not TRAINED.decode(b"", BLOCK).any()
    assert np.isfinite(TRAINED.features(nothing)).all()


def test_blocks_of_any_width_are_served():
    """More bands and modes than any material of the training split."""
    wide = make_block("cscl", 3, bands=4, **SMALL)
    narrow = small_codec(statistics_of(TRAINING[:1]), trained=True)
    for codec in (TRAINED, narrow):
        code = codec.encode(wide, 3000)
        np.testing.assert_array_equal(codec.decode(code.data, wide), code.g)
        assert error(code.g, wide) < 0.5
        assert codec.features(wide).shape == codec.features(BLOCK).shape


def test_refinement_gives_back_the_given_and_sees_nothing_else():
    given_o = np.random.default_rng(1).random(len(BLOCK.orbits.size_o)) < 0.4
    found = TRAINED.refine(BLOCK, given_o)
    np.testing.assert_array_equal(found[..., given_o], BLOCK.g[..., given_o])
    for hidden in (17.0, np.nan):
        other = dataclasses.replace(BLOCK, g=np.where(given_o, BLOCK.g, hidden))
        np.testing.assert_array_equal(TRAINED.refine(other, given_o), found)
    assert np.isfinite(found).all()


def test_refinement_knows_the_scale_from_what_it_is_given():
    """A constant map is guessed as constant, whatever its size."""
    given_o = np.arange(len(BLOCK.orbits.size_o)) % 2 == 0
    flat = [dataclasses.replace(b, g=np.ones_like(b.g)) for b in TRAINING]
    codec = small_codec(statistics_of(flat * 20))
    for size in (1.0, 300.0):
        block = dataclasses.replace(BLOCK, g=np.full_like(BLOCK.g, size))
        np.testing.assert_allclose(codec.refine(block, given_o), size, rtol=0.05)


def test_features_have_one_length_and_no_scale():
    blocks = [*TRAINING, make_block("rocksalt", 5, bands=1, **SMALL)]
    blocks.append(make_block("fcc", 6, k_mesh=(4, 4, 4), q_mesh=(4, 4, 4)))
    assert len({b.g.shape[-1] for b in blocks}) > 2  # different numbers of orbits
    lengths = {TRAINED.features(b).shape for b in blocks}
    assert lengths == {(8 + 8 * TRAINED.network.shape.features,)}
    found = TRAINED.features(BLOCK)
    scaled = TRAINED.features(dataclasses.replace(BLOCK, g=37.3 * BLOCK.g))
    np.testing.assert_allclose(scaled, found, rtol=1e-4, atol=1e-5)
    other = TRAINED.features(make_block("zincblende", 77, bands=2, **SMALL))
    assert np.abs(other - found).max() > 1e-3


def test_scale_is_the_root_mean_square_over_the_grid():
    assert scale_of(BLOCK) == pytest.approx(np.sqrt(np.mean(on_grid(BLOCK) ** 2)), rel=1e-12)


def test_the_linear_part_is_another_codec_and_leaves_the_trained_one_alone():
    codec = small_codec(statistics_of(TRAINING), trained=True)
    before = codec.encode(BLOCK, 400)
    linear = codec.linear_part.encode(BLOCK, 400)
    np.testing.assert_array_equal(codec.encode(BLOCK, 400).g, before.g)
    priors = {"prior": codec.prior, "remainder_prior": codec.remainder_prior}
    silent = dataclasses.replace(FRESH, **priors).encode(BLOCK, 400)
    assert linear.data == silent.data
    np.testing.assert_allclose(linear.g, silent.g, rtol=1e-5, atol=1e-6)
    # the paths of the trained one do something
    assert np.linalg.norm(before.g - linear.g) > 1e-3 * np.linalg.norm(linear.g)
