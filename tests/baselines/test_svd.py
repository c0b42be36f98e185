"""Low-rank codes: Eckart-Young residuals, exactness when all terms are kept, budgets."""

import itertools

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.measure import relative_error
from ephforge.baselines.svd import svd, svd_irreducible_q, svd_joint
from ephforge.core.blocks import on_grid

BLOCK = make_block("zincblende", noise=0.3)
GRID = on_grid(BLOCK)


def test_svd_of_one_channel_has_the_eckart_young_residual():
    grid = GRID[:1, :1, :1]
    (code,) = svd(grid, [3 * 128 + 5])  # three terms of 64 + 64 numbers, rank known
    tail = np.linalg.svd(grid[0, 0, 0], compute_uv=False)[3:]
    assert relative_error(code.g, grid) == pytest.approx(
        np.linalg.norm(tail) / np.linalg.norm(grid)
    )
    assert code.stored == 3 * 128


def test_scarce_numbers_go_to_the_strongest_terms():
    (code,) = svd(GRID, [5 * 129])
    strengths = np.sort(np.linalg.svd(GRID.reshape(-1, 64, 64), compute_uv=False).ravel())[::-1]
    expected = np.sqrt((strengths[5:] ** 2).sum()) / np.linalg.norm(GRID)
    assert relative_error(code.g, GRID) == pytest.approx(expected)
    assert code.stored == 5 * 129


@pytest.mark.parametrize("method", ["svd", "svd_irreducible_q", "svd_joint"])
def test_error_falls_to_zero_and_the_budget_is_kept(method):
    calls = {
        "svd": lambda counts: svd(GRID, counts),
        "svd_irreducible_q": lambda counts: svd_irreducible_q(GRID, BLOCK.orbits, counts),
        "svd_joint": lambda counts: svd_joint(GRID, BLOCK.orbits, counts),
    }
    counts = [0, 50, 400, 2000, 8000, 3 * GRID.size]
    codes = calls[method](counts)
    errors = [relative_error(code.g, GRID) for code in codes]
    assert errors[0] == pytest.approx(1.0)
    assert errors[-1] < 1e-12
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(errors))
    assert all(code.stored <= count for code, count in zip(codes, counts, strict=True))


def test_symmetry_helps_at_equal_budget():
    counts = [2000]
    plain = relative_error(svd(GRID, counts)[0].g, GRID)
    irreducible = relative_error(svd_irreducible_q(GRID, BLOCK.orbits, counts)[0].g, GRID)
    assert irreducible < plain


def test_a_matrix_that_divide_and_conquer_gives_up_on(monkeypatch):
    block = make_block("zincblende", 3, k_mesh=(2, 2, 2), q_mesh=(2, 2, 2))
    grid = on_grid(block)
    usual = svd(grid, [grid.size // 10])[0]

    def gives_up(*_, **__):
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(np.linalg, "svd", gives_up)
    found = svd(grid, [grid.size // 10])[0]
    assert found.stored == usual.stored
    np.testing.assert_allclose(found.g, usual.g, atol=1e-4 * grid.max())
