"""Dipole sums: limits, symmetry and sum rules (EPW's numbers: tests/firstprinciples)."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from analytic import zincblende

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import LongRange
from ephforge.core.units import COULOMB
from ephforge.coupling.longrange import dipole_sum, field, force_constants, on_points
from ephforge.lattice.ewald import wave_force_constants

CRYSTAL = zincblende(5.6)
VOLUME = abs(np.linalg.det(CRYSTAL.cell))
BORN = np.stack([2.1 * np.eye(3), -2.1 * np.eye(3)])
BORN[:, 0, 1] = [0.3, -0.3]  # field direction first: the transpose would show
DIELECTRIC = np.array([[9.0, 0.4, 0.0], [0.4, 8.0, 0.0], [0.0, 0.0, 7.0]])
EPW = LongRange(BORN, DIELECTRIC, (4, 4, 4), 5.6, "epw-5.3")
PERTURBO = LongRange(BORN, DIELECTRIC, (4, 4, 4), 5.6, "perturbo", (1.0, 0.6))
EWALD = LongRange(BORN, DIELECTRIC, (1, 1, 1), 3.5, "ewald", (0.4, 0.3))
ALL = pytest.mark.parametrize("polar", [EPW, PERTURBO, EWALD], ids=lambda polar: polar.convention)
RECIPROCAL = 2 * np.pi * np.linalg.inv(CRYSTAL.cell).T
Q = np.array([0.21, -0.13, 0.34])


def at(function, q_3, polar):
    return np.asarray(function(jnp.asarray(q_3, float), dipole_sum(polar, CRYSTAL)))


def macroscopic(q_3):
    """(q.Z_s)_c and q.eps.q of a wave, 1/angstrom: what the field of a long wave follows."""
    wave_3 = q_3 @ RECIPROCAL
    return np.einsum("f,sfc->sc", wave_3, BORN), wave_3 @ DIELECTRIC @ wave_3


@ALL
@pytest.mark.parametrize("direction", [(1, 0, 0), (0.3, -0.5, 0.8)])
def test_long_waves_split_longitudinal_from_transverse(direction, polar):
    """D(q) - D(0) -> 4 pi e^2 / volume (q.Z_s)_c (q.Z_t)_d / q.eps.q, from electrostatics."""
    q_3 = 1e-5 * np.array(direction)
    charge_sc, screening = macroscopic(q_3)
    expected = 4 * np.pi * COULOMB / VOLUME * np.einsum("sc,td->sctd", charge_sc, charge_sc)
    difference = at(force_constants, q_3, polar) - at(force_constants, np.zeros(3), polar)
    np.testing.assert_allclose(difference, expected / screening, atol=1e-3)


@ALL
def test_long_waves_couple_like_a_dipole_field(polar):
    """g -> i 4 pi e^2 / volume q.Z / q.eps.q, growing like 1/q: Froehlich's divergence."""
    q_3 = 1e-6 * np.array([0.3, -0.5, 0.8])
    charge_sc, screening = macroscopic(q_3)
    expected = 4j * np.pi * COULOMB / VOLUME * charge_sc / screening
    np.testing.assert_allclose(at(field, q_3, polar), expected, atol=1e-5 * np.abs(expected).max())


@ALL
def test_neutral_crystal_keeps_the_acoustic_sum_rule(polar):
    assert np.abs(at(force_constants, np.zeros(3), polar).sum(axis=2)).max() < 1e-13


@ALL
def test_periodic_and_hermitian(polar):
    constants, waves = at(force_constants, Q, polar), at(field, Q, polar)
    np.testing.assert_allclose(constants.transpose(2, 3, 0, 1).conj(), constants, atol=1e-13)
    np.testing.assert_allclose(at(force_constants, -Q, polar), constants.conj(), atol=1e-13)
    np.testing.assert_allclose(at(field, -Q, polar), waves.conj(), atol=1e-13)
    for shift in np.eye(3):
        np.testing.assert_allclose(at(force_constants, Q + shift, polar), constants, atol=1e-5)


def test_perturbo_by_its_formula_in_atomic_units():
    """Its sums term by term: rydberg, bohr, G in 2 pi / alat, Ewald parameters 1 and 0.6."""
    bohr, rydberg = 0.529177210903, 13.605693122994
    alat = 5.6 / bohr
    reciprocal = np.linalg.inv(CRYSTAL.cell / 5.6).T
    steps = np.arange(-5, 6)  # as wide as its boxes; the cut at e^-14 is far inside
    tau = CRYSTAL.positions / 5.6
    phi, coupling = np.zeros((2, 3, 2, 3), complex), np.zeros((2, 3), complex)
    for index in np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3):
        for wave, sign in ((Q + index, 1), (index * 1.0, -1)):
            k = wave @ reciprocal
            s = k @ DIELECTRIC @ k
            if not 0 < s <= 56:
                continue
            charge = np.einsum("f,sfc->sc", k, BORN)
            phase = np.exp(2j * np.pi * tau @ k)
            dipole = phase[:, None] * charge
            term = np.einsum("sc,td->sctd", dipole, dipole.conj()) * np.exp(-s / 4) / s
            if sign > 0:
                phi += term
            else:
                for atom in range(2):
                    phi[atom, :, atom] -= term[atom].sum(axis=1).real
            if sign > 0 and s <= 56 * 0.6:
                coupling += np.exp(-s / 2.4) / s * phase.conj()[:, None] * charge
    unit = 8 * np.pi / (VOLUME / bohr**3)
    phi *= unit * rydberg / bohr**2
    coupling *= 1j * unit * alat / (2 * np.pi) * rydberg / bohr
    np.testing.assert_allclose(at(force_constants, Q, PERTURBO), phi, atol=2e-6)
    np.testing.assert_allclose(at(field, Q, PERTURBO), coupling, atol=2e-6)
    assert np.abs(coupling).max() > 0.1
    assert np.all(at(field, np.zeros(3), PERTURBO) == 0)


def test_ewald_leaves_nothing_out():
    """Against the same sum over a wider box in NumPy, and periodic to rounding."""
    shift = np.array([1.0, -2.0, 3.0])
    q_q3 = np.stack([Q, Q + shift, np.zeros(3), np.array([0.5, 0.5, -0.5])])
    expected = wave_force_constants(EWALD, CRYSTAL, q_q3)
    found, waves = on_points(EWALD, CRYSTAL, q_q3)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, atol=1e-12 * scale)
    np.testing.assert_allclose(found[1], found[0], atol=1e-12 * scale)
    np.testing.assert_allclose(waves[1], waves[0], atol=1e-12 * np.abs(waves).max())


def test_ewald_pads_to_few_shapes():
    """Another cell and dielectric tensor, the same number of waves; the padding counts nothing."""
    other = replace(EWALD, dielectric=2.0 * np.eye(3), ewald=(0.2, 0.2))
    first, second = (dipole_sum(polar, CRYSTAL).lattice.vector_g3 for polar in (EWALD, other))
    assert len(second) == 512
    assert len(first) in (512, 1024, 2048)
    np.testing.assert_allclose(
        on_points(other, CRYSTAL, Q[None])[0],
        wave_force_constants(other, CRYSTAL, Q[None]),
        atol=1e-12,
    )


def test_one_point_of_a_mesh_leaves_out_the_sum_along_it():
    flat = replace(PERTURBO, q_mesh=(4, 4, 1))
    inside, beyond = np.array([0.2, 0.1, 0.0]), np.array([0.2, 0.1, 3.0])
    assert np.abs(at(field, inside, flat)).max() > 0.1
    assert np.abs(at(field, inside, flat) - at(field, beyond, flat)).max() > 0.1


def test_unknown_convention_is_refused():
    other = LongRange(BORN, DIELECTRIC, (4, 4, 4), 5.6, "mine")
    with pytest.raises(
        EphforgeError, match=r"'mine': unknown convention.*epw-5.3, ewald, perturbo"
    ):
        dipole_sum(other, CRYSTAL)
