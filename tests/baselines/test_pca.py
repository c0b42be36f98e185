"""Principal components: exact with all coefficients, optimal on their own training data."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.pca import fit, pca, pca_joint
from ephforge.core.blocks import on_grid

TRAIN = [make_block("diamond", seed) for seed in range(6)]
UNSEEN = make_block("zincblende", 77)  # same lattice, other prototype
FITTED = fit(TRAIN, [UNSEEN])
UNSEEN_DIAMOND = make_block("diamond", 78, noise=0.5)


@pytest.mark.parametrize("method", [pca, pca_joint])
def test_error_falls_to_zero_and_the_budget_is_kept(method):
    grid = on_grid(UNSEEN)
    allowed = [0, *(allowed_bits(budget, grid) for budget in (0.001, 0.005, 0.05, 1.0))]
    codes = method(FITTED, UNSEEN, allowed)
    errors = [relative_error(code.g, grid) for code in codes]
    assert errors[0] == pytest.approx(1.0)
    assert errors[-1] < 1e-4
    assert errors == sorted(errors, reverse=True)
    assert all(code.bits <= limit for code, limit in zip(codes, allowed, strict=True))


def test_components_of_one_channel_agree_with_numpy():
    """Even maps of one band: the components of the training split are those of an SVD."""
    blocks = [make_block("fcc", seed, bands=1) for seed in range(5)]
    flat = [on_grid(b).reshape(3, -1) / np.linalg.norm(on_grid(b)) for b in blocks]
    strength, components = np.linalg.svd(np.concatenate(flat), full_matrices=False)[1:]
    basis = next(iter(fit(blocks, blocks).orbits.values()))
    weighted = basis.vector_oj[:, :2].T / np.sqrt(blocks[0].orbits.size_o)
    found = weighted[:, blocks[0].orbits.orbit_kq].reshape(2, -1)
    overlap = np.abs(np.sum(found * components[:2], axis=1))
    assert np.allclose(overlap, 1.0)
    energy = (strength**2 / (strength**2).sum())[:2]
    assert np.allclose(basis.scale_j[:2], np.sqrt(energy))


def test_what_training_materials_have_in_common_is_almost_free():
    """Mixtures of two blocks: with factors an unseen mixture costs a small part of a stranger."""
    one, other = make_block("diamond", 1, noise=0.5).g, make_block("diamond", 2, noise=0.5).g
    weights = np.random.default_rng(3).uniform(0.2, 1, size=(12, 2))
    mixed = [dataclasses.replace(UNSEEN_DIAMOND, g=a * one + b * other) for a, b in weights]
    fitted = fit(mixed[:10], mixed)
    errors = []
    for block in (mixed[11], UNSEEN_DIAMOND):
        grid = on_grid(block)
        (code,) = pca_joint(fitted, block, [allowed_bits(0.001, grid)])
        errors.append(relative_error(code.g, grid))
    assert errors[0] < errors[1] / 5


def test_scale_of_training_materials_does_not_matter():
    louder = [dataclasses.replace(TRAIN[0], g=TRAIN[0].g * 1e3), *TRAIN[1:]]
    (a,), (b,) = pca(FITTED, UNSEEN, [6000]), pca(fit(louder, TRAIN), UNSEEN, [6000])
    grid = on_grid(UNSEEN)
    assert relative_error(a.g, grid) == pytest.approx(relative_error(b.g, grid), rel=0.1)


def test_an_unknown_lattice_or_shape_is_none():
    cscl = make_block("cscl", 1)
    assert pca(FITTED, cscl, [10]) is None
    assert pca_joint(FITTED, make_block("diamond", 1, bands=1), [10]) is None
    assert pca(FITTED, make_block("fcc", 1, bands=1), [10]) is not None
