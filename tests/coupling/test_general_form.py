"""The general form of a two-centre coupling against the two-centre kernel itself."""

from dataclasses import replace

import dense_coupling
import jax.numpy as jnp
import numpy as np
import pytest
from analytic import hopping_law, springs, zincblende

from ephforge.core.realspace import Model, TwoCentreCoupling
from ephforge.coupling import wannier
from ephforge.coupling.general_form import general_form
from ephforge.electrons.hopping import assemble

CRYSTAL = zincblende()


@pytest.mark.parametrize("orbitals", [1, 4])
def test_same_gradient_at_any_k_and_q(orbitals):
    hopping, coupling = assemble(CRYSTAL, hopping_law(CRYSTAL, 4.5, orbitals))
    model = Model("", CRYSTAL, hopping, springs(CRYSTAL, 5.0), coupling)
    general = general_form(hopping, coupling, 2)
    for k, q in np.random.default_rng(1).uniform(-0.5, 0.5, (4, 2, 3)):
        expected = dense_coupling.change(model, k, q).hamiltonian
        at_q = wannier.at_q(
            jnp.asarray(q), jnp.asarray(general.phonon_cells), jnp.asarray(general.g)
        )
        found = wannier.at_kq(jnp.asarray(k), jnp.asarray(general.electron_cells), at_q)
        assert np.abs(expected).max() > 0.1
        assert np.abs(found - expected).max() < 1e-12 * np.abs(expected).max()


def test_a_hopping_without_its_home_cell():
    """Nothing on site: the cell R = 0, where the first atom's part stands, is added."""
    hopping, coupling = assemble(CRYSTAL, hopping_law(CRYSTAL, 4.5, 1))
    away = np.any(hopping.cells != 0, axis=1)
    cut = replace(hopping, cells=hopping.cells[away], energy=hopping.energy[away])
    general = general_form(cut, TwoCentreCoupling(coupling.gradient[away]), 2)
    home = np.flatnonzero(np.all(general.phonon_cells == 0, axis=1))
    assert len(home) == 1
    assert len(general.phonon_cells) == len(cut.cells) + 1
    # the whole crystal moved changes nothing
    assert np.abs(general.g.sum(axis=(0, 1))).max() < 1e-14
    assert np.abs(general.g[home]).max() > 0.1
