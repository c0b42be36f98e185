"""Coverage of conformal limits and intervals on exchangeable data."""

import numpy as np
import pytest

from ephforge.trust.conformal import (
    fit_regression,
    interval,
    p_value,
    quantile,
    scores,
)


def test_one_material_a_family_is_split_conformal_prediction():
    """The ceil((n+1) level)-th smallest of n scores."""
    values = np.random.default_rng(0).normal(size=40)
    found = scores(values, [str(i) for i in range(40)])
    for level in (0.5, 0.9, 0.95):
        rank = int(np.ceil(41 * level))
        assert quantile(found, level) == np.sort(values)[rank - 1]
    assert quantile(found, 0.99) == np.inf  # 41 * 0.99 > 40
    assert p_value(found, np.inf) == pytest.approx(1 / 41)
    assert p_value(found, -np.inf) == pytest.approx(1)


def test_families_count_equally_whatever_their_size():
    values, families = [1.0] * 50 + [2.0, 3.0], ["a"] * 50 + ["b", "c"]
    found = scores(np.array(values), families)
    assert quantile(found, 0.25) == 1
    assert quantile(found, 0.26) == 2  # the 50 of family a are a quarter of it, not nearly all
    assert p_value(found, 2.5) == pytest.approx(0.5)


def family_data(rng, families):
    """Scores with a part that a family shares; families of very different sizes."""
    names, values = [], []
    for family in range(families):
        size = 1 + int(rng.exponential(6))
        values.append(rng.normal() + 0.3 * rng.normal(size=size))
        names += [f"{family:03d}"] * size
    return names, np.concatenate(values)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_limits_hold_for_new_families(level):
    rng, inside = np.random.default_rng(1), []
    for _ in range(1500):
        names, values = family_data(rng, 41)
        known = [i for i, name in enumerate(names) if name != "040"]
        limit = quantile(scores(values[known], [names[i] for i in known]), level)
        inside.append(np.mean(np.delete(values, known) <= limit))
    # standard error 0.01; at most 1/(F+1) above the level
    assert level - 0.03 < np.mean(inside) < level + 1 / 41 + 0.03


def test_intervals_of_errors_cover_and_adapt():
    """Errors span decades; what predicts them makes the interval narrower than their range."""
    rng, inside, widths = np.random.default_rng(2), [], []
    for _ in range(300):
        names, shared = family_data(rng, 81)
        x_if = rng.normal(size=(len(names), 2))
        errors = np.exp(-3 + x_if @ [1.0, -0.5] + 0.2 * shared)
        is_new = np.array(names) == "080"
        fit = fit_regression(x_if[~is_new], errors[~is_new], [n for n in names if n != "080"])
        bounds = [interval(fit, x, 0.9) for x in x_if[is_new]]
        inside.append(
            np.mean([b.low <= e <= b.high for b, e in zip(bounds, errors[is_new], strict=True)])
        )
        widths.append(np.log(bounds[0].high / bounds[0].low))
    assert 0.86 < np.mean(inside) <= 0.97
    assert np.mean(widths) < 1.2  # 90 % of log errors span 3.8 without the regression


def test_a_wrong_regression_covers_all_the_same():
    """The interval is only wider if features say nothing."""
    rng, inside = np.random.default_rng(3), []
    for _ in range(300):
        errors = np.exp(rng.standard_t(2, size=81))
        x_if, names = rng.normal(size=(81, 3)), [f"{i:02d}" for i in range(80)]
        fit = fit_regression(x_if[:80], errors[:80], names)
        bound = interval(fit, x_if[80], 0.9)
        inside.append(bound.low <= errors[80] <= bound.high)
    assert np.mean(inside) > 0.86


def test_too_few_families_give_no_interval():
    fit = fit_regression(np.zeros((4, 1)), np.ones(4), ["a", "b", "c", "d"])
    assert interval(fit, np.zeros(1), 0.9).high == np.inf
    assert interval(fit, np.zeros(1), 0.9).low == 0


@pytest.mark.parametrize(("families", "is_enough"), [(18, False), (19, True)])
def test_nineteen_families_give_an_interval(families, is_enough):
    rng = np.random.default_rng(4)
    names = [f"{i:02d}" for i in range(families)]
    fit = fit_regression(rng.normal(size=(families, 1)), np.exp(rng.normal(size=families)), names)
    assert np.isfinite(interval(fit, np.zeros(1), 0.9).high) == is_enough


def test_residuals_are_those_of_families_left_out():
    """By least squares with the penalty as more rows."""
    rng = np.random.default_rng(5)
    x_if, names = rng.normal(size=(12, 2)), list("aaabbbcccddd")
    log_i = rng.normal(size=12)
    left = []
    for name in "abcd":
        rest = np.array(names) != name
        mean_f, offset = x_if[rest].mean(0), log_i[rest].mean()
        rows = np.vstack([x_if[rest] - mean_f, np.eye(2)])
        slope_f = np.linalg.lstsq(rows, np.append(log_i[rest] - offset, [0, 0]), rcond=None)[0]
        left += list(log_i[~rest] - (x_if[~rest] - mean_f) @ slope_f - offset)
    found = fit_regression(x_if, np.exp(log_i), names)
    np.testing.assert_allclose(found.above.score_i, np.sort(left))
    np.testing.assert_allclose(found.below.score_i, np.sort(-np.array(left)))
