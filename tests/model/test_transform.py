"""The linear transform: orthonormal, complete, optimal in order, blind to nothing it should see."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block
from small_networks import SMALL

from ephforge.model import components, transform
from ephforge.model.bases import even_odd
from ephforge.model.components import smooth, squares_left_out
from ephforge.model.transform import (
    class_of,
    components_of,
    parts_of,
    statistics_of,
    variances_of,
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


@pytest.mark.parametrize(("bands", "modes"), [(1, 3), (2, 3), (3, 2)])
def test_even_and_odd_channels_are_complete_and_of_their_sign(bands, modes):
    even_xc, odd_xc = even_odd(bands, modes)
    together = np.concatenate([even_xc, odd_xc], axis=1)
    np.testing.assert_allclose(together @ together.T, np.eye(bands * bands * modes), atol=1e-12)
    exchanged = together.reshape(bands, bands, modes, -1).swapaxes(0, 1).reshape(together.shape)
    sign_c = np.repeat([1, -1], [even_xc.shape[1], odd_xc.shape[1]])
    np.testing.assert_allclose(exchanged, together * sign_c, atol=1e-12)


@pytest.mark.parametrize("block", UNSEEN.values(), ids=UNSEEN)
def test_the_transform_is_complete(block):
    """As many coefficients as independent numbers, and they hold all of a block."""
    y_xo = weighted(block).reshape(-1, len(block.orbits.size_o))
    found_xo, count = 0.0, 0
    for part in parts_of(block, STATISTICS):
        c_ic = part.basis_oi.T @ y_xo.T @ part.channel_xc
        found_xo = found_xo + part.channel_xc @ c_ic.T @ part.basis_oi.T
        count += c_ic.size
    assert count == independent(block)
    np.testing.assert_allclose(found_xo, y_xo, atol=1e-10)
    assert np.sum(y_xo**2) == pytest.approx(len(y_xo), rel=1e-10)  # rms 1


@pytest.mark.parametrize("block", UNSEEN.values(), ids=UNSEEN)
def test_expected_squares_add_up_to_a_block_with_rms_one(block):
    parts = parts_of(block, STATISTICS)
    even, odd = variances_of(block, STATISTICS, parts)
    for part, variance_ic in zip(parts, (even, odd), strict=True):
        assert variance_ic.shape == (part.basis_oi.shape[1], part.channel_xc.shape[1])
        assert np.all(variance_ic >= 0)  # one band has no odd part
    assert even.sum() + odd.sum() == pytest.approx(block.g[..., 0].size, rel=1e-9)


def test_expected_squares_are_near_those_of_many_materials(monkeypatch):
    family = [make_block("fcc", i, noise=0.3, **SMALL) for i in range(40)]
    monkeypatch.setattr(transform, "FEWEST", 41)  # no components
    statistics = statistics_of(family)
    parts = parts_of(family[0], statistics)
    for part, variance_ic in zip(parts, variances_of(family[0], statistics, parts), strict=True):
        squares = [
            (part.basis_oi.T @ weighted(b).reshape(-1, len(part.basis_oi)).T @ part.channel_xc) ** 2
            for b in family
        ]
        mean_ic = np.mean(squares, axis=0)
        np.testing.assert_allclose(variance_ic, mean_ic, atol=0.15 * mean_ic.max())


def coefficients(block, statistics):
    """Even and odd ones, of norm 1."""
    y_xo = weighted(block).reshape(-1, block.g.shape[-1])
    parts = parts_of(block, statistics)
    found = [(p.basis_oi.T @ y_xo.T @ p.channel_xc).ravel() for p in parts]
    return np.concatenate(found) / np.linalg.norm(y_xo)


def test_components_are_those_of_whole_blocks():
    """Against a singular value decomposition of the coefficients of all blocks."""
    family = [make_block("fcc", i, **SMALL) for i in range(12)]
    statistics = statistics_of(family)
    c_be = np.stack([coefficients(block, statistics) for block in family])
    component_er, score_r = components_of(family[0], statistics)
    assert component_er.shape == (c_be.shape[1], 11)
    value_r, direction_re = np.linalg.svd(c_be)[1:]
    smaller_rr = np.minimum.outer(value_r[:11], value_r[:11]) / np.sqrt(12)
    apart_rr = component_er.T @ component_er - np.eye(11)
    assert np.abs(smaller_rr * apart_rr).max() < 2 * components.ROUNDED
    overlap_r = np.abs(np.sum(direction_re[:4] * component_er.T[:4], axis=1))
    np.testing.assert_allclose(overlap_r, 1, atol=1e-4)
    channels = family[0].g[..., 0].size
    left_out_r = squares_left_out(c_be @ c_be.T, np.arange(12) % components.FOLDS)
    sizes_r = np.sqrt(np.pad(smooth(left_out_r), (0, 1), "edge") * channels)
    np.testing.assert_allclose(score_r, sizes_r, rtol=1e-6)


def test_what_components_leave_is_found_with_each_block_left_out():
    """Expected squares beside components: ridge regression of a block on all the others."""
    family = [make_block("fcc", i, noise=0.2, **SMALL) for i in range(9)]
    statistics = statistics_of(family)
    c_be = np.stack([coefficients(block, statistics) for block in family])
    ridge = components.RIDGE * np.mean(np.sum(c_be**2, axis=1))
    squares = []
    for b, c_e in enumerate(c_be):
        others_ae = np.delete(c_be, b, axis=0)
        gram_aa = others_ae @ others_ae.T + ridge * np.eye(8)
        squares.append((c_e - np.linalg.solve(gram_aa, others_ae @ c_e) @ others_ae) ** 2)
    mean_e = np.mean(squares, axis=0)
    parts = parts_of(family[0], statistics)
    guess_e = np.concatenate([np.outer(p.value_i, p.value_c).ravel() for p in parts])
    prior = transform.PRIOR_VARIANCES
    expected_e = (9 * mean_e + prior * mean_e.sum() / guess_e.sum() * guess_e) / (9 + prior)
    found = variances_of(family[0], statistics, parts)
    found_e = np.concatenate([v.ravel() for v in found]) / family[0].g[..., 0].size
    np.testing.assert_allclose(found_e, expected_e, rtol=1e-6, atol=1e-12)


def test_blocks_that_are_alike_have_one_component():
    alike = [make_block("fcc", 3, name=str(i), **SMALL) for i in range(9)]
    component_er, _ = components_of(alike[0], statistics_of(alike))
    assert component_er.shape[1] == 1
    assert np.isfinite(component_er).all()


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
