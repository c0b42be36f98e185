"""Dipole sums: limits, symmetry and sum rules (EPW's numbers: tests/firstprinciples)."""

import jax.numpy as jnp
import numpy as np
import pytest
from analytic import zincblende

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import LongRange
from ephforge.core.units import COULOMB
from ephforge.coupling.longrange import dipole_sum, field, force_constants

CRYSTAL = zincblende(5.6)
VOLUME = abs(np.linalg.det(CRYSTAL.cell))
BORN = np.stack([2.1 * np.eye(3), -2.1 * np.eye(3)])
BORN[:, 0, 1] = [0.3, -0.3]  # field direction first: the transpose would show
DIELECTRIC = np.array([[9.0, 0.4, 0.0], [0.4, 8.0, 0.0], [0.0, 0.0, 7.0]])
POLAR = LongRange(BORN, DIELECTRIC, (4, 4, 4), 5.6, "epw-5.3")
DIPOLES = dipole_sum(POLAR, CRYSTAL)
RECIPROCAL = 2 * np.pi * np.linalg.inv(CRYSTAL.cell).T
Q = np.array([0.21, -0.13, 0.34])


def at(function, q_3):
    return np.asarray(function(jnp.asarray(q_3, float), DIPOLES))


def macroscopic(q_3):
    """(q.Z_s)_c and q.eps.q of a wave, 1/angstrom: what the field of a long wave follows."""
    wave_3 = q_3 @ RECIPROCAL
    return np.einsum("f,sfc->sc", wave_3, BORN), wave_3 @ DIELECTRIC @ wave_3


@pytest.mark.parametrize("direction", [(1, 0, 0), (0.3, -0.5, 0.8)])
def test_long_waves_split_longitudinal_from_transverse(direction):
    """D(q) - D(0) -> 4 pi e^2 / volume (q.Z_s)_c (q.Z_t)_d / q.eps.q, from electrostatics."""
    q_3 = 1e-5 * np.array(direction)
    charge_sc, screening = macroscopic(q_3)
    expected = 4 * np.pi * COULOMB / VOLUME * np.einsum("sc,td->sctd", charge_sc, charge_sc)
    difference = at(force_constants, q_3) - at(force_constants, np.zeros(3))
    np.testing.assert_allclose(difference, expected / screening, atol=1e-3)


def test_long_waves_couple_like_a_dipole_field():
    q_3 = 1e-6 * np.array([0.3, -0.5, 0.8])
    charge_sc, screening = macroscopic(q_3)
    expected = 4j * np.pi * COULOMB / VOLUME * charge_sc / screening
    np.testing.assert_allclose(at(field, q_3), expected, atol=1e-5 * np.abs(expected).max())


def test_neutral_crystal_keeps_the_acoustic_sum_rule():
    assert np.abs(at(force_constants, np.zeros(3)).sum(axis=2)).max() < 1e-13


def test_periodic_and_hermitian():
    constants, waves = at(force_constants, Q), at(field, Q)
    np.testing.assert_allclose(constants.transpose(2, 3, 0, 1).conj(), constants, atol=1e-13)
    np.testing.assert_allclose(at(force_constants, -Q), constants.conj(), atol=1e-13)
    np.testing.assert_allclose(at(field, -Q), waves.conj(), atol=1e-13)
    for shift in np.eye(3):
        np.testing.assert_allclose(at(force_constants, Q + shift), constants, atol=1e-5)


def test_unknown_convention_is_refused():
    other = LongRange(BORN, DIELECTRIC, (4, 4, 4), 5.6, "mine")
    with pytest.raises(EphforgeError, match="'mine': unknown convention"):
        dipole_sum(other, CRYSTAL)
