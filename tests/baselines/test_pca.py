"""Principal components: exact with all coefficients, optimal on their own training data."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.measure import relative_error
from ephforge.baselines.pca import fit, pca, pca_joint
from ephforge.core.blocks import on_grid

TRAIN = [make_block("diamond", seed) for seed in range(6)]
FITTED = fit(TRAIN)
UNSEEN = make_block("zincblende", 77)  # same lattice, other prototype


@pytest.mark.parametrize("method", [pca, pca_joint])
def test_error_falls_to_zero_and_the_budget_is_kept(method):
    grid = on_grid(UNSEEN)
    counts = [0, 20, 100, 500, 5000]
    codes = method(FITTED, UNSEEN, counts)
    errors = [relative_error(code.g, grid) for code in codes]
    assert errors[0] == pytest.approx(1.0)
    assert errors[-1] < 1e-12
    assert errors == sorted(errors, reverse=True)
    assert all(code.stored <= count for code, count in zip(codes, counts, strict=True))


@pytest.mark.parametrize("method", [pca, pca_joint])
def test_all_coefficients_are_as_many_as_distinct_numbers(method):
    grid = on_grid(UNSEEN)
    distinct = len(np.unique(np.round(grid, 9)))
    full, short = method(FITTED, UNSEEN, [distinct + 1, distinct - 20])
    assert relative_error(full.g, grid) < 1e-12 < relative_error(short.g, grid)


def test_components_of_one_channel_agree_with_numpy():
    """Even maps of one band: the code of r leading components is the r-term SVD projection."""
    blocks = [make_block("fcc", seed, bands=1) for seed in range(5)]
    flat = [on_grid(b).reshape(3, -1) / np.linalg.norm(on_grid(b)) for b in blocks]
    components = np.linalg.svd(np.concatenate(flat), full_matrices=False)[2]
    target = make_block("fcc", 50, bands=1)
    maps = on_grid(target).reshape(3, -1)
    projected = maps @ components[:2].T @ components[:2]
    (code,) = pca(fit(blocks), target, [7])  # 3 channels x 2 components, and the choice
    best = relative_error(projected, maps)
    assert relative_error(code.g.reshape(3, -1), maps) <= best + 1e-12
    assert code.stored <= 7


def test_scale_of_training_materials_does_not_matter():
    louder = [dataclasses.replace(TRAIN[0], g=TRAIN[0].g * 1e3), *TRAIN[1:]]
    (a,), (b,) = pca(FITTED, UNSEEN, [60]), pca(fit(louder), UNSEEN, [60])
    assert np.allclose(a.g, b.g)


def test_an_unknown_lattice_or_shape_is_none():
    cscl = make_block("cscl", 1)
    assert pca(FITTED, cscl, [10]) is None
    assert pca_joint(FITTED, make_block("diamond", 1, bands=1), [10]) is None
    assert pca(FITTED, make_block("fcc", 1, bands=1), [10]) is not None
