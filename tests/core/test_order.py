"""States in another order: there and back, and all that a block is symmetric under stays."""

import dataclasses

import numpy as np
import pytest
from degenerate_blocks import brute_force_labels, degenerate_block, random_order
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import SMALL

from ephforge.core.degeneracy import entries_of, no_degeneracy, pattern_of
from ephforge.core.kpoints import sum_index
from ephforge.core.order import by_energy

BLOCK = degenerate_block("zincblende", 3, bands=4, noise=0.5, **SMALL)
PATTERN = pattern_of(BLOCK)


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_an_order_and_its_inverse_change_nothing(seed):
    order = random_order(PATTERN, seed)
    there = order.applied(BLOCK.g, BLOCK)
    np.testing.assert_array_equal(order.inverse.applied(there, BLOCK), BLOCK.g)
    np.testing.assert_array_equal(by_energy(PATTERN).applied(there, BLOCK), there)


def test_each_state_stands_where_the_order_says():
    """By a loop over orbits and channels."""
    order = random_order(PATTERN, 1)
    star_k = np.unique(BLOCK.orbits.orbit_kq[:, 0], return_inverse=True)[1]
    star_q = np.unique(BLOCK.orbits.orbit_kq[0], return_inverse=True)[1]
    final_kq = sum_index(BLOCK.k_mesh, BLOCK.q_mesh)
    found = order.applied(BLOCK.g, BLOCK)
    for o, (k, q) in enumerate(BLOCK.orbits.representative_o2):
        m_m = order.bands_sp[star_k[final_kq[k, q]]]
        n_n, v_v = order.bands_sp[star_k[k]], order.modes_sp[star_q[q]]
        np.testing.assert_array_equal(found[..., o], BLOCK.g[..., o][np.ix_(m_m, n_n, v_v)])


@pytest.mark.parametrize("seed", range(4))
def test_equal_numbers_stay_equal(seed):
    """Degeneracies and Hermitian partners, which brute force finds in the order of energies."""
    order = random_order(PATTERN, seed)
    labels = brute_force_labels(BLOCK).reshape(BLOCK.g.shape).astype(float)
    moved_xo = order.applied(labels, BLOCK).reshape(-1, BLOCK.g.shape[-1])
    entries = entries_of(BLOCK, order.pattern(PATTERN))
    pairs = np.unique(np.stack([moved_xo.ravel(), entries.label_xo.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(labels)) == len(entries.weight_e)


def test_states_that_are_not_degenerate_may_stand_anywhere():
    free = no_degeneracy(BLOCK.orbits, 4, 6)
    order = random_order(free, 5)
    assert all(np.all(ends) for ends in order.pattern(free))
    assert not np.array_equal(order.applied(BLOCK.g, BLOCK), BLOCK.g)


def test_one_state_has_one_order():
    flat = dataclasses.replace(BLOCK, energies=np.zeros_like(BLOCK.energies))
    pattern = pattern_of(flat)
    assert np.array_equal(random_order(pattern, 0).bands_sp, by_energy(pattern).bands_sp)
