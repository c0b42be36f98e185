"""Whole blocks fitted to incomplete ones: by scikit-learn, exact where it should be."""

import dataclasses

import numpy as np
from material_blocks import make_block
from sklearn.linear_model import Ridge

from ephforge.baselines import gappy
from ephforge.baselines.measure import relative_error
from ephforge.core.blocks import on_grid
from ephforge.core.symmetry import given_orbits


def given(block):
    return given_orbits(block.orbits, block.q_mesh, (2, 2, 2))


def test_agrees_with_scikit_learn():
    blocks = [make_block("fcc", seed, bands=1) for seed in range(4)]
    target = make_block("fcc", 9, bands=1)
    given_o, size = given(target), np.sqrt(target.orbits.size_o)
    rows = np.stack([(b.g * size / np.linalg.norm(b.g * size)).reshape(3, -1) for b in blocks])
    known = rows[..., given_o].reshape(4, -1)
    alpha = 1e-2 * (known**2).sum() / 4
    oracle = Ridge(alpha=alpha, fit_intercept=False)
    oracle.fit(known.T, (target.g * size).reshape(3, -1)[:, given_o].ravel())
    expected = np.tensordot(oracle.coef_, rows, 1) / size
    expected = (expected + expected[:, target.orbits.partner_o]) / 2
    found = gappy.refine(gappy.fit(blocks), target, given_o, 1e-2)
    np.testing.assert_allclose(found[0, 0], expected[:, target.orbits.orbit_kq], rtol=1e-4)


def test_a_mixture_of_training_blocks_is_found_exactly():
    blocks = [make_block("fcc", seed, noise=0.3, bands=1) for seed in range(3)]
    mixed = dataclasses.replace(blocks[0], g=0.5 * blocks[0].g + 0.7 * blocks[2].g)
    found = gappy.refine(gappy.fit(blocks), mixed, given(mixed), 1e-10)
    assert relative_error(found, on_grid(mixed)) < 1e-4


def test_where_nothing_is_known_nothing_is_found():
    blocks = [make_block("fcc", seed, bands=1) for seed in range(3)]
    given_o = given(blocks[0])
    silent = [dataclasses.replace(b, g=np.where(given_o, 0, b.g).astype(b.g.dtype)) for b in blocks]
    assert not gappy.refine(gappy.fit(silent), silent[0], given_o, 1e-2).any()


def test_an_unknown_shape_is_none():
    training = gappy.fit([make_block("fcc")])
    for other in (make_block("cscl"), make_block("fcc", bands=1)):
        assert gappy.refine(training, other, given(other), 1.0) is None
