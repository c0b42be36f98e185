"""lambda and linewidths of a block against loops over all states, and a closed form."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.core.blocks import on_grid
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.units import KELVIN
from ephforge.observables.block_sums import bose, coupling_of, linewidths_of
from ephforge.observables.fermi import level_of, tetrahedra

BLOCK = make_block("fcc", 3, k_mesh=(4, 4, 4), q_mesh=(2, 2, 2))
GRID = on_grid(BLOCK)  # meV
WIDTH, SOFT = 0.4, 1e-9


def delta(energy: float, width: float) -> float:
    """Normalised Gaussian."""
    return float(np.exp(-((energy / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi)))


def final_point(k: int, q: int) -> int:
    """Number of k + q, the q mesh half as dense."""
    index = mesh_indices((4, 4, 4))[k] + 2 * mesh_indices((2, 2, 2))[q]
    return int(point_number(index, (4, 4, 4)))


def test_lambda_is_the_double_sum():
    electrons = 1.7
    fermi = level_of(tetrahedra(BLOCK.energies, (4, 4, 4)), 2, electrons)
    total, seen = 0.0, 0.0
    for k in range(64):
        for n in range(2):
            first = delta(BLOCK.energies[k, n] - fermi.energy, WIDTH)
            seen += first / 64
            for q in range(8):
                for m in range(2):
                    both = first * delta(BLOCK.energies[final_point(k, q), m] - fermi.energy, WIDTH)
                    for v in range(3):
                        g = GRID[m, n, v, k, q] / 1000
                        total += g**2 * both / (BLOCK.frequencies[q, v] * 64 * 8)
    expected = 2 * fermi.density * total / seen**2
    assert coupling_of(BLOCK, GRID, electrons, WIDTH, SOFT) == pytest.approx(expected)


def test_lambda_of_a_constant_coupling_has_no_sum_left():
    """g and E of one mode alike everywhere: lambda = 2 N_F g^2 / E per mode and band pair."""
    same = dataclasses.replace(BLOCK, frequencies=np.full((8, 3), 0.02))
    constant = np.full(GRID.shape, 5.0)
    density = level_of(tetrahedra(BLOCK.energies, (4, 4, 4)), 2, 2.0).density
    expected = 3 * 2 * density * 0.005**2 / 0.02
    found = coupling_of(same, constant, 2.0, WIDTH, SOFT)
    # with one q mesh point instead of all, final states are initial ones; all q average to N_b^2
    every = dataclasses.replace(same, q_mesh=(4, 4, 4), frequencies=np.full((64, 3), 0.02))
    wide = np.full((2, 2, 3, 64, 64), 5.0)
    assert coupling_of(every, wide, 2.0, WIDTH, SOFT) == pytest.approx(expected)
    assert found > 0


def test_linewidths_are_the_sum_over_final_states():
    temperature = 300.0
    occupation_kn = np.random.default_rng(1).uniform(size=(64, 2))
    found = linewidths_of(BLOCK, GRID, occupation_kn, WIDTH, temperature, SOFT)
    for k, n in ((0, 0), (17, 1), (63, 0)):
        total = 0.0
        for q in range(8):
            final = final_point(k, q)
            for m in range(2):
                f, gap = occupation_kn[final, m], BLOCK.energies[k, n] - BLOCK.energies[final, m]
                for v in range(3):
                    energy = BLOCK.frequencies[q, v]
                    number = 1 / (np.exp(energy / (KELVIN * temperature)) - 1)
                    absorbed = (number + f) * delta(gap + energy, WIDTH)
                    emitted = (number + 1 - f) * delta(gap - energy, WIDTH)
                    total += (GRID[m, n, v, k, q] / 1000) ** 2 * (absorbed + emitted)
        assert found[k, n] == pytest.approx(2 * np.pi * total / 8)


def test_soft_modes_do_not_couple():
    """A mode of 1e-7 eV with |g| rebuilt above zero: 2e5 phonons that must not count."""
    soft = dataclasses.replace(BLOCK, frequencies=np.maximum(BLOCK.frequencies, 0.002))
    soft.frequencies[0, 1] = 1e-7
    without = GRID.copy()
    without[:, :, 1, :, 0] = 0
    filled = np.ones((64, 2))
    np.testing.assert_allclose(
        linewidths_of(soft, GRID, filled, WIDTH, 300.0, 1e-3),
        linewidths_of(soft, without, filled, WIDTH, 300.0, 1e-9),
    )
    expected = coupling_of(soft, without, 1.0, WIDTH, 1e-9)
    assert coupling_of(soft, GRID, 1.0, WIDTH, 1e-3) == pytest.approx(expected)


def test_one_phonon_is_there_at_kt_ln_2():
    assert bose(np.array([[KELVIN * 300 * np.log(2)]]), 300.0) == pytest.approx(1.0)


def test_bands_that_cannot_hold_the_electrons_are_refused():
    with pytest.raises(EphforgeError, match="electrons per cell"):
        coupling_of(BLOCK, GRID, 4.5, WIDTH, SOFT)
