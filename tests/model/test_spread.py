"""The number by which a code says how far its block is from the training materials."""

import numpy as np
import pytest
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.ablation.parts import variants
from ephforge.core.degeneracy import no_degeneracy
from ephforge.core.order import by_energy
from ephforge.model.codec import scale_of
from ephforge.model.encoder import Encoder
from ephforge.model.sparse import dictionary_of
from ephforge.model.spread import ABOVE, AS_EXPECTED, SPREADS, factor_of, spreads_of
from ephforge.model.transform import statistics_of

BANDS = 2
TRAINING = [make_block("zincblende", i, bands=BANDS, noise=0.3, **SMALL) for i in range(12)]
CODEC = small_codec(statistics_of(TRAINING))
FREE = no_degeneracy(TRAINING[0].orbits, BANDS, 6)
DICTIONARY = dictionary_of(TRAINING[0], CODEC.statistics, FREE)
COUNT = DICTIONARY.components_er.shape[1]


def block_at(distance: float) -> np.ndarray:
    """A component, and so many times as much as is expected to be left of a block."""
    score_r, size_d = np.split(DICTIONARY.size_e, [COUNT])
    component_d = DICTIONARY.components_er @ score_r
    drawn_d = np.random.default_rng(2).normal(size=len(size_d)) * size_d
    basis_dr = np.linalg.qr(DICTIONARY.components_er)[0]
    drawn_d -= basis_dr @ (basis_dr.T @ drawn_d)
    drawn_d *= distance * np.linalg.norm(size_d) / np.linalg.norm(drawn_d)
    c_e = np.concatenate([np.zeros(COUNT), component_d + drawn_d])
    y_xo = np.zeros(DICTIONARY.entries.label_xo.shape)
    for part, c_ic in zip(DICTIONARY.parts, DICTIONARY.split(c_e)[2:], strict=True):
        y_xo += part.channel_xc @ (part.basis_oi @ c_ic).T
    return y_xo


@pytest.mark.parametrize("distance", [0.0, 0.1, 1.0, 2.0, 3.0, 6.0, 1000.0])
def test_the_wide_factor_is_the_nearest_one_that_is_not_below_one(distance):
    wide, narrow = spreads_of(DICTIONARY, block_at(distance))
    wanted = max(distance, 1e-9) * 2**ABOVE
    numbers = range(AS_EXPECTED, SPREADS)
    apart = [abs(np.log(factor_of(number) / wanted)) for number in numbers]
    assert wide == numbers[int(np.argmin(apart))]
    assert factor_of(narrow) == factor_of(wide) / 4


def test_only_what_components_leave_is_widened():
    wide = DICTIONARY.widened(3.0)
    np.testing.assert_array_equal(wide.size_e[:COUNT], DICTIONARY.size_e[:COUNT])
    np.testing.assert_allclose(wide.size_e[COUNT:], 3 * DICTIONARY.size_e[COUNT:], rtol=1e-12)


def test_without_components_nothing_is_said():
    bare = dictionary_of(TRAINING[0], statistics_of(TRAINING, most_components=0), FREE)
    assert spreads_of(bare, block_at(1000.0)) == [AS_EXPECTED]


def test_a_far_block_says_so_unless_it_is_told_not_to():
    far = make_block("zincblende", 77, bands=BANDS, noise=3.0, **SMALL)
    silent = variants(CODEC, TRAINING)["spread"]()
    assert all(encoder.spread == AS_EXPECTED for encoder in silent.encoders(far))
    assert max(encoder.spread for encoder in CODEC.encoders(far)) > AS_EXPECTED


@pytest.mark.parametrize("bits", [300, 600, 2000])
def test_a_code_is_the_best_of_those_that_compete_and_comes_back(bits):
    far = make_block("zincblende", 77, bands=BANDS, noise=3.0, **SMALL)
    code = CODEC.encode(far, bits)
    np.testing.assert_array_equal(CODEC.decode(code.data, far), code.g)
    every = [code for encoder in CODEC.encoders(far) for code in encoder.within(bits)]
    assert len({encoder.spread for encoder in CODEC.encoders(far)}) == 2
    size_o = far.orbits.size_o
    miss = np.sum((code.g - far.g) ** 2 @ size_o.astype(float))
    assert miss == pytest.approx(min(code.miss for code in every), rel=1e-9)


def test_the_number_stands_in_the_code():
    """A code of another number decodes to something else: it is read, not made anew."""
    block, order, found = TRAINING[3], by_energy(FREE), {}
    for number in (0, 5):
        encoder = Encoder(CODEC, block, FREE, order, scale_of(block), number)
        code = min(encoder.within(1500), key=lambda code: code.miss)
        np.testing.assert_array_equal(CODEC.decode(code.data, block), code.g)
        found[number] = code.data
    assert found[0] != found[5]
