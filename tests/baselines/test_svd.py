"""Low-rank codes: Eckart-Young residuals, exactness when all terms are kept, budgets."""

import itertools

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.budget import header_for
from ephforge.baselines.coder import join
from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.svd import (
    WEAKEST,
    decompose,
    sections,
    svd,
    svd_irreducible_q,
    svd_joint,
    unpack_terms,
)
from ephforge.core.blocks import on_grid

BLOCK = make_block("zincblende", noise=0.3)
GRID = on_grid(BLOCK)


def test_a_fine_step_leaves_the_eckart_young_residual():
    """Terms below the threshold are dropped, the others stored as finely as the step says."""
    matrix = GRID[:1, 0, 0]
    terms, norm = decompose(matrix), float(np.linalg.norm(matrix))
    header = header_for(norm, 64 * 6)
    ranks, octaves, columns = sections(terms, header)
    kept = int(ranks.value_e[0])
    assert terms.strength_xr[0, kept - 1] ** 2 > WEAKEST * 128 * header.step**2
    assert terms.strength_xr[0, kept] ** 2 <= WEAKEST * 128 * header.step**2
    assert len(octaves.value_e) == kept
    assert len(columns.value_e) == kept * 128
    data = header.pack() + join([part.data for part in (ranks, octaves, columns)])
    error = np.linalg.norm(unpack_terms(data, matrix.shape) - matrix)
    tail = np.linalg.norm(terms.strength_xr[0, kept:])
    rounding = header.step * np.sqrt(kept * 128 / 12)
    assert tail < error < np.hypot(tail, 2 * rounding)


@pytest.mark.parametrize("method", ["svd", "svd_irreducible_q", "svd_joint"])
def test_error_falls_and_the_budget_is_kept(method):
    calls = {
        "svd": lambda allowed: svd(GRID, allowed),
        "svd_irreducible_q": lambda allowed: svd_irreducible_q(GRID, BLOCK.orbits, allowed),
        "svd_joint": lambda allowed: svd_joint(GRID, BLOCK.orbits, allowed),
    }
    allowed = [0, *(allowed_bits(budget, GRID) for budget in (0.001, 0.01, 0.1, 1.5))]
    codes = calls[method](allowed)
    errors = [relative_error(code.g, GRID) for code in codes]
    assert errors[0] == pytest.approx(1.0)
    assert errors[-1] < 1e-3
    assert all(a >= b for a, b in itertools.pairwise(errors))
    assert all(code.bits <= limit for code, limit in zip(codes, allowed, strict=True))


def test_symmetry_helps_at_equal_budget():
    allowed = [allowed_bits(0.02, GRID)]
    plain = relative_error(svd(GRID, allowed)[0].g, GRID)
    irreducible = relative_error(svd_irreducible_q(GRID, BLOCK.orbits, allowed)[0].g, GRID)
    assert irreducible < plain


def test_a_matrix_that_divide_and_conquer_gives_up_on(monkeypatch):
    block = make_block("zincblende", 3, k_mesh=(2, 2, 2), q_mesh=(2, 2, 2))
    grid = on_grid(block)
    usual = svd(grid, [allowed_bits(0.1, grid)])[0]

    def gives_up(*_, **__):
        raise np.linalg.LinAlgError("SVD did not converge")

    monkeypatch.setattr(np.linalg, "svd", gives_up)
    found = svd(grid, [allowed_bits(0.1, grid)])[0]
    assert found.bits == pytest.approx(usual.bits, rel=0.02)
    np.testing.assert_allclose(found.g, usual.g, atol=0.02 * grid.max())
