"""The prior of integers: a distribution, what it looks at, and its likeness in training."""

import jax.numpy as jnp
import numpy as np
import pytest
from degenerate_blocks import degenerate_block
from scipy.stats import laplace
from small_networks import SMALL, small_prior

from ephforge.core.degeneracy import pattern_of
from ephforge.model.prior import (
    LARGEST,
    N_FEATURES,
    Prior,
    features,
    levels_of,
    untrained_prior,
)
from ephforge.model.sparse import dictionary_of
from ephforge.model.transform import statistics_of
from ephforge.train import prior as fitting
from ephforge.train.prior import _bits, fit_prior

BLOCK = degenerate_block("fcc", 1, bands=2, **SMALL)
DICTIONARY = dictionary_of(BLOCK, statistics_of([BLOCK]), pattern_of(BLOCK))
LEVEL_E = levels_of(DICTIONARY.size_e)
STEP = 0.1
TRAINED = small_prior(3, trained=True)


def some_integers(seed=0):
    random = np.random.default_rng(seed)
    return np.rint(random.laplace(size=len(LEVEL_E)) * DICTIONARY.size_e / STEP).astype(int)


def questions(level, n_e):
    feature_ef, asked_e = features(DICTIONARY, n_e, STEP, LEVEL_E, level)
    return feature_ef, DICTIONARY.size_e[asked_e] / STEP, n_e[asked_e]


def test_levels_double_and_follow_the_expected_size():
    for level in range(1, LEVEL_E.max() + 1):
        before, here = (level > LEVEL_E).sum(), (level == LEVEL_E).sum()
        assert before == 16 * 2 ** (level - 1)
        assert here == before or level == LEVEL_E.max()
        largest = DICTIONARY.size_e[level == LEVEL_E].max()
        assert largest <= DICTIONARY.size_e[level > LEVEL_E].min()


@pytest.mark.parametrize("prior", [untrained_prior(), TRAINED], ids=["untrained", "trained"])
def test_probabilities_are_those_of_the_mixture(prior):
    """Against the distribution functions of the library, integer by integer."""
    feature_ef, size_e, _ = questions(1, some_integers())
    found_en = prior.probabilities(feature_ef, size_e)
    assert found_en.dtype == np.float32
    assert found_en.shape == (len(size_e), 2 * LARGEST + 2)
    assert found_en.min() >= 2.0**-16
    np.testing.assert_allclose(found_en.sum(axis=1), 1, atol=2.0**-16 * (2 * LARGEST + 2))
    first_e, second_e, share_e = prior.mixture(feature_ef, size_e)
    expected_en = 0.0
    for width_e, weight_e in ((first_e, share_e), (second_e, 1 - share_e)):
        n = np.arange(-LARGEST, LARGEST + 1)
        cdf = laplace(scale=np.maximum(width_e, 1e-3)[:, None]).cdf
        inside = cdf(n + 0.5) - cdf(n - 0.5)
        beyond = 2 * cdf(np.array([-LARGEST - 0.5]))
        expected_en = expected_en + weight_e[:, None] * np.concatenate([inside, beyond], axis=1)
    np.testing.assert_allclose(found_en, expected_en, atol=1.01 * 2.0**-16)


def test_the_parameters_are_rounded_and_near_the_outputs_of_the_network():
    feature_ef, size_e, _ = questions(1, some_integers())
    out = TRAINED.outputs(feature_ef)
    first_e, second_e, share_e = TRAINED.mixture(feature_ef, size_e)
    np.testing.assert_allclose(first_e, size_e * np.exp(out[:, 0]), rtol=0.05)
    np.testing.assert_allclose(second_e / first_e, 1 + np.log1p(np.exp(out[:, 1])), rtol=0.1)
    np.testing.assert_allclose(share_e, 1 / (1 + np.exp(-out[:, 2])), atol=1 / 64)
    for grid in (8 * np.log2(first_e), 4 * np.log2(second_e / first_e), 32 * share_e):
        np.testing.assert_allclose(grid, np.rint(grid), atol=1e-9)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_only_earlier_levels_are_looked_at(level):
    n_e = some_integers()
    before = TRAINED.probabilities(*questions(level, n_e)[:2])
    later = np.where(level <= LEVEL_E, 7 - 3 * n_e, n_e)
    np.testing.assert_array_equal(TRAINED.probabilities(*questions(level, later)[:2]), before)
    earlier = np.where(level > LEVEL_E, 7 + 3 * np.abs(n_e), n_e)
    changed = not np.array_equal(TRAINED.probabilities(*questions(level, earlier)[:2]), before)
    assert changed == (level > 0)


def test_features_are_finite_where_nothing_is_known():
    feature_ef, _, _ = questions(0, np.zeros(len(LEVEL_E), int))
    assert feature_ef.shape == (16, N_FEATURES)
    assert np.isfinite(feature_ef).all()


def test_the_loss_of_training_is_the_price_of_coding():
    """Up to the rounding of the prior: bits of all levels differ by a few in a hundred."""
    levels = [questions(level, some_integers()) for level in range(LEVEL_E.max() + 1)]
    feature_ef, size_e, n_e = (np.concatenate(column) for column in zip(*levels, strict=True))
    found_en = TRAINED.probabilities(feature_ef, size_e)
    paid_e = -np.log2(found_en[np.arange(len(n_e)), n_e + LARGEST])
    standard_ef = (feature_ef - TRAINED.mean_f) / TRAINED.spread_f
    rows = (jnp.asarray(a, float) for a in (standard_ef, size_e, np.abs(n_e)))
    loss_e = _bits(TRAINED.layers, *rows)
    np.testing.assert_allclose(loss_e, paid_e, atol=0.2, rtol=0.05)
    assert np.mean(loss_e) == pytest.approx(np.mean(paid_e), rel=0.03)


def test_fitting_lowers_the_bits(monkeypatch):
    """Integers three times as wide as expected: the network learns it, and as well as one can."""
    monkeypatch.setattr(fitting, "BATCH", 512)
    random = np.random.default_rng(0)
    size_e = np.exp(random.uniform(-1, 1, 4000))
    n_e = np.abs(np.rint(random.laplace(scale=3 * size_e)))
    feature_ef = np.column_stack([np.log(size_e), *random.normal(size=(N_FEATURES - 1, 4000))])
    examples = [tuple(np.float32(a) for a in (feature_ef, size_e, n_e))]
    start, none = fit_prior(examples, 0, seed=0)
    fitted, bits = fit_prior(examples, 200, seed=0)
    assert none is None
    assert isinstance(fitted, Prior)

    def mean_bits(prior):
        found_en = prior.probabilities(*examples[0][:2])
        index = np.minimum(n_e.astype(int) + LARGEST, 2 * LARGEST + 1)
        return -np.log2(found_en[np.arange(len(n_e)), index]).mean()

    law = laplace(scale=3 * size_e)
    ideal = -np.log2(law.cdf(n_e + 0.5) - law.cdf(n_e - 0.5)).mean()
    assert mean_bits(start) > mean_bits(fitted) + 0.1
    assert mean_bits(fitted) < ideal + 0.1
    assert bits == pytest.approx(mean_bits(fitted), abs=0.1)
    np.testing.assert_allclose(
        start.probabilities(*examples[0][:2]), untrained_prior().probabilities(*examples[0][:2])
    )
