"""Slater-Koster hopping: rotations, derivatives, cut-off, symmetry of the assembled model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from analytic import fcc, hopping_law, zincblende

from ephforge.electrons.hopping import (
    assemble,
    nearest_distance,
    neighbours,
    pair_block,
    pair_gradient,
    radial,
    slater_koster,
)

STRENGTH_5 = jnp.array([-1.4, 1.84, 1.5, 3.24, -0.81])
RANGE_3 = jnp.array([2.3, 2.6, 4.1])


def test_block_along_z_is_the_table_of_integrals():
    ss, sp, ps, sigma, pi = STRENGTH_5
    block = slater_koster(jnp.array([0.0, 0.0, 1.7]), STRENGTH_5)
    expected = np.diag([ss, pi, pi, sigma])
    expected[0, 3], expected[3, 0] = sp, -ps
    np.testing.assert_allclose(block, expected, atol=1e-15)


def test_block_turns_with_the_bond():
    rotation, _ = jnp.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    turn = np.eye(4)
    turn[1:, 1:] = rotation
    d_3 = jnp.array([0.3, -1.2, 0.8])
    turned = slater_koster(rotation @ d_3, STRENGTH_5)
    np.testing.assert_allclose(turned, turn @ slater_koster(d_3, STRENGTH_5) @ turn.T, atol=1e-14)


def test_exchanging_the_atoms_transposes_the_block():
    d_3 = jnp.array([0.3, -1.2, 0.8])
    back = slater_koster(-d_3, STRENGTH_5[jnp.array([0, 2, 1, 3, 4])])
    np.testing.assert_allclose(back, np.asarray(slater_koster(d_3, STRENGTH_5)).T, atol=1e-15)


@pytest.mark.parametrize("distance", [2.0, 2.7, 3.6])
def test_gradient_is_the_finite_difference(distance):
    d_3 = distance * jnp.array([0.48, -0.6, 0.64])
    exponent, step = jnp.array(2.2), 1e-5
    found = pair_gradient(d_3, STRENGTH_5, exponent, RANGE_3)
    for c in range(3):
        move_3 = step * np.eye(3)[c]
        difference = pair_block(d_3 + move_3, STRENGTH_5, exponent, RANGE_3) - pair_block(
            d_3 - move_3, STRENGTH_5, exponent, RANGE_3
        )
        np.testing.assert_allclose(found[c], difference / (2 * step), atol=3e-9)


def test_switch_is_flat_at_both_ends():
    exponent, (reference, onset, cutoff) = jnp.array(0.0), RANGE_3
    slope = jax.grad(radial)
    for distance, value in ((onset, 1.0), (cutoff, 0.0)):
        arguments = (jnp.asarray(distance), exponent, reference, onset, cutoff)
        assert float(radial(*arguments)) == pytest.approx(value, abs=1e-14)
        assert float(slope(*arguments)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("orbitals", [1, 4])
def test_assembled_model_is_hermitian_and_its_gradient_odd(orbitals):
    crystal = zincblende()
    hopping, coupling = assemble(crystal, hopping_law(crystal, 4.5), orbitals)
    assert hopping.energy.shape[1:] == (2 * orbitals, 2 * orbitals)
    for r, cell in enumerate(hopping.cells):
        back = np.flatnonzero(np.all(hopping.cells == -cell, axis=1))[0]
        np.testing.assert_allclose(hopping.energy[back], hopping.energy[r].T, atol=1e-14)
        gradient = coupling.gradient[r].transpose(0, 2, 1)
        np.testing.assert_allclose(coupling.gradient[back], -gradient, atol=1e-13)


def test_neighbour_shells_of_fcc():
    crystal = fcc(4.0)
    assert nearest_distance(crystal) == pytest.approx(4 / np.sqrt(2))
    for cutoff, count in ((2.9, 12), (4.1, 18), (5.0, 42)):
        pairs, d_p3 = neighbours(crystal, cutoff)
        assert len(pairs) == count
        np.testing.assert_allclose(d_p3, pairs[:, 2:] @ crystal.cell, atol=1e-14)


def test_single_precision_stays_single():
    arguments = (jnp.array([1.0, 1.0, 2.0]), STRENGTH_5, jnp.array(2.0), RANGE_3)
    single = [x.astype(np.float32) for x in arguments]
    assert pair_gradient(*single).dtype == np.float32
    np.testing.assert_allclose(
        pair_gradient(*single), pair_gradient(*arguments), rtol=2e-5, atol=1e-5
    )
