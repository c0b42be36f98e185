"""Bands against pythtb and against a closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from analytic import Dimers, hopping_law, zincblende
from pythtb import tb_model

from ephforge.electrons.bloch import bloch_sum, eigenpairs
from ephforge.electrons.hopping import assemble

K_K3 = np.random.default_rng(2).uniform(-1, 1, (7, 3))


def _hamiltonian(hopping, k_3):
    return bloch_sum(k_3, jnp.asarray(hopping.cells), jnp.asarray(hopping.energy))


def _bands(hopping, k_k3):
    def one(k_3):
        return eigenpairs(_hamiltonian(hopping, k_3))

    return jax.vmap(one)(jnp.asarray(k_k3))


def _pythtb_bands(crystal, hopping, k_k3):
    fractional = hopping.centres @ np.linalg.inv(crystal.cell)
    model = tb_model(3, 3, crystal.cell, fractional)
    home = np.flatnonzero(np.all(hopping.cells == 0, axis=1))[0]
    model.set_onsite(np.diag(hopping.energy[home]).tolist())
    for r, cell in enumerate(hopping.cells.tolist()):
        for a, b in np.argwhere(hopping.energy[r]):
            # pythtb adds the partner (b, a, -R) by itself
            if (cell, a) > ([-c for c in cell], b):
                model.set_hop(hopping.energy[r, a, b], int(a), int(b), cell)
    return np.asarray(model.solve_all(k_k3.tolist())).T


@pytest.mark.parametrize("orbitals", [1, 4])
def test_bands_against_pythtb(orbitals):
    crystal = zincblende()
    hopping, _ = assemble(crystal, hopping_law(crystal, 4.5, orbitals))
    energy_kn, _ = _bands(hopping, K_K3)
    np.testing.assert_allclose(energy_kn, _pythtb_bands(crystal, hopping, K_K3), atol=1e-10)


def test_bands_of_the_dimer_chain():
    dimers = Dimers()
    energy_kn, _ = _bands(dimers.model().hopping, K_K3)
    np.testing.assert_allclose(energy_kn, [dimers.bands(k) for k in K_K3[:, 0]], atol=1e-13)


def test_eigenpairs_solve_the_hamiltonian():
    crystal = zincblende()
    hopping, _ = assemble(crystal, hopping_law(crystal, 4.5, 4))
    hamiltonian = _hamiltonian(hopping, jnp.asarray(K_K3[0]))
    energy_n, vector_an = eigenpairs(hamiltonian)
    np.testing.assert_allclose(hamiltonian @ vector_an, vector_an * energy_n, atol=1e-12)
    assert np.all(np.diff(energy_n) >= 0)


@pytest.mark.parametrize(("real", "expected"), [(np.float32, "complex64"), (float, "complex128")])
def test_precision_follows_k(real, expected):
    cells, values = jnp.array([[0, 0, 0], [1, -1, 0]]), jnp.ones((2, 3), real)
    found = bloch_sum(jnp.array([0.25, 0.5, 0.0], real), cells, values)
    assert found.dtype == expected
    np.testing.assert_allclose(found, np.full(3, 1 - 1j), atol=1e-6)  # e^{-2 pi i / 4} = -i
