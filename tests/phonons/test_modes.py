"""Modes against closed forms, and the properties that hold for any force constants."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ephforge.core.realspace import ForceConstants
from ephforge.core.units import HBAR2_PER_DALTON
from ephforge.phonons.modes import PADDING_STIFFNESS, dynamical_matrix, energies_at, modes
from ephforge.phonons.sum_rules import acoustic, permutation_symmetric

FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
SPRING, MASS = 1.7, 40.0


@pytest.fixture
def fcc_springs():
    """One atom in fcc, springs along the bonds between nearest neighbours."""
    cells = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    vectors = cells @ FCC
    phi = np.zeros((len(cells), 1, 3, 1, 3))
    for number, vector in enumerate(vectors):
        if np.isclose(vector @ vector, 0.5):
            phi[number, 0, :, 0, :] = -SPRING * np.outer(vector, vector) / 0.5
    return acoustic(ForceConstants(cells, phi))


@pytest.fixture
def arbitrary():
    """Random force constants of two atoms that obey both sum rules."""
    rng = np.random.default_rng(3)
    cells = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    phi = rng.normal(size=(len(cells), 2, 3, 2, 3))
    return acoustic(permutation_symmetric(ForceConstants(cells, phi)))


@pytest.mark.parametrize("zeta", [0.1, 0.37, 1.0])
def test_fcc_springs_along_100(fcc_springs, zeta):
    """M omega^2 = 8 K sin^2(qa/4) longitudinal and 4 K sin^2(qa/4) transverse, q = 2 pi zeta/a."""
    q_fractional = FCC @ np.array([zeta, 0.0, 0.0])
    energies = energies_at(q_fractional[None], fcc_springs, np.array([MASS]))[0]
    sine2 = np.sin(np.pi * zeta / 2) ** 2
    expected = np.sqrt(HBAR2_PER_DALTON * SPRING / MASS * sine2 * np.array([4, 4, 8]))
    np.testing.assert_allclose(energies, expected, rtol=1e-12)


def test_modes_solve_the_equation_of_motion(arbitrary):
    """Both signs of omega^2 come out right, and the rows are orthonormal polarisations."""
    q, mass = jnp.array([0.1, -0.23, 0.4]), jnp.array([12.0, 31.0])
    matrix = dynamical_matrix(q, jnp.asarray(arbitrary.cells), jnp.asarray(arbitrary.phi), mass)
    energy, polarisation = jax.jit(modes)(matrix)
    assert energy[0] < 0 < energy[-1]
    assert np.all(np.diff(energy) >= 0)
    eigenvalue = np.sign(energy) * energy**2 / HBAR2_PER_DALTON
    np.testing.assert_allclose(
        matrix @ polarisation.T, polarisation.T * eigenvalue, atol=1e-12 * np.abs(matrix).max() * 10
    )
    np.testing.assert_allclose(polarisation.conj() @ polarisation.T, np.eye(6), atol=1e-13)


def test_equation_of_motion_in_real_space(arbitrary):
    """A standing pattern u_s(R) = e_s e^{2 pi i q.R}/sqrt(M_s) feels a force -M omega^2 u."""
    q, mass = np.array([0.31, 0.12, -0.4]), np.array([12.0, 31.0])
    matrix = dynamical_matrix(*map(jnp.asarray, (q, arbitrary.cells, arbitrary.phi, mass)))
    energy, polarisation = map(np.asarray, modes(matrix))
    displacement = polarisation.reshape(6, 2, 3) / np.sqrt(mass)[:, None]
    phase = np.exp(2j * np.pi * arbitrary.cells @ q)
    force = -np.einsum("rsctd,r,vtd->vsc", arbitrary.phi, phase, displacement)
    omega2 = np.sign(energy) * energy**2 / HBAR2_PER_DALTON
    expected = -omega2[:, None, None] * mass[:, None] * displacement
    np.testing.assert_allclose(force, expected, atol=1e-12)


def test_hermitian_without_being_made_so(arbitrary):
    """The Fourier sum itself is hermitian for permutation-symmetric force constants."""
    phase = np.exp(2j * np.pi * arbitrary.cells @ np.array([0.2, 0.3, 0.45]))
    plain = np.einsum("r,rsctd->sctd", phase, arbitrary.phi).reshape(6, 6)
    np.testing.assert_allclose(plain, plain.conj().T, atol=1e-13)
    unit_mass = dynamical_matrix(
        jnp.array([0.2, 0.3, 0.45]), *map(jnp.asarray, (arbitrary.cells, arbitrary.phi, np.ones(2)))
    )
    np.testing.assert_allclose(unit_mass, plain, atol=1e-13)


def test_padding_changes_nothing(fcc_springs):
    """A padded atom adds modes above all others; at Gamma the real ones have no weight on it."""
    n = len(fcc_springs.cells)
    cells = np.pad(fcc_springs.cells, ((0, 5), (0, 0)))
    phi = np.zeros((n + 5, 2, 3, 2, 3))
    phi[:n, :1, :, :1, :] = fcc_springs.phi
    home = np.flatnonzero(np.all(fcc_springs.cells == 0, axis=1))[0]
    phi[home, 1, :, 1, :] = PADDING_STIFFNESS * np.eye(3)
    q = np.array([[0.0, 0.0, 0.0], [0.2, 0.1, 0.4]])

    def at(point):
        return modes(
            dynamical_matrix(point, jnp.asarray(cells), jnp.asarray(phi), jnp.array([MASS, 1.0]))
        )

    energy, polarisation = jax.vmap(at)(jnp.asarray(q))
    plain = energies_at(q, fcc_springs, np.array([MASS]))
    np.testing.assert_allclose(energy[:, :3], plain, atol=1e-8)
    assert np.all(energy[:, 3:] > 1.0)
    assert np.all(np.abs(polarisation[:, :3, 3:]) == 0)
