"""The linear transform: orthonormal, complete, optimal in order, blind to nothing it should see."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.model.autoencoder import coefficients, from_coefficients
from ephforge.model.codec import Codec, channels_of, codec_of, codec_variables
from ephforge.model.geometry import geometry_of
from ephforge.model.transform import (
    class_of,
    even_odd,
    linear_of,
    parts_of,
    statistics_of,
    weighted,
)

TRAINING = [
    *(make_block("fcc", i, **SMALL) for i in range(4)),
    *(make_block("zincblende", 10 + i, bands=3, **SMALL) for i in range(3)),
]
STATISTICS = statistics_of(TRAINING)
# known class and channels; both unknown; known class, unknown channels; unknown class, known ones
UNSEEN = {
    "seen": make_block("zincblende", 50, bands=3, **SMALL),
    "unseen class and channels": make_block("cscl", 51, bands=1, **SMALL),
    "unseen channels": make_block("fcc", 52, bands=3, **SMALL),
    "unseen class": make_block("cscl", 53, bands=3, **SMALL),
}


def everything(block):
    return np.ones(len(block.orbits.size_o), bool)


def linear_code(block, n_kept):
    """Block of rms 1 and its linear reconstruction from n coefficients."""
    g_ox = jnp.asarray(channels_of(block, STATISTICS.bands, STATISTICS.modes))
    geometry, linear = geometry_of(block), linear_of(block, STATISTICS, everything(block))
    even, odd = coefficients(g_ox, geometry, linear)
    kept = even * (linear.rank_even_ic < n_kept), odd * (linear.rank_odd_ic < n_kept)
    return g_ox, np.asarray(from_coefficients(*kept, geometry, linear)), kept


def error(found_ox, true_ox, block):
    weight_o1 = geometry_of(block).weight_o[:, None].astype(float)
    return np.sqrt(np.sum(weight_o1 * (found_ox - true_ox) ** 2) / np.sum(weight_o1 * true_ox**2))


def independent(block):
    """Independent numbers of a Hermitian block: rank of the projector onto such blocks."""
    m, _, v, o = block.g.shape
    unit = np.eye(m * m * o).reshape(m, m, o, -1)
    partner = unit.swapaxes(0, 1)[:, :, block.orbits.partner_o]
    projector = (unit + partner).reshape(m * m * o, -1) / 2
    return v * np.linalg.matrix_rank(projector)


@pytest.mark.parametrize("block", UNSEEN.values(), ids=UNSEEN)
def test_bases_are_orthonormal(block):
    for part in parts_of(block, STATISTICS):
        for basis in (part.basis_oi, part.channel_xc):
            np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-10)
    linear = linear_of(block, STATISTICS, everything(block))
    for basis in (linear.even_oi, linear.odd_oi):
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-5)
    total = linear.share_even_ic.sum(dtype=float) + linear.share_odd_ic.sum(dtype=float)
    assert total == pytest.approx(1, rel=1e-5)
    ranks = np.concatenate([linear.rank_even_ic.ravel(), linear.rank_odd_ic.ravel()])
    assert np.array_equal(np.sort(ranks), np.arange(len(ranks)))


@pytest.mark.parametrize(("bands", "modes"), [(1, 3), (2, 3), (3, 2)])
def test_even_and_odd_channels_are_complete_and_of_their_sign(bands, modes):
    even_xc, odd_xc = even_odd(bands, modes)
    together = np.concatenate([even_xc, odd_xc], axis=1)
    np.testing.assert_allclose(together @ together.T, np.eye(bands * bands * modes), atol=1e-12)
    exchanged = together.reshape(bands, bands, modes, -1).swapaxes(0, 1).reshape(together.shape)
    sign_c = np.repeat([1, -1], [even_xc.shape[1], odd_xc.shape[1]])
    np.testing.assert_allclose(exchanged, together * sign_c, atol=1e-12)


@pytest.mark.parametrize("block", UNSEEN.values(), ids=UNSEEN)
def test_all_available_coefficients_are_exact(block):
    available = small_codec(STATISTICS)._available(block)
    assert available == independent(block)
    g_ox, found_ox, _ = linear_code(block, available)
    assert error(found_ox, g_ox, block) < 1e-5


def test_all_available_coefficients_are_exact_after_poor_statistics():
    """Directions that the training split never showed have no variance, padding has no place."""
    flat = [make_block("zincblende", i, bands=bands, **SMALL) for i, bands in ((1, 2), (2, 4))]
    statistics = statistics_of([dataclasses.replace(b, g=np.ones_like(b.g)) for b in flat])
    for prototype in ("zincblende", "cscl"):
        block = make_block(prototype, 60, bands=2, **SMALL)
        found = small_codec(statistics).compress(block, 1.0)
        np.testing.assert_allclose(found, block.g, rtol=1e-4)


@pytest.mark.parametrize("block", UNSEEN.values(), ids=UNSEEN)
def test_error_is_what_is_not_kept_and_falls_with_the_budget(block):
    errors = []
    for n_kept in (0, 1, 2, 5, 20, 60):
        g_ox, found_ox, (even, odd) = linear_code(block, n_kept)
        assert np.count_nonzero(even) + np.count_nonzero(odd) <= n_kept
        # ||Y||^2 is the number of channels at rms 1
        kept = (np.sum(np.square(even, dtype=float)) + np.sum(np.square(odd, dtype=float))) / (
            block.g[..., 0].size
        )
        errors.append(error(found_ox, g_ox, block))
        assert errors[-1] == pytest.approx(np.sqrt(max(1 - kept, 0)), abs=1e-4)
    assert errors[0] == 1
    assert np.all(np.diff(errors) <= 1e-7)


def test_no_other_basis_and_order_beats_the_transform_where_it_was_fitted():
    """Karhunen-Loeve of many materials alike: among all codes of n numbers for a family."""
    family = [make_block("fcc", i, bands=1, noise=0.2, **SMALL) for i in range(12)]
    family = [
        dataclasses.replace(b, g=b.g[:, :, :1], frequencies=b.frequencies[:, :1]) for b in family
    ]
    statistics = statistics_of(family)
    y_io = np.stack([weighted(b).ravel() for b in family])
    _, _, best_oo = np.linalg.svd(y_io)
    part = parts_of(family[0], statistics)[0]
    for n in (1, 2, 4):
        ideal = np.sum((y_io @ best_oo[:n].T) ** 2)
        found = np.sum((y_io @ part.basis_oi[:, :n]) ** 2)
        assert ideal * 0.97 < found <= ideal * (1 + 1e-9)  # the prior pulls a little


def test_statistics_come_from_the_blocks_given():
    assert set(STATISTICS.orbits) == {class_of(TRAINING[0]), class_of(TRAINING[-1])}
    assert {"2-3", "3-6"} <= set(STATISTICS.even)
    doubled = [dataclasses.replace(b, g=2 * b.g) for b in TRAINING]
    for name, moment in statistics_of(doubled).orbits.items():
        np.testing.assert_allclose(moment, STATISTICS.orbits[name], rtol=1e-10, atol=1e-14)


def test_the_guess_returns_what_was_given():
    block = UNSEEN["seen"]
    given_o = np.random.default_rng(0).random(len(block.orbits.size_o)) < 0.4
    guess_oo = linear_of(block, STATISTICS, given_o).guess_oo
    assert np.array_equal(guess_oo[given_o], np.eye(len(guess_oo), dtype=np.float32)[given_o])
    assert not guess_oo[:, ~given_o].any()  # and uses nothing else
    assert np.abs(guess_oo[~given_o]).max() > 0.01


def test_the_guess_is_the_regression_on_what_was_given():
    """Against least squares over many draws of the fitted second moment."""
    block = TRAINING[0]
    given_o = np.arange(len(block.orbits.size_o)) % 3 == 0
    root_o = np.sqrt(geometry_of(block).weight_o.astype(float))
    factor = np.linalg.cholesky(STATISTICS.orbits[class_of(block)])
    field_io = np.random.default_rng(0).normal(size=(20_000, len(root_o))) @ factor.T / root_o
    guess_oo = linear_of(block, STATISTICS, given_o).guess_oo.astype(float)
    ours = field_io @ guess_oo.T - field_io
    fitted, *_ = np.linalg.lstsq(field_io[:, given_o], field_io[:, ~given_o], rcond=None)
    best = np.linalg.norm(field_io[:, given_o] @ fitted - field_io[:, ~given_o])
    assert np.linalg.norm(ours) == pytest.approx(best, rel=0.02)


@pytest.mark.parametrize("training", [TRAINING, [make_block("fcc", 1, bands=1, **SMALL)]])
def test_a_codec_survives_its_file(tmp_path, training):
    codec = small_codec(statistics_of(training), seed=3, trained=True)
    variables, attributes, groups = codec_variables(codec)
    write(tmp_path / "codec.nc", "train", variables, attributes, groups)
    again = codec_of(read(tmp_path / "codec.nc", "train"))
    for block in (training[0], UNSEEN["unseen class and channels"]):
        try:
            expected = codec.compress(block, 0.05)
        except EphforgeError:  # wider than the network
            continue
        assert np.array_equal(again.compress(block, 0.05), expected)
        assert np.array_equal(again.features(block), codec.features(block))
    assert isinstance(again, Codec)
    assert again.statistics.modes == codec.statistics.modes
