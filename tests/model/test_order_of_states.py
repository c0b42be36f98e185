"""The order of states that a code uses: found where it was changed, written and read again."""

import math
from itertools import combinations

import numpy as np
import pytest
from degenerate_blocks import degenerate_block, random_order
from hypothesis import given, settings
from hypothesis import strategies as st
from material_blocks import make_block
from small_networks import SMALL, small_codec

from ephforge.ablation.parts import variants
from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Pattern, no_degeneracy, pattern_of
from ephforge.core.order import Order, by_energy
from ephforge.model.bitstream import Reader, Writer
from ephforge.model.order import CHANGED, WORTH, order_of, read_order, write_order
from ephforge.model.sparse import dictionary_of
from ephforge.model.transform import statistics_of, weighted

BANDS = 3
TRAINING = [make_block("zincblende", i, bands=BANDS, noise=0.4, **SMALL) for i in range(12)]
CODEC = small_codec(statistics_of(TRAINING))
STATISTICS = CODEC.statistics
FREE = no_degeneracy(TRAINING[0].orbits, BANDS, 6)


def exchanged(block: Block, pattern, places) -> tuple[Block, Order]:
    """With neighbouring groups exchanged on some stars: kind, star, which."""
    tables = [table.copy() for table in by_energy(pattern)]
    for kind, s, i in places:
        runs = np.split(tables[kind][s], np.flatnonzero(pattern[kind][s]) + 1)
        runs[i], runs[i + 1] = runs[i + 1], runs[i]
        tables[kind][s] = np.concatenate(runs)
    order = Order(*tables)
    return block.__class__(**{**block.__dict__, "g": order.applied(block.g, block)}), order


def left(block: Block, order: Order) -> float:
    """Share of squares outside the span of the components, by projection on them."""
    g = order.applied(block.g, block)
    y = weighted(block.__class__(**{**block.__dict__, "g": g})).reshape(-1, g.shape[-1])
    dictionary = dictionary_of(block, STATISTICS, FREE)
    c_e = dictionary.analyse(y)[dictionary.components_er.shape[1] :]
    basis = np.linalg.qr(dictionary.components_er)[0]
    return 1 - np.sum((basis.T @ c_e) ** 2) / np.sum(y**2)


@pytest.mark.parametrize("places", [[(1, 0, 2)], [(0, 1, 0)], [(0, 0, 1), (1, 2, 3), (1, 1, 0)]])
def test_exchanged_states_of_a_known_material_are_found(places):
    block, order = exchanged(TRAINING[4], FREE, places)
    found = order_of(block, STATISTICS, FREE)
    for mine, given_sp in zip(found, order.inverse, strict=True):
        np.testing.assert_array_equal(mine, given_sp)
    np.testing.assert_array_equal(found.applied(block.g, block), TRAINING[4].g)


def test_a_material_that_was_trained_on_keeps_its_order():
    """The components leave rounding errors of it, which no exchange is to be taken for."""
    for block in TRAINING:
        for mine, given_sp in zip(order_of(block, STATISTICS, FREE), by_energy(FREE), strict=True):
            np.testing.assert_array_equal(mine, given_sp)


@pytest.mark.parametrize("seed", range(3))
def test_no_exchange_is_left_that_would_be_worth_it(seed):
    block = make_block("zincblende", 50 + seed, bands=BANDS, noise=0.8, **SMALL)
    found = order_of(block, STATISTICS, FREE)
    least = left(block, found)
    assert least <= left(block, by_energy(FREE)) + 1e-6
    for kind, table in enumerate(found):
        for s in range(len(table)):
            for i, j in combinations(range(table.shape[1]), 2):
                tables = [t.copy() for t in found]
                tables[kind][s, [i, j]] = tables[kind][s, [j, i]]
                assert left(block, Order(*tables)) > (1 - WORTH) * least - 1e-6


def test_degenerate_states_change_places_together():
    pattern = pattern_of(degenerate_block("zincblende", 9, bands=BANDS, **SMALL))
    star = int(np.flatnonzero(~pattern.modes_sv.all(axis=1) & pattern.modes_sv.any(axis=1))[0])
    block, order = exchanged(TRAINING[4], pattern, [(1, star, 0)])
    moved = order.pattern(pattern)
    assert np.any(moved.modes_sv != pattern.modes_sv)
    found = order_of(block, STATISTICS, moved)
    np.testing.assert_array_equal(found.modes_sp, order.inverse.modes_sp)
    np.testing.assert_array_equal(found.pattern(moved).modes_sv, pattern.modes_sv)


def test_without_components_states_are_sorted_by_energy():
    few = statistics_of(TRAINING[:3])
    found = order_of(TRAINING[5], few, FREE)
    for mine, sorted_sp in zip(found, by_energy(FREE), strict=True):
        np.testing.assert_array_equal(mine, sorted_sp)


@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.2, 1.0]))
@settings(max_examples=40, deadline=None)
def test_what_is_read_is_what_was_written(seed, share):
    random = np.random.default_rng(seed)
    pattern = Pattern(random.random((5, 3)) < 0.6, random.random((4, 5)) < 0.6)
    order = random_order(pattern, seed, share)
    writer = Writer()
    write_order(writer, order, order.pattern(pattern))
    found = read_order(Reader(writer.bytes()), order.pattern(pattern))
    for mine, expected in zip(found, order, strict=True):
        np.testing.assert_array_equal(mine, expected)


def test_what_an_order_costs():
    """Sorted stars their part of a flag; an exchange that of the flag, and one of 6! orders."""
    _, order = exchanged(TRAINING[0], FREE, [(1, 0, 2)])
    sorted_stars = sum(len(t) for t in FREE) - 1
    writer = Writer()
    write_order(writer, order, FREE)
    bits = -sorted_stars * np.log2(1 - CHANGED) - np.log2(CHANGED) + np.log2(math.factorial(6))
    assert bits / 8 - 1 <= len(writer.bytes()) <= bits / 8 + 1


def test_codes_with_exchanged_states_are_as_good_and_come_back():
    block, _ = exchanged(TRAINING[4], FREE, [(1, 0, 2), (0, 1, 0)])
    without = variants(CODEC, [])["order of states"]()
    bits = [300, 900]
    for one, code, sorted_code in zip(
        CODEC.encode_all(TRAINING[4], bits),
        CODEC.encode_all(block, bits),
        without.encode_all(block, bits),
        strict=True,
    ):
        np.testing.assert_array_equal(CODEC.decode(code.data, block), code.g)
        np.testing.assert_array_equal(without.decode(sorted_code.data, block), sorted_code.g)
        miss, miss_known, miss_sorted = (
            np.linalg.norm(weighted_difference(c.g, b))
            for c, b in ((code, block), (one, TRAINING[4]), (sorted_code, block))
        )
        assert miss < 0.8 * miss_sorted
        assert miss < 1.3 * miss_known


def weighted_difference(g_mnvo, block):
    return (g_mnvo - block.g) * np.sqrt(block.orbits.size_o)
