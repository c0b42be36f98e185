"""Tucker codes: exact ranks of a made tensor, the residual of a truncation, budgets."""

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.budget import header_for
from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.tucker import decompose, sections, tucker
from ephforge.core.blocks import on_grid

GENERATOR = np.random.default_rng(4)


def test_strengths_are_the_singular_values_of_the_unfoldings():
    y_pvo = GENERATOR.normal(size=(3, 5, 20))
    found = decompose(y_pvo)
    for axis, strength in enumerate(found.strengths):
        unfolded = np.moveaxis(y_pvo, axis, 0).reshape(y_pvo.shape[axis], -1)
        expected = np.linalg.svd(unfolded, compute_uv=False)[: len(strength)]
        np.testing.assert_allclose(strength, expected, rtol=1e-9)


def test_only_the_ranks_that_a_tensor_has_are_stored():
    core = GENERATOR.normal(size=(2, 3, 4))
    factors = [GENERATOR.normal(size=shape) for shape in ((6, 2), (5, 3), (40, 4))]
    y_pvo = np.einsum("abc,pa,vb,oc->pvo", core, *factors)
    header = header_for(float(np.linalg.norm(y_pvo)), 64 * 10)
    ranks = sections(decompose(y_pvo), header)[0].value_e
    assert ranks.tolist() == [2, 3, 4]


def test_error_falls_and_the_budget_is_kept():
    block = make_block("zincblende", k_mesh=(2, 2, 2), q_mesh=(2, 2, 2))
    grid = on_grid(block)
    allowed = [0, *(allowed_bits(budget, grid) for budget in (0.02, 0.1, 0.3, 1.0))]
    codes = tucker(block, allowed)
    errors = [relative_error(code.g, grid) for code in codes]
    assert errors[0] == pytest.approx(1.0)
    assert errors[-1] < 1e-4
    assert errors == sorted(errors, reverse=True)
    assert all(code.bits <= limit for code, limit in zip(codes, allowed, strict=True))
