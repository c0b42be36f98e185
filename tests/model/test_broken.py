"""Codes of what breaks hermiticity: bytes and back, their price, and whole codes with them."""

import dataclasses

import numpy as np
import pytest
from degenerate_blocks import interpolated_block
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.core.degeneracy import pattern_of
from ephforge.core.differences import differences_of
from ephforge.model.bitstream import Reader, Writer
from ephforge.model.broken import N_LEVELS, read_broken, write_broken
from ephforge.model.codec import scale_of
from ephforge.model.encoder import patterns_of
from ephforge.model.transform import statistics_of

BLOCK = interpolated_block(seed=5, **SMALL)
ODD = differences_of(BLOCK, pattern_of(BLOCK))
CODED_XO = BLOCK.g.reshape(ODD.label_xo.shape) / scale_of(BLOCK)
VALUE_D = ODD.analyse(CODED_XO * ODD.root_o)
CODEC = small_codec(
    statistics_of([make_block("zincblende", i, bands=3, **SMALL) for i in range(3)])
)


@pytest.mark.parametrize("share", [0.0, 1e-5, 0.02, 1.0, 1e3])
@pytest.mark.parametrize("step", [1.0, 0.01, 1e-4])
def test_what_is_read_is_what_was_written(share, step):
    writer = Writer()
    written_d = write_broken(writer, ODD, share * VALUE_D, CODED_XO, step)
    read_d = read_broken(Reader(writer.bytes()), ODD, CODED_XO, step)
    np.testing.assert_array_equal(read_d, written_d)
    assert np.abs(written_d - share * VALUE_D).max() <= step  # ROUNDING is 0.4


def test_nothing_is_stated_where_all_is_below_a_step():
    writer = Writer()
    assert not np.any(write_broken(writer, ODD, VALUE_D, CODED_XO, 10.0))
    assert len(writer.bytes()) <= 1


def test_laplace_numbers_of_the_expected_sizes_cost_what_their_entropy_is():
    """Differential entropy log2(2 e b) - log2(step) at a fine step; 5 % for the mixture."""
    random, largest = np.random.default_rng(0), 0.1
    mean_d = ODD.mean(CODED_XO)
    width_d = np.sqrt(ODD.weight_d / 2) * largest * mean_d / (mean_d + largest)
    step, writer = 0.02 * float(np.median(width_d)), Writer()
    write_broken(writer, ODD, random.laplace(scale=width_d), CODED_XO, step)
    ideal = float(np.sum(np.log2(2 * np.e * width_d / step)))
    bits = 8 * len(writer.bytes()) - np.log2(2 * N_LEVELS)
    assert ideal < bits + 0.02 * len(width_d)
    assert bits < 1.05 * ideal


def test_fine_codes_of_a_block_that_is_not_hermitian_come_close_to_it():
    coarse, fine = CODEC.encode_all(BLOCK, [8 * 60, 8 * 20_000])
    norm = np.linalg.norm(BLOCK.g)
    assert np.linalg.norm(coarse.g - BLOCK.g) > 0.03 * norm
    assert np.linalg.norm(fine.g - BLOCK.g) < 1e-3 * norm
    for code in (coarse, fine):
        np.testing.assert_array_equal(CODEC.decode(code.data, BLOCK), code.g)


def test_degeneracies_are_used_though_partners_differ():
    assert len(patterns_of(BLOCK)) == 1
    flat = np.zeros_like(BLOCK.energies)  # all bands degenerate, though they couple differently
    assert len(patterns_of(dataclasses.replace(BLOCK, energies=flat))) == 2
