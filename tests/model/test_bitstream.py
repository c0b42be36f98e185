"""Bytes of a code: what is written is read, in the fewest bytes, and damage is no crash."""

import numpy as np
import pytest
from degenerate_blocks import degenerate_block
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_networks import SMALL, small_prior

from ephforge.core.degeneracy import pattern_of
from ephforge.core.errors import EphforgeError
from ephforge.model.bitstream import (
    SCALES,
    STEPS,
    Header,
    Reader,
    Writer,
    read_header,
    read_integers,
    scale_number,
    scale_value,
    step_value,
    write_header,
    write_integers,
)
from ephforge.model.prior import LARGEST
from ephforge.model.sparse import dictionary_of
from ephforge.model.transform import statistics_of

BLOCK = degenerate_block("fcc", 1, bands=2, **SMALL)
DICTIONARY = dictionary_of(BLOCK, statistics_of([BLOCK]), pattern_of(BLOCK))
COUNT = len(DICTIONARY.size_e)
PRIOR = small_prior(3, trained=True)
STEP = 0.1
PATTERN = pattern_of(BLOCK)
SHARES = tuple(np.full(t.shape, share) for t, share in zip(PATTERN, (0.7, 0.6), strict=True))


def written(n_e, header=None):
    writer = Writer()
    if header:
        write_header(writer, header, SHARES)
    write_integers(writer, n_e, DICTIONARY, STEP, PRIOR)
    return writer.bytes()


def read(data):
    return read_integers(Reader(data), DICTIONARY, STEP, PRIOR)


def sparse_integers(values):
    n_e = np.zeros(COUNT, np.int64)
    for place, value in values.items():
        n_e[place] = value
    return n_e


INTEGERS = st.dictionaries(
    st.integers(0, COUNT - 1),
    st.one_of(st.integers(-3, 3), st.integers(-(2**20), 2**20)),
    max_size=40,
).map(sparse_integers)


@given(n_e=INTEGERS)
@example(n_e=sparse_integers({}))
@example(n_e=sparse_integers({0: LARGEST, 1: -LARGEST, 2: LARGEST + 1, 3: -LARGEST - 1}))
@example(n_e=sparse_integers({COUNT - 1: 1}))
@settings(max_examples=40, deadline=None)
def test_integers_come_back_from_no_more_bytes_than_needed(n_e):
    data = written(n_e)
    np.testing.assert_array_equal(read(data), n_e)
    for longer in (b"\0", b"\0" * 9):
        np.testing.assert_array_equal(read(data + longer), n_e)
    if data:
        assert not decodes_to(data[:-1], n_e)
        increased = (int.from_bytes(data[:-1], "big") + 1) % 256 ** len(data[:-1])
        assert not decodes_to(increased.to_bytes(len(data) - 1, "big"), n_e)


def decodes_to(data, n_e):
    try:
        return np.array_equal(read(data), n_e)
    except EphforgeError:
        return False


@given(numbers=st.lists(st.tuples(st.integers(1, 2**23), st.floats(0, 1)), max_size=30))
@example(numbers=[(2**23, 1.0)] * 12)  # the highest symbols: a carry through all words
@example(numbers=[(2**23, 0.0)] * 12)
@settings(max_examples=100, deadline=None)
def test_numbers_come_back(numbers):
    values = [(min(int(count * share), count - 1), count) for count, share in numbers]
    writer = Writer()
    for value, count in values:
        writer.number(value, count)
    data = writer.bytes()
    assert data[-1:] != b"\0"
    reader = Reader(data)
    assert [reader.number(count) for _, count in values] == [value for value, _ in values]
    assert len(data) <= np.sum(np.log2([count for _, count in values])) / 8 + 1.1


@given(
    scale=st.integers(0, SCALES - 1),
    step=st.integers(0, STEPS - 1),
    seed=st.none() | st.integers(0, 100),
)
@settings(max_examples=40, deadline=None)
def test_a_header_comes_back(scale, step, seed):
    pattern = None
    if seed is not None:
        random = np.random.default_rng(seed)
        pattern = type(PATTERN)(*(random.random(table.shape) < 0.5 for table in PATTERN))
    n_e = sparse_integers({0: 3})
    reader = Reader(written(n_e, Header(scale, step, pattern)))
    found = read_header(reader, SHARES)
    assert found[:2] == (scale, step)
    assert (found.pattern is None) == (pattern is None)
    for table, expected in zip(found.pattern or (), pattern or (), strict=True):
        np.testing.assert_array_equal(table, expected)
    np.testing.assert_array_equal(read_integers(reader, DICTIONARY, STEP, PRIOR), n_e)


def test_a_code_is_as_long_as_its_probabilities_say():
    from ephforge.model.prior import features, levels_of

    n_e = np.rint(np.random.default_rng(0).laplace(size=COUNT) * DICTIONARY.size_e / STEP)
    n_e = n_e.astype(np.int64)
    level_e, bits = levels_of(DICTIONARY.size_e), 5.0
    for level in range(level_e[n_e != 0].max() + 1):
        feature_ef, asked_e = features(DICTIONARY, n_e, STEP, level_e, level)
        found_en = PRIOR.probabilities(feature_ef, DICTIONARY.size_e[asked_e] / STEP)
        bits -= np.log2(found_en[np.arange(asked_e.sum()), n_e[asked_e] + LARGEST]).sum()
    assert bits / 8 - 2 <= len(written(n_e)) <= 1.01 * bits / 8 + 2


@given(data=st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_integers_or_one_line(data):
    try:
        found = read(data).shape
    except EphforgeError as error:
        found = str(error).splitlines()
    assert found == (COUNT,) or len(found) == 1


@pytest.mark.parametrize("cut", [1, 3, 8])
def test_a_code_cut_short_decodes_to_something_else(cut):
    n_e = np.rint(np.random.default_rng(0).laplace(size=COUNT) * DICTIONARY.size_e / STEP)
    assert not decodes_to(written(n_e.astype(np.int64))[:-cut], n_e)


def test_too_many_levels_are_refused():
    writer = Writer()
    writer.number(31, 32)
    with pytest.raises(EphforgeError, match="31 levels of coefficients, but this material has"):
        read(writer.bytes())


@given(rms=st.floats(2e-5, 6e4))
@settings(deadline=None)
def test_the_scale_is_near(rms):
    assert scale_value(scale_number(rms)) == pytest.approx(rms, rel=2 ** (0.5 / 16) - 1 + 1e-9)


def test_scales_and_steps_are_geometric_and_bounded():
    assert scale_number(0.0) == scale_number(1e-9) == 0
    assert scale_number(1e9) == SCALES - 1
    assert scale_value(scale_number(1.0)) == 1.0
    assert [step_value(n) for n in (0, 32, 64)] == [4.0, 2.0, 1.0]
