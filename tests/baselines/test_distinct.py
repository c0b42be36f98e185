"""PCA with remainders of different numbers: bits, errors, and degeneracies that it sees."""

import numpy as np
import pytest
from degenerate_blocks import degenerate_block, interpolated_block

from ephforge.baselines.distinct import pca_distinct
from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.pca import fit, pca_joint
from ephforge.core.blocks import on_grid

TRAINING = [degenerate_block(seed=seed) for seed in range(1, 13)]
BLOCK = degenerate_block(seed=0)
GRID = on_grid(BLOCK)
ALLOWED = [allowed_bits(budget, GRID) for budget in (0.004, 0.02, 0.08, 0.3)]


def test_never_more_bits_than_allowed_and_never_behind_the_components_alone():
    fitted = fit(TRAINING, [BLOCK])
    found, plain = pca_distinct(fitted, BLOCK, ALLOWED), pca_joint(fitted, BLOCK, ALLOWED)
    for code, other, bits in zip(found, plain, ALLOWED, strict=True):
        assert code.bits <= bits
        error = relative_error(np.maximum(code.g, 0), GRID)
        assert error <= relative_error(np.maximum(other.g, 0), GRID) + 1e-12
    errors = [relative_error(code.g, GRID) for code in found]
    assert errors == sorted(errors, reverse=True)


def test_where_bits_abound_remainders_are_far_ahead():
    fitted = fit(TRAINING, [BLOCK])
    bits = [ALLOWED[-1]]
    (found,), (plain,) = pca_distinct(fitted, BLOCK, bits), pca_joint(fitted, BLOCK, bits)
    assert relative_error(found.g, GRID) < 0.5 * relative_error(plain.g, GRID)


def test_what_breaks_hermiticity_is_told_where_bits_abound():
    block = interpolated_block(seed=0, share=0.1)
    grid = on_grid(block)
    found = pca_distinct(fit(TRAINING, [block]), block, [1000, 20_000])
    errors = [relative_error(np.maximum(code.g, 0), grid) for code in found]
    assert errors[0] > 0.05
    assert errors[1] < 0.01
    assert found[1].bits <= 20_000


def test_nothing_is_said_of_a_lattice_that_was_not_seen():
    assert pca_distinct(fit([], [BLOCK]), BLOCK, ALLOWED) is None


@pytest.mark.parametrize("bits", [0, 8])
def test_no_bits_no_code(bits):
    (code,) = pca_distinct(fit(TRAINING, [BLOCK]), BLOCK, [bits])
    assert code.bits == 0
    assert not np.any(code.g)
