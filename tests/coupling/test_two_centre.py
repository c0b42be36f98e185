"""dH/du against displaced supercells, its exact properties, and closed-form chains."""

from functools import cache

import dense_coupling
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from analytic import Chain, Dimers, as_wannier, hopping_law, springs, zincblende
from kernel_coupling import complex_g

from ephforge.core.kpoints import mesh_indices
from ephforge.core.realspace import Crystal, Model
from ephforge.coupling import batch, grid, two_centre, wannier
from ephforge.electrons.hopping import assemble

CUTOFF = 4.5  # angstrom: two shells of the zincblende crystal
SUPERCELL = (3, 2, 3)
K, Q = np.array([1 / 3, 1 / 2, 0]), np.array([1 / 3, 1 / 2, 2 / 3])
TIGHT = grid.Limits(degeneracy=1e-9, soft_mode=1e-3)


@cache
def model(orbitals: int = 4) -> Model:
    crystal = zincblende()
    hopping, coupling = assemble(crystal, hopping_law(crystal, CUTOFF, orbitals))
    return Model("zincblende", crystal, hopping, springs(crystal, 5.0), coupling)


def gradient(material: Model, k, q):
    """dH/du in the orbital basis."""
    return dense_coupling.change(material, k, q).hamiltonian


def kernel(material: Model, k, q, waves_vsc):
    """Energies at k and k+q, and g[v, m, n] of waves of displacements, by the kernel."""
    hopping = material.hopping
    electrons = two_centre.electrons(hopping, material.coupling, len(material.crystal.masses))
    electrons = jax.tree.map(jnp.asarray, electrons)
    size = len(hopping.site)
    pair = [
        two_centre.ends(
            two_centre.matrices(jnp.asarray(p), electrons), electrons.slot_so, size, False
        )
        for p in (k, k + q)
    ]
    wave = two_centre.wave(jnp.asarray(waves_vsc, complex), None, None, None)
    return pair[0][0], pair[1][0], complex_g(pair[0][1], pair[1][1], wave)


def supercell_hamiltonian(crystal: Crystal, move_ls3, law):
    """H at Gamma of a supercell whose atoms are displaced; rows (l, a)."""
    index_l3 = mesh_indices(SUPERCELL)
    positions = (index_l3 @ crystal.cell)[:, None] + crystal.positions + move_ls3
    count = len(index_l3)
    large = Crystal(
        crystal.cell * np.array(SUPERCELL)[:, None],
        positions.reshape(-1, 3),
        np.tile(crystal.numbers, count),
        np.tile(crystal.masses, count),
    )
    return assemble(large, law)[0].energy.sum(axis=0)


@pytest.mark.parametrize("orbitals", [1, 4])
def test_gradient_is_the_finite_difference_of_a_frozen_phonon(orbitals):
    crystal, step = zincblende(), 1e-4
    law = hopping_law(crystal, CUTOFF, orbitals)
    index_l3 = mesh_indices(SUPERCELL)
    wave_l, ket_l, bra_l = (np.exp(2j * np.pi * index_l3 @ p) for p in (Q, K, K + Q))
    found = gradient(model(orbitals), K, Q)
    size = 2 * orbitals
    for s, c in ((0, 0), (1, 2)):
        difference = 0
        for part, weight in ((wave_l.real, 1), (wave_l.imag, 1j)):
            move_ls3 = np.zeros((len(index_l3), 2, 3))
            move_ls3[:, s, c] = step * part
            plus, minus = (supercell_hamiltonian(crystal, sign * move_ls3, law) for sign in (1, -1))
            difference = difference + weight * (plus - minus) / (2 * step)
        blocks = difference.reshape(len(index_l3), size, len(index_l3), size)
        expected = np.einsum("l,lapb,p->ab", bra_l.conj(), blocks, ket_l) / len(index_l3)
        assert np.linalg.norm(expected) > 0.1
        error = np.linalg.norm(found[s, c] - expected) / np.linalg.norm(expected)
        assert error < 1e-6


def test_gradient_is_hermitian():
    k, q = np.array([0.13, -0.4, 0.27]), np.array([0.31, 0.22, -0.08])
    forward, back = gradient(model(), k, q), gradient(model(), k + q, -q)
    np.testing.assert_allclose(back, forward.conj().swapaxes(-1, -2), atol=1e-13)


def test_moving_the_whole_crystal_changes_nothing():
    assert (
        np.abs(gradient(model(), np.array([0.13, -0.4, 0.27]), np.zeros(3)).sum(axis=0)).max() == 0
    )


def test_wannier_form_gives_the_same_gradient():
    k, q = np.array([0.13, -0.4, 0.27]), np.array([0.31, 0.22, -0.08])
    general = as_wannier(model()).coupling
    cells = jnp.asarray(general.electron_cells)
    g_scrab = wannier.at_q(jnp.asarray(q), cells, jnp.asarray(general.g))
    found = wannier.at_kq(jnp.asarray(k), cells, g_scrab)
    np.testing.assert_allclose(found, gradient(model(), k, q), atol=1e-12)


def test_the_kernel_agrees_with_the_gradient():
    material = model()
    k, q = np.array([0.13, -0.4, 0.27]), np.array([0.31, 0.22, -0.08])
    waves = np.random.default_rng(3).normal(size=(6, 2, 3, 2)) @ np.array([1, 1j])
    initial_n, final_m, found = kernel(material, k, q, waves)
    expected_n, initial_an = dense_coupling.states(material, k)
    expected_m, final_am = dense_coupling.states(material, k + q)
    np.testing.assert_allclose(initial_n, expected_n, atol=1e-12)
    np.testing.assert_allclose(final_m, expected_m, atol=1e-12)
    gradient_scmn = final_am.conj().T @ gradient(material, k, q) @ initial_an
    expected = np.tensordot(waves, gradient_scmn, axes=2)
    # states of both routes differ by a phase
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-12)


def test_chain_has_its_closed_form():
    mesh = (8, 1, 1)
    (found,) = batch.evaluate([Chain().model()], grid.mesh_pairs(mesh, mesh), TIGHT, 4, 2)
    k, q = np.meshgrid(np.arange(8) / 8, np.arange(1, 8) / 8, indexing="ij")
    np.testing.assert_allclose(found.g_mnvkq[0, 0, 0, :, 1:], Chain().strength(k, q), atol=1e-14)
    np.testing.assert_array_equal(found.g_mnvkq[0, 0, 0, :, 0], 0)
    np.testing.assert_allclose(found.g_mnvkq[0, 0, 1:], 0, atol=1e-14)


def test_dimer_chain_has_its_closed_form():
    mesh, dimers = (6, 1, 1), Dimers()
    (found,) = batch.evaluate([dimers.model()], grid.mesh_pairs(mesh, mesh), TIGHT, 2, 1)
    for q in range(1, 6):
        for k in range(6):
            np.testing.assert_allclose(
                found.g_mnvkq[:, :, :2, k, q], dimers.strength(k / 6, q / 6), atol=1e-13
            )
