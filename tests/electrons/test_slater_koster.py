"""Slater-Koster blocks against rotations of spherical harmonics, and entries of the table."""

import jax.numpy as jnp
import numpy as np
import pytest

from ephforge.electrons.bases import SHELLS, orbital_shells
from ephforge.electrons.slater_koster import parity, slater_koster

GENERATOR = np.random.default_rng(3)


def integrals(basis):
    """Distinct numbers; nothing is symmetric."""
    shells = len(SHELLS[basis])
    return GENERATOR.uniform(0.5, 2.0, (shells, shells, 3))


def harmonics(basis, points_p3):
    """Real harmonics at points of the unit sphere, written out, in the order of the basis."""
    x, y, z = points_p3.T
    root = np.sqrt(3)
    of_shell = {
        0: [np.ones_like(x)],
        1: [x, y, z],
        2: [root * x * y, root * y * z, root * z * x, root / 2 * (x**2 - y**2), 1.5 * z**2 - 0.5],
    }
    return np.array([f for momentum in SHELLS[basis] for f in of_shell[momentum]])


def turn(basis, rotation):
    """Matrix that turns the orbitals, by fitting turned harmonics with the unturned ones."""
    points = GENERATOR.normal(size=(40, 3))
    points /= np.linalg.norm(points, axis=1)[:, None]
    before, after = harmonics(basis, points), harmonics(basis, points @ rotation)
    shell_a = orbital_shells(basis)
    matrix = np.zeros((len(shell_a), len(shell_a)))
    for u in np.unique(shell_a):
        own = np.flatnonzero(shell_a == u)
        fitted, *_ = np.linalg.lstsq(before[own].T, after[own].T, rcond=None)
        matrix[np.ix_(own, own)] = fitted
    return matrix


def along_z(basis, integrals_uvm):
    """The block of a bond along z, from the magnetic quantum numbers alone."""
    magnetic = {0: [(0, 0)], 1: [(1, 0), (1, 1), (0, 0)]}
    magnetic[2] = [(2, 0), (1, 1), (1, 0), (2, 1), (0, 0)]  # (|m|, cosine or sine)
    label_a = [label for momentum in SHELLS[basis] for label in magnetic[momentum]]
    shell_a = orbital_shells(basis)
    size = len(shell_a)
    block = np.zeros((size, size))
    for a in range(size):
        for b in range(size):
            if label_a[a] == label_a[b]:
                block[a, b] = integrals_uvm[shell_a[a], shell_a[b], label_a[a][0]]
    return block


@pytest.mark.parametrize("basis", SHELLS)
def test_block_is_the_turned_block_of_a_bond_along_z(basis):
    integrals_uvm = integrals(basis)
    for _ in range(5):
        rotation, _ = np.linalg.qr(GENERATOR.normal(size=(3, 3)))
        turned = turn(basis, rotation)
        np.testing.assert_allclose(turned @ turned.T, np.eye(len(turned)), atol=1e-12)
        expected = turned @ along_z(basis, integrals_uvm) @ turned.T
        found = slater_koster(jnp.asarray(rotation[:, 2]), jnp.asarray(integrals_uvm), basis)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_entries_of_the_published_table():
    """Table I of Slater and Koster; V_sd sigma and so on stand for (sd sigma)."""
    l_, m, n = 0.48, -0.6, 0.64
    sigma, pi, delta = np.moveaxis(integrals_uvm := integrals("sp3d5"), -1, 0)
    block = slater_koster(jnp.array([l_, m, n]), jnp.asarray(integrals_uvm), "sp3d5")
    s, x, y, _, xy, yz, zx, x2y2, z2 = range(9)
    root = np.sqrt(3)
    table = {
        (s, x): l_ * sigma[0, 1],
        (x, x): l_**2 * sigma[1, 1] + (1 - l_**2) * pi[1, 1],
        (x, y): l_ * m * (sigma[1, 1] - pi[1, 1]),
        (s, xy): root * l_ * m * sigma[0, 2],
        (s, x2y2): root / 2 * (l_**2 - m**2) * sigma[0, 2],
        (s, z2): (n**2 - (l_**2 + m**2) / 2) * sigma[0, 2],
        (x, xy): root * l_**2 * m * sigma[1, 2] + m * (1 - 2 * l_**2) * pi[1, 2],
        (x, yz): root * l_ * m * n * sigma[1, 2] - 2 * l_ * m * n * pi[1, 2],
        (x, x2y2): root / 2 * l_ * (l_**2 - m**2) * sigma[1, 2]
        + l_ * (1 - l_**2 + m**2) * pi[1, 2],
        (x, z2): l_ * (n**2 - (l_**2 + m**2) / 2) * sigma[1, 2] - root * l_ * n**2 * pi[1, 2],
        (xy, xy): 3 * l_**2 * m**2 * sigma[2, 2]
        + (l_**2 + m**2 - 4 * l_**2 * m**2) * pi[2, 2]
        + (n**2 + l_**2 * m**2) * delta[2, 2],
        (xy, yz): 3 * l_ * m**2 * n * sigma[2, 2]
        + l_ * n * (1 - 4 * m**2) * pi[2, 2]
        + l_ * n * (m**2 - 1) * delta[2, 2],
        (z2, z2): (n**2 - (l_**2 + m**2) / 2) ** 2 * sigma[2, 2]
        + 3 * n**2 * (l_**2 + m**2) * pi[2, 2]
        + 0.75 * (l_**2 + m**2) ** 2 * delta[2, 2],
        (xy, zx): 3 * l_**2 * m * n * sigma[2, 2]
        + m * n * (1 - 4 * l_**2) * pi[2, 2]
        + m * n * (l_**2 - 1) * delta[2, 2],
    }
    for (a, b), value in table.items():
        assert float(block[a, b]) == pytest.approx(value, abs=1e-13), (a, b)


@pytest.mark.parametrize("basis", SHELLS)
def test_exchanging_the_atoms_transposes_the_block(basis):
    integrals_uvm = integrals(basis)
    exchanged = integrals_uvm.swapaxes(0, 1) * parity(basis)[..., None]
    d_3 = jnp.array([0.48, -0.6, 0.64])
    back = slater_koster(-d_3, jnp.asarray(exchanged), basis)
    found = slater_koster(d_3, jnp.asarray(integrals_uvm), basis)
    np.testing.assert_allclose(back, np.asarray(found).T, atol=1e-14)
