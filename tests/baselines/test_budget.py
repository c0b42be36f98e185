"""Steps that fit a number of bits, against trying all of them."""

import numpy as np
import pytest

from ephforge.baselines import coder
from ephforge.baselines.budget import (
    CLOSE,
    HIGHEST_LEVEL,
    finest_level,
    header_for,
    header_of,
    packed,
    quantised,
    unpacked,
)

GENERATOR = np.random.default_rng(2)
SCALE = np.exp(-np.arange(300) / 40)
VALUE = GENERATOR.laplace(size=300) * SCALE
KNOWN = coder.table((SCALE / np.linalg.norm(SCALE)).reshape(15, 20))


@pytest.mark.parametrize("allowed", [0, 5, 40, 333, 10_000])
def test_the_finest_level_is_that_of_brute_force(allowed):
    def bits_of(level):
        return 5 + level * 0.37

    fitting = [level for level in range(HIGHEST_LEVEL + 1) if bits_of(level) <= allowed]
    found = finest_level(bits_of, allowed, {})
    if not fitting:
        assert found is None
    else:
        assert found in fitting
        assert found == fitting[-1] or bits_of(found) >= CLOSE * allowed


def test_levels_tried_before_are_not_tried_again():
    calls = []

    def bits_of(level):
        calls.append(level)
        return float(level)

    known = {}
    for allowed in (100, 100, 101):
        finest_level(bits_of, allowed, known)
    assert len(calls) == len(set(calls))


def test_headers_come_back():
    header = header_for(123.4, 517)
    assert header_of(header.pack() + b"rest") == header
    assert header.norm == pytest.approx(123.4, rel=1e-3)
    assert header.step == pytest.approx(header.norm * 2 ** (-517 / 64))


def test_more_bits_less_error_never_more_than_allowed():
    allowed = [0, 60, 200, 800, 3000]
    found = quantised(VALUE, KNOWN, allowed)
    errors = [np.linalg.norm(code.value_e - VALUE) for code in found]
    assert errors == sorted(errors, reverse=True)
    assert all(code.bits <= limit for code, limit in zip(found, allowed, strict=True))
    assert found[0].bits == 0
    assert not found[0].value_e.any()
    assert errors[-1] < 1e-2 * errors[0]
    assert found[3].bits > 0.9 * allowed[3]


def test_the_decoder_finds_what_the_encoder_says():
    for limit in (300, 2000):

        def sections(header):
            return [coder.Section(VALUE, KNOWN.times(header.norm), header.step)]

        (code,) = packed(sections, float(np.linalg.norm(VALUE)), [limit])
        (found,) = quantised(VALUE, KNOWN, [limit])
        assert 8 * len(code.data) == found.bits
        assert np.array_equal(unpacked(code.data, KNOWN), found.value_e)


def test_nothing_is_stored_of_zero():
    (found,) = quantised(np.zeros(300), KNOWN, [1000])
    assert found.bits == 0
    assert not found.value_e.any()
