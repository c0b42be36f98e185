"""One atom: angular momentum, spin-orbit levels, gradients of Gaussian orbitals, Kramers pairs."""

import numpy as np
import pytest
from analytic import zincblende
from test_slater_koster import harmonics

from ephforge.core.realspace import Crystal
from ephforge.core.rng import generator
from ephforge.electrons.bases import SHELLS, orbital_shells
from ephforge.electrons.draw import draw
from ephforge.electrons.hopping import assemble
from ephforge.electrons.onsite import angular_momentum, spin_orbit
from ephforge.electrons.spectrum import bloch_sums

SHARES = {"overlap": 0.0, "crystal_field": 0.0, "spin_orbit": 0.0, "metals": 1.0}
SHARES["semiconductors"] = 0.0


@pytest.mark.parametrize("basis", SHELLS)
def test_angular_momentum_obeys_its_algebra(basis):
    x, y, z = angular_momentum(basis)
    np.testing.assert_allclose(x @ y - y @ x, 1j * z, atol=1e-14)
    momentum_a = np.array(SHELLS[basis])[orbital_shells(basis)]
    square = x @ x + y @ y + z @ z
    np.testing.assert_allclose(square, np.diag(momentum_a * (momentum_a + 1)), atol=1e-14)


def test_angular_momentum_turns_the_harmonics():
    """exp(-i t L_z) f (r) = f (turned back r), to first order in t."""
    generator_z = -1j * angular_momentum("sp3d5")[2]
    points, step = np.random.default_rng(1).normal(size=(6, 3)), 1e-5
    points /= np.linalg.norm(points, axis=1)[:, None]

    def turned(angle):
        back = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0]])
        return harmonics("sp3d5", points @ np.vstack([back, [0, 0, 1]]).T)

    difference = (turned(step) - turned(-step)) / (2 * step)
    found = generator_z.T @ harmonics("sp3d5", points)
    np.testing.assert_allclose(found, difference, atol=1e-9)


def test_spin_orbit_levels_of_an_atom():
    """j = l + 1/2 at l lambda / 2, 2l + 2 of them; j = l - 1/2 at -(l + 1) lambda / 2, 2l."""
    of_p, of_d = 0.3, 0.11
    levels = np.linalg.eigvalsh(spin_orbit("sp3d5", np.array([0.0, of_p, of_d])))
    expected = [0.0] * 2 + [of_p / 2] * 4 + [-of_p] * 2 + [of_d] * 6 + [-1.5 * of_d] * 4
    np.testing.assert_allclose(levels, np.sort(expected), atol=1e-14)


def test_bands_with_spin_come_in_kramers_pairs():
    crystal = zincblende()
    options = SHARES | {"bases": ["sp3d5"], "spin_orbit": 1.0, "overlap": 1.0}
    electrons = draw(generator(2, 5, "electrons"), crystal, options)
    hopping, _ = assemble(crystal, electrons)
    k_k3 = np.array([[0.1, 0.23, -0.31], [0.4, 0.2, 0.05]])
    reverse = np.kron(np.eye(18), [[0, 1], [-1, 0]])  # i sigma_y, with complex conjugation
    for values in (hopping.energy, hopping.overlap):
        forth, back = (bloch_sums(sign * k_k3, hopping.cells, values) for sign in (1, -1))
        np.testing.assert_allclose(reverse @ forth.conj() @ reverse.T, back, atol=1e-13)
    at_k, at_minus_k, at_gamma = (
        np.linalg.eigvalsh(bloch_sums(points, hopping.cells, hopping.energy))
        for points in (k_k3, -k_k3, np.zeros((1, 3)))
    )
    np.testing.assert_allclose(at_k, at_minus_k, atol=1e-12)
    # without inversion only k = -k has pairs
    np.testing.assert_allclose(at_gamma[:, ::2], at_gamma[:, 1::2], atol=1e-12)
    assert np.abs(at_k[:, ::2] - at_k[:, 1::2]).max() > 1e-4


def test_moving_orbitals_of_gaussians():
    """<a| d/du b> by quadrature of shifted Gaussians, against the drawn form of it."""
    exponent, step = 0.7, 1e-4
    nodes, weights = np.polynomial.hermite.hermgauss(12)
    axis, weight = nodes / np.sqrt(2 * exponent), weights / np.sqrt(2 * exponent)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    weight_p = np.einsum("i,j,k->ijk", weight, weight, weight).ravel()
    weight_p = weight_p * np.exp(2 * exponent * (points**2).sum(-1))
    power_a = np.array(SHELLS["sp3d5"])[orbital_shells("sp3d5")]

    def orbitals(points):
        radius = np.linalg.norm(points, axis=1)
        angular = harmonics("sp3d5", points / radius[:, None])
        return angular * radius ** power_a[:, None] * np.exp(-exponent * radius**2)

    norm_a = np.sqrt((orbitals(points) ** 2 * weight_p).sum(axis=1))
    expected = np.zeros((3, 9, 9))
    for c in range(3):
        shift = step * np.eye(3)[c]
        moved = (orbitals(points - shift) - orbitals(points + shift)) / (2 * step)
        expected[c] = (orbitals(points) * weight_p) @ moved.T / np.outer(norm_a, norm_a)

    crystal = Crystal(3.0 * np.eye(3), np.zeros((1, 3)), np.array([14]), np.array([28.0]))
    electrons = draw(generator(2, 1, "electrons"), crystal, SHARES | {"bases": ["sp3d5"]})
    electrons = electrons._replace(gradient_xuv=np.full((1, 3, 3), np.sqrt(exponent)))
    hopping, coupling = assemble(crystal, electrons)
    home = np.flatnonzero(np.all(hopping.cells == 0, axis=1))[0]
    np.testing.assert_allclose(coupling.basis_derivative[home], expected, atol=1e-6)
    assert not np.delete(coupling.basis_derivative, home, axis=0).any()
