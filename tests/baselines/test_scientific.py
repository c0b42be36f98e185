"""SZ3 and ZFP: budgets, exactness, and the bound of SZ3 on every element."""

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.scientific import layouts, symmetric_sz3, sz3, zfp
from ephforge.core.blocks import on_grid

BLOCK = make_block("zincblende", noise=0.2, k_mesh=(2, 2, 2), q_mesh=(2, 2, 2))
GRID = on_grid(BLOCK)


@pytest.mark.parametrize("method", [sz3, zfp])
def test_error_falls_and_the_budget_is_kept(method):
    allowed = [0, *(allowed_bits(budget, GRID) for budget in (0.05, 0.1, 0.3, 1.5))]
    codes = method(BLOCK, allowed)
    errors = [relative_error(code.g, GRID) for code in codes]
    assert errors[0] == pytest.approx(1.0)
    assert codes[0].bits == 0
    assert errors[-1] < 1e-4
    assert errors == sorted(errors, reverse=True)
    assert all(code.bits <= limit for code, limit in zip(codes, allowed, strict=True))


@pytest.mark.parametrize("layout", ["p v o", "o pv", "o v p", "pvo"])
def test_every_layout_is_the_same_array(layout):
    array = layouts(BLOCK)[layout]
    assert np.linalg.norm(array.values) == pytest.approx(np.linalg.norm(GRID), rel=1e-5)
    assert relative_error(array.restore(array.values.astype(float)), GRID) < 1e-6


@pytest.mark.parametrize("bound", [0.01, 3.0])
def test_sz3_keeps_its_bound(bound):
    rebuilt, bits = symmetric_sz3(BLOCK.g, BLOCK.orbits, bound)
    largest = np.abs(rebuilt - BLOCK.g).max()
    assert bound / 10 < largest <= bound
    assert 0 < bits < 64 * BLOCK.g.size
