"""The assembled electrons: derivatives in real space, hermiticity, symmetry, spin."""

from dataclasses import replace

import numpy as np
import pytest
import spglib
from analytic import fcc, zincblende
from scipy.linalg import eigh

from ephforge.core.realspace import Crystal
from ephforge.core.rng import generator
from ephforge.electrons.bases import SHELLS
from ephforge.electrons.draw import draw
from ephforge.electrons.hopping import assemble
from ephforge.electrons.neighbours import nearest_distance, neighbours
from ephforge.electrons.spectrum import bloch_sums

EVERYTHING = {
    "overlap": 1.0,
    "crystal_field": 1.0,
    "spin_orbit": 0.0,
    "metals": 1.0,
    "semiconductors": 0.0,
}


def drawn(crystal, basis, material=1, **changes):
    options = EVERYTHING | {"bases": [basis]} | changes
    return draw(generator(4, material, "electrons"), crystal, options)


def shaken():
    """A crystal without symmetry: every pair of neighbours is another one."""
    crystal = zincblende()
    moves = np.array([[0.05, -0.1, 0.02], [0.1, 0.03, -0.07]])
    return replace(crystal, positions=crystal.positions + moves)


def hcp():
    cell = 3.0 * np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, 1.63]])
    positions = np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]) @ cell
    return Crystal(cell, positions, np.array([22, 22]), np.array([48.0, 48.0]))


def row(hopping, cell):
    return np.flatnonzero(np.all(hopping.cells == cell, axis=1))[0]


def moved(crystal, electrons, s, c, step):
    """H and S with one sublattice moved, on the cells of the crystal at rest."""
    positions = crystal.positions.copy()
    positions[s, c] += step
    hopping, _ = assemble(replace(crystal, positions=positions), electrons)
    return hopping


@pytest.mark.parametrize("basis", SHELLS)
def test_derivatives_are_finite_differences(basis):
    """A sublattice moves: q = 0 in real space, every derivative at once."""
    crystal, step = shaken(), 1e-4
    electrons = drawn(crystal, basis)
    hopping, coupling = assemble(crystal, electrons)
    home, site = row(hopping, [0, 0, 0]), hopping.site
    same_ab = site[:, None] == site
    for s in (0, 1):
        carried_ab = (site == s).astype(float) - (site[:, None] == s)
        for c in range(3):
            plus, minus = (moved(crystal, electrons, s, c, sign * step) for sign in (1, -1))
            np.testing.assert_array_equal(plus.cells, hopping.cells)
            expected = carried_ab * coupling.gradient[:, c]
            field = coupling.crystal_field[:, :, c]
            # neighbours that move, and the atom itself, which moves against all of them
            onsite = field[:, s].sum(axis=0) - (site[:, None] == s) * field.sum(axis=(0, 1))
            assert np.all(onsite[~same_ab] == 0)
            expected[home] += onsite
            difference = (plus.energy - minus.energy) / (2 * step)
            scale = np.abs(difference).max()
            np.testing.assert_allclose(expected, difference, atol=1e-6 * scale)

            change = (plus.overlap - minus.overlap) / (2 * step)
            derivative = coupling.basis_derivative[:, c].copy()
            derivative[home][same_ab] = 0
            expected = carried_ab * derivative
            np.testing.assert_allclose(expected, change, atol=1e-6 * np.abs(change).max())


@pytest.mark.parametrize("basis", SHELLS)
def test_hermitian_and_derivatives_odd(basis):
    crystal = shaken()
    hopping, coupling = assemble(crystal, drawn(crystal, basis))
    for r, cell in enumerate(hopping.cells):
        back = row(hopping, -cell)
        np.testing.assert_allclose(hopping.energy[back], hopping.energy[r].T, atol=1e-13)
        np.testing.assert_allclose(hopping.overlap[back], hopping.overlap[r].T, atol=1e-13)
        for odd in (coupling.gradient, coupling.basis_derivative):
            np.testing.assert_allclose(odd[back], -odd[r].transpose(0, 2, 1), atol=1e-13)
    field = coupling.crystal_field
    np.testing.assert_allclose(field, field.swapaxes(-1, -2), atol=1e-13)


@pytest.mark.parametrize("spin_orbit", [0.0, 1.0])
@pytest.mark.parametrize("crystal", [zincblende(), fcc(), hcp()], ids=["td", "oh", "d6h"])
def test_bands_have_the_symmetry_of_the_crystal(crystal, spin_orbit):
    electrons = drawn(crystal, "sp3d5", spin_orbit=spin_orbit)
    hopping, _ = assemble(crystal, electrons)
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    rotations = spglib.get_symmetry((crystal.cell, fractional, crystal.numbers))["rotations"]
    assert len(rotations) == (48 if len(crystal.numbers) == 1 else 24)
    k_3 = np.array([0.13, 0.29, -0.41])
    k_k3 = np.array([np.linalg.inv(w).T @ k_3 for w in rotations])
    energy_kab = bloch_sums(k_k3, hopping.cells, hopping.energy)
    overlap_kab = bloch_sums(k_k3, hopping.cells, hopping.overlap)
    energy_kn = np.array(
        [eigh(h, s, eigvals_only=True) for h, s in zip(energy_kab, overlap_kab, strict=True)]
    )
    np.testing.assert_allclose(
        energy_kn, np.broadcast_to(energy_kn[0], energy_kn.shape), atol=1e-10
    )
    assert np.abs(energy_kab - energy_kab[0]).max() > 0.1  # the matrices themselves do turn


def test_spin_doubles_every_orbital_and_keeps_the_rest():
    crystal = shaken()
    electrons = drawn(crystal, "sp3d5", spin_orbit=1.0)
    hopping, coupling = assemble(crystal, electrons)
    plain, plain_coupling = assemble(crystal, electrons._replace(spin_orbit_xu=None))
    up, down = slice(0, None, 2), slice(1, None, 2)
    np.testing.assert_array_equal(hopping.site[up], plain.site)
    for doubled, single in (
        (hopping.overlap, plain.overlap),
        (coupling.gradient, plain_coupling.gradient),
        (coupling.crystal_field, plain_coupling.crystal_field),
        (coupling.basis_derivative, plain_coupling.basis_derivative),
    ):
        for spin in (up, down):
            np.testing.assert_array_equal(doubled[..., spin, spin], single)
        assert not doubled[..., up, down].any()
    home = row(hopping, [0, 0, 0])
    added = hopping.energy - np.kron(plain.energy, np.eye(2))
    assert np.abs(added[home]).max() > 0.001
    assert not np.delete(added, home, axis=0).any()
    np.testing.assert_allclose(added[home], added[home].conj().T, atol=1e-15)


def test_neighbour_shells_of_fcc():
    crystal = fcc(4.0)
    assert nearest_distance(crystal) == pytest.approx(4 / np.sqrt(2))
    for cutoff, count in ((2.9, 12), (4.1, 18), (5.0, 42)):
        pairs, d_p3 = neighbours(crystal, cutoff)
        assert len(pairs) == count
        np.testing.assert_allclose(d_p3, pairs[:, 2:] @ crystal.cell, atol=1e-14)
