"""Radial laws: their forms, the smooth end, precision; tables in either order of the atoms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ephforge.electrons.integrals import exchanged
from ephforge.electrons.laws import pair_block, radial, switch

SHAPE_4 = jnp.array([6.5, 2.35, 2.6, 4.1])  # curvature, reference, onset, cutoff


@pytest.mark.parametrize("distance", [2.0, 2.35, 2.55])
def test_special_cases_of_the_radial_law(distance):
    ratio, power = distance / 2.35, jnp.array(2.0)
    found = radial(jnp.array(distance), power, jnp.array(0.0), SHAPE_4)
    assert float(found) == pytest.approx(ratio**-2, rel=1e-14)
    exponential = SHAPE_4.at[0].set(1.0)
    found = radial(jnp.array(distance), jnp.array(0.0), jnp.array(3.0), exponential)
    assert float(found) == pytest.approx(np.exp(-3 * (ratio - 1)), rel=1e-14)
    # (r/d)^n exp(n [-(d/r_c)^c + (r/r_c)^c]) as Goodwin, Skinner and Pettifor write it
    radius = 3.67
    decay = jnp.array(2 * (2.35 / radius) ** 6.5)
    found = radial(jnp.array(distance), power, decay, SHAPE_4)
    gsp = ratio**-2 * np.exp(2 * (-((distance / radius) ** 6.5) + (2.35 / radius) ** 6.5))
    assert float(found) == pytest.approx(gsp, rel=1e-13)


def test_switch_is_twice_differentiable_at_both_ends():
    first, second = jax.grad(switch), jax.grad(jax.grad(switch))
    for x, value in ((0.0, 1.0), (1.0, 0.0)):
        for side in (-1e-9, 1e-9):
            at = jnp.array(x + side)
            assert float(switch(at)) == pytest.approx(value, abs=1e-12)
            assert float(first(at)) == pytest.approx(0, abs=1e-12)
            assert float(second(at)) == pytest.approx(0, abs=1e-6)


def test_tables_agree_for_both_orders_of_the_atoms():
    drawn = np.random.default_rng(1).normal(size=(2, 2, 3, 3, 3))
    table = exchanged(drawn, "sp3d5", signed=True)
    s, p, d = range(3)
    np.testing.assert_array_equal(table[0, 1, s, p], drawn[0, 1, s, p])
    np.testing.assert_array_equal(table[1, 0, p, s], -table[0, 1, s, p])
    np.testing.assert_array_equal(table[1, 0, d, s], table[0, 1, s, d])
    np.testing.assert_array_equal(table[1, 0, d, p], -table[0, 1, p, d])
    np.testing.assert_array_equal(table[1, 0, p, p], table[0, 1, p, p])
    assert not np.array_equal(table[0, 1, s, p], table[1, 0, s, p])
    with_star = exchanged(drawn, "sp3s*", signed=True)
    np.testing.assert_array_equal(with_star[1, 0, 1, 2], -with_star[0, 1, 2, 1])
    np.testing.assert_array_equal(with_star[1, 0, 2, 0], with_star[0, 1, 0, 2])


def test_single_precision_stays_single():
    draws = np.random.default_rng(2).uniform(0.5, 2, (2, 2, 5))
    arguments = (jnp.array([1.0, 1.0, 2.5]), *(jnp.asarray(draws[..., part]) for part in (0, 1)))
    strength = jnp.asarray(draws[..., 2:])
    double = (arguments[0], strength, *arguments[1:], SHAPE_4)
    single = [x.astype(np.float32) for x in double]
    gradient = jax.jit(jax.jacfwd(pair_block), static_argnums=5)
    found, expected = (gradient(*part, "sp3") for part in (single, double))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-4)
