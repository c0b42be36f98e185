"""Remainders of different numbers: their geometry, their expected sizes, and their bytes."""

import numpy as np
import pytest
from degenerate_blocks import degenerate_block
from small_networks import small_prior

from ephforge.core.degeneracy import pattern_of
from ephforge.model.bitstream import Reader, Writer
from ephforge.model.remainder import (
    N_FEATURES,
    N_STEPS,
    Remainder,
    read_remainder,
    remainder_step,
    size_left,
    write_remainder,
)
from ephforge.model.sparse import dictionary_of
from ephforge.model.transform import statistics_of

BLOCK = degenerate_block()
DICTIONARY = dictionary_of(BLOCK, statistics_of([BLOCK]), pattern_of(BLOCK))
REMAINDER = Remainder(DICTIONARY, np.abs(BLOCK.g.astype(float)) / BLOCK.g.std(), 0.2)
N_NUMBERS = len(DICTIONARY.entries.weight_e)


def some_remainders(size=0.1, seed=0):
    return np.random.default_rng(seed).normal(scale=size, size=N_NUMBERS)


def test_a_remainder_adds_what_is_left_and_all_count_alike():
    left_e = some_remainders()
    y_xo = REMAINDER.spread(left_e)
    np.testing.assert_allclose(np.linalg.norm(y_xo), np.linalg.norm(left_e), rtol=1e-12)
    nothing_xo = np.zeros_like(y_xo)
    np.testing.assert_allclose(REMAINDER.left_of(y_xo, nothing_xo), left_e, atol=1e-12)


def test_the_expected_size_is_that_of_drawn_coefficients():
    step, rng = 0.3, np.random.default_rng(1)
    width_e = np.sqrt(np.minimum(DICTIONARY.size_e**2, step**2 / 6))
    n_scores = DICTIONARY.components_er.shape[1]
    total_xo = 0.0
    for _ in range(400):
        c_e = rng.normal(size=len(width_e)) * width_e
        c_e[:n_scores] = 0
        left = 0.0
        for part, c_ic in zip(DICTIONARY.parts, DICTIONARY.split(c_e)[2:], strict=True):
            left = left + part.channel_xc @ (part.basis_oi @ c_ic).T
        total_xo = total_xo + (left / DICTIONARY.entries.root_o) ** 2
    found_xo = size_left(DICTIONARY, step)
    strong = found_xo > 0.1 * found_xo.max()
    ratio = np.sqrt(total_xo / 400)[strong] / found_xo[strong]
    assert abs(np.mean(ratio) - 1) < 0.02
    assert ratio.min() > 0.8
    assert ratio.max() < 1.2


@pytest.mark.parametrize("trained", [False, True])
@pytest.mark.parametrize("number", [1, 100, 200, 400, N_STEPS - 300])
def test_what_is_read_is_what_was_written(number, trained):
    prior = small_prior(trained=trained, n_features=N_FEATURES)
    writer, left_e = Writer(), some_remainders()
    written_e = write_remainder(writer, REMAINDER, left_e, number, prior)
    read_e = read_remainder(Reader(writer.bytes()), REMAINDER, number, prior)
    np.testing.assert_array_equal(read_e, written_e)
    assert np.abs(written_e - left_e).max() <= 0.75 * remainder_step(number)


def test_bits_follow_the_step():
    """Six decibels a bit: an octave of the step costs a bit for each number."""
    prior, left_e, bits = small_prior(n_features=N_FEATURES), some_remainders(), []
    for number in (320, 448):
        writer = Writer()
        write_remainder(writer, REMAINDER, left_e, number, prior)
        bits.append(8 * len(writer.bytes()))
    octaves = np.log2(remainder_step(320) / remainder_step(448))
    assert octaves == 4
    assert (bits[1] - bits[0]) / N_NUMBERS == pytest.approx(octaves, rel=0.05)


def test_the_value_of_an_integer_is_the_mean_of_what_rounds_to_it():
    prior = small_prior(n_features=N_FEATURES)
    step = remainder_step(120)
    feature_ef, size_e = REMAINDER.features(step, 48)
    first_e, second_e, share_e = prior.mixture(feature_ef, size_e)
    rng = np.random.default_rng(2)
    width_e = np.where(rng.random(N_NUMBERS) < share_e, first_e, second_e)
    left_e = rng.laplace(scale=width_e) * step
    writer = Writer()
    found_e = write_remainder(writer, REMAINDER, left_e, 120, prior)
    used = found_e != 0
    sign_e = np.sign(left_e)
    bias = np.mean((sign_e * (left_e - found_e))[used]) / step
    assert abs(bias) < 4 * 0.3 / np.sqrt(used.sum())
