"""The range coder against the entropy of its symbols; adaptation, prediction, limits."""

import numpy as np
import pytest

from ephforge.baselines import coder

GENERATOR = np.random.default_rng(5)


def drawn(rows=12, columns=40, misjudged=1.0):
    """Laplace numbers with known scales, those of a row misjudged by a common factor."""
    scale_rc = np.exp(GENERATOR.normal(size=(rows, columns)))
    factor_r1 = np.exp(misjudged * GENERATOR.normal(size=(rows, 1)))
    return GENERATOR.laplace(size=(rows, columns)) * scale_rc * factor_r1, scale_rc


@pytest.mark.parametrize("step", [1e-3, 0.3, 4.0, 1e4])
def test_decoded_values_are_the_rounded_ones(step):
    value_rc, scale_rc = drawn()
    known = coder.table(scale_rc)
    data = coder.encode(value_rc.ravel(), known, step, price=0.0)
    found = coder.decode(data, known, step)
    np.testing.assert_allclose(found, step * np.rint(value_rc.ravel() / step), atol=1e-9 * step)


@pytest.mark.parametrize("step", [0.01, 0.5])
def test_bytes_are_as_many_as_the_estimate_says(step):
    value_rc, scale_rc = drawn(40, 60)
    section = coder.Section(value_rc.ravel(), coder.table(scale_rc), step)
    assert 8 * len(section.data) == pytest.approx(section.bits, abs=64)


def test_length_is_the_entropy_of_a_laplace_law():
    """Bits of many symbols of one scale against the entropy of the integrals of the density."""
    scale = 3.0
    edge_x = np.arange(-60, 62) - 0.5
    below_x = np.where(edge_x < 0, 0.5 * np.exp(edge_x / scale), 1 - 0.5 * np.exp(-edge_x / scale))
    share_x = np.diff(below_x)
    entropy = -(share_x * np.log2(share_x)).sum()
    bits = coder.length(np.arange(-60, 61), np.full(121, scale))
    assert (share_x * bits).sum() == pytest.approx(entropy, rel=1e-4)


def test_rows_that_were_misjudged_are_learned():
    value_rc, scale_rc = drawn(30, 100, misjudged=2.0)
    told, guessed = coder.table(scale_rc), coder.table(scale_rc)
    flat = guessed._replace(row_e=np.arange(value_rc.size), column_e=np.arange(value_rc.size))
    bits = [coder.estimate(value_rc.ravel(), known, 0.5).bits for known in (told, flat)]
    assert bits[0] < 0.95 * bits[1]


def test_factors_predict_what_is_correlated():
    loading_er = GENERATOR.normal(size=(400, 2))
    value_e = loading_er @ np.array([3.0, -5.0]) + 0.1 * GENERATOR.laplace(size=400)
    plain = coder.table(np.full((20, 20), 4.0))
    known = plain._replace(scale_e=np.full(400, 0.1), loading_er=3 * loading_er)
    step = 0.2
    assert coder.estimate(value_e, known, step).bits < coder.estimate(value_e, plain, step).bits / 2
    found = coder.decode(coder.encode(value_e, known, step, 0.0), known, step)
    assert np.abs(found - value_e).max() <= step / 2 + 1e-9


def test_optimised_rounding_buys_bits_with_little_error():
    value_rc, scale_rc = drawn(40, 60, misjudged=0.0)
    known, value_e = coder.table(scale_rc), value_rc.ravel()
    costs = []
    for price in (0.0, coder.PRICE):
        found = coder.estimate(value_e, known, 2.0, price)
        distortion = ((found.value_e - value_e) ** 2).sum() / 4
        costs.append(distortion + coder.PRICE * found.bits)
    assert costs[1] < costs[0]


def test_small_integers_and_sections_come_back():
    values = np.array([0, 3, -2, 7, 7, 1])
    parts = [coder.integers(values).data, b"", b"abc"]
    found = coder.split(coder.join(parts), 3)
    assert found == parts
    assert coder.decode_integers(found[0], 6).tolist() == values.tolist()


@pytest.mark.parametrize("size", [0, 2**15 - 1, 2**15, 70_000])
def test_long_sections_come_back(size):
    parts = [bytes([7]) * size, b"\x80" * 3, b"end"]
    assert coder.split(coder.join(parts), 3) == parts
    assert len(coder.join(parts)) - size == (10 if size < 2**15 else 12)


def test_too_small_a_step_is_refused():
    with pytest.raises(ValueError, match="larger step"):
        coder.encode(np.array([1e9]), coder.table(np.ones((1, 1))), 1.0)
