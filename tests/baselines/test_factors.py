"""Predictions of coefficients from coded ones, against conditioning of the dense covariance."""

import numpy as np

from ephforge.baselines.factors import Posterior

STEP = 0.1


def drawn(strength_r=(1.0, 0.6, 0.3)):
    rng = np.random.default_rng(3)
    loading_er = rng.normal(size=(20, len(strength_r))) * strength_r
    return loading_er, rng.uniform(0.1, 0.3, 20), rng.normal(size=12) / STEP


def predicted(loading_er, scale_e, value_i):
    """Of the last 8 when the first 12 are coded, half of them as zeros."""
    posterior = Posterior(loading_er, scale_e / STEP, STEP)
    is_zero_i = np.arange(12) % 2 == 0
    for part in (slice(0, 5), slice(5, 12)):
        index_i = np.arange(12)[part]
        posterior.learn(index_i, value_i[part], is_zero_i[part], np.full(len(index_i), 1.3))
    return posterior.predicted(np.arange(12, 20))


def test_prediction_is_that_of_the_dense_covariance():
    loading_er, scale_e, value_i = drawn()
    mean_i, scale_i = predicted(loading_er, scale_e, value_i)
    covariance_ee = loading_er @ loading_er.T / STEP**2
    seen, others = slice(0, 12), slice(12, 20)
    noise_i = 2 * (1.3 * scale_e[seen] / STEP) ** 2 + np.where(np.arange(12) % 2 == 0, 0.5, 1 / 12)
    gain_ij = np.linalg.solve(covariance_ee[seen, seen] + np.diag(noise_i), covariance_ee[seen])
    np.testing.assert_allclose(mean_i, gain_ij[:, others].T @ value_i, rtol=1e-8)
    left_ii = covariance_ee[others, others] - covariance_ee[others, seen] @ gain_ij[:, others]
    expected_i = np.sqrt((scale_e[others] / STEP) ** 2 + np.diag(left_ii) / 2)
    np.testing.assert_allclose(scale_i, expected_i, rtol=1e-8)


def test_factors_of_less_than_a_twentieth_of_a_step_are_left_out():
    """They are no work, and what they would say is less than a step's twentieth."""
    loading_er, scale_e, value_i = drawn((1.0, 0.6, 1e-4, 2e-4))
    assert Posterior(loading_er, scale_e, STEP).precision_rs.shape == (2, 2)
    mean_i, scale_i = predicted(loading_er, scale_e, value_i)
    without = predicted(loading_er[:, :2], scale_e, value_i)
    np.testing.assert_array_equal(mean_i, without[0])
    np.testing.assert_allclose(scale_i, without[1], rtol=1e-12)
    finer = Posterior(loading_er, scale_e, STEP / 1000)
    assert finer.precision_rs.shape == (4, 4)
