"""Multipoles against finite differences of Coulomb's law, dipoles against sums over cells."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    LongRange,
    Model,
    WannierCoupling,
)
from ephforge.core.units import COULOMB
from ephforge.refinement import multipoles, trend
from ephforge.refinement.coarse import to_cells

CELL = 3.0 * np.eye(3) + 0.3 * np.ones((3, 3))
DIELECTRIC = np.diag([4.0, 6.0, 9.0])


def polar():
    """Two atoms, two orbitals off them."""
    positions = np.array([[0.0, 0, 0], [1.4, 1.5, 1.6]])
    born = np.array([2.0 * np.eye(3), -2.0 * np.eye(3)])
    none = np.zeros((1, 3), int)
    return Model(
        "ions",
        Crystal(CELL, positions, np.array([12, 8]), np.array([24.3, 16.0])),
        Hopping(none, np.zeros((1, 2, 2)), np.array([1, 1]), positions[1] + 0.4 * np.eye(3)[::2]),
        ForceConstants(none, np.zeros((1, 2, 3, 2, 3))),
        WannierCoupling(none, none, np.zeros((1, 2, 3, 1, 2, 2), complex)),
        LongRange(born, DIELECTRIC, (2, 2, 2), 3.0, "epw-5.3"),
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_harmonics_solve_laplace_and_are_complete(order):
    point, step = np.array([0.7, -0.4, 1.1]), 1e-3
    steps = step * np.concatenate([np.eye(3), -np.eye(3)])
    around = multipoles.harmonics(point + steps, order).sum(axis=0)
    laplacian = (around - 6 * multipoles.harmonics(point, order)) / step**2
    np.testing.assert_allclose(laplacian, 0, atol=1e-5)
    random = np.random.default_rng(0).normal(size=(40, 3))
    assert np.linalg.matrix_rank(multipoles.harmonics(random, order)) == 2 * order + 1


@pytest.mark.parametrize("order", [2, 3])
def test_fields_are_derivatives_of_coulomb_s_law_in_the_medium(order):
    """Differences of e^2 / sqrt(det eps) |eps^-1/2 r| lie in the span of the columns."""
    away, h = np.random.default_rng(4).uniform(2, 4, size=(60, 3)), 0.02

    def coulomb(shift):
        metric = np.einsum("pi,ij,pj->p", away - shift, np.linalg.inv(DIELECTRIC), away - shift)
        return COULOMB / np.sqrt(np.linalg.det(DIELECTRIC) * metric)

    x, y, z = h * np.eye(3)
    moment = sum(
        a * b * (c if order == 3 else 1) * coulomb(a * x + b * y + (c * z if order == 3 else 0))
        for a, b, c in itertools.product((1, -1), (1, -1), (1, -1) if order == 3 else (1,))
    )
    columns = multipoles.potentials(away, DIELECTRIC, (order,))
    amount = np.linalg.lstsq(columns, moment, rcond=None)[0]
    assert np.abs(columns @ amount - moment).max() < 2e-3 * np.abs(moment).max()
    wrong = multipoles.potentials(away, np.eye(3), (order,))
    amount = np.linalg.lstsq(wrong, moment, rcond=None)[0]
    assert np.abs(wrong @ amount - moment).max() > 5e-3 * np.abs(moment).max()


def test_the_dipole_field_is_that_of_the_crystal_of_dipoles():
    """Alternate cells cancel off q = 0: summed cell by cell within a soft sphere."""
    model, q = polar(), np.array([[0.5, 0.0, 0.0], [0.25, 0.5, 0.0]])
    field = multipoles.dipole_field(model, q)
    span = np.arange(-24, 25)
    cells = np.stack(np.meshgrid(span, span, span, indexing="ij"), -1).reshape(-1, 3)
    inverse, factor = np.linalg.inv(DIELECTRIC), COULOMB / np.sqrt(np.linalg.det(DIELECTRIC))
    for s in (0,):  # the orbital lies inside the Gaussian of the other atom
        away = model.hopping.centres[1] - cells @ CELL - model.crystal.positions[s]
        d = np.linalg.norm(away, axis=1)
        smooth = np.exp(-((d / 40) ** 2))  # cut softly: what is left out oscillates away
        metric = np.einsum("pi,ij,pj->p", away, inverse, away)
        # an electron's energy in the potential of a dipole Z u: -e (1/4 pi eps) Z u.D / |D|^3
        one = -factor * (away @ inverse) / metric[:, None] ** 1.5
        wave = np.exp(2j * np.pi * cells @ q.T)
        summed = np.einsum("pc,pq,p->qc", one, wave, smooth) @ model.long_range.born[s]
        np.testing.assert_allclose(field[:, s, :, 1], summed, atol=3e-2 * np.abs(field).max())


def test_an_orbital_one_cell_on_sees_the_wave_one_cell_on():
    model, q = polar(), np.array([[0.2, 0.4, -0.1]])
    moved = replace(model, hopping=replace(model.hopping, centres=model.hopping.centres + CELL[1]))
    phase = np.exp(2j * np.pi * q[0, 1])
    np.testing.assert_allclose(
        multipoles.dipole_field(moved, q), phase * multipoles.dipole_field(model, q), atol=1e-9
    )


def test_amplitudes_of_a_sum_of_columns_come_back():
    random = np.random.default_rng(1)
    columns, true = random.normal(size=(50, 4)), random.normal(size=(4, 2))
    variance = random.uniform(0.1, 10, 50)
    found = trend.amplitudes(columns, columns @ true, variance, 1e-12)
    np.testing.assert_allclose(found, true, atol=1e-9)
    # of noisy data those of weighted least squares, by another route
    y = columns @ true + random.normal(size=(50, 2)) * np.sqrt(variance)[:, None]
    root = np.sqrt(variance)[:, None]
    expected = np.linalg.lstsq(columns / root, y / root, rcond=None)[0]
    np.testing.assert_allclose(trend.amplitudes(columns, y, variance, 0.0), expected, atol=1e-9)


def test_signs_of_functions_are_found():
    random = np.random.default_rng(2)
    y, sign = random.normal(size=(4, 4, 30)), np.array([1.0, -1, -1, 1])
    template = (y + 0.3 * random.normal(size=y.shape)) * sign[:, None, None] * sign[:, None]
    np.testing.assert_array_equal(trend.signs(y, template), sign)


def test_cells_and_points_are_fourier_sums():
    random = np.random.default_rng(3)
    values, mesh = random.normal(size=(12, 2)), (2, 3, 2)
    from ephforge.core.kpoints import mesh_indices

    phase = np.exp(-2j * np.pi * mesh_indices(mesh) @ mesh_points(mesh).T) / 12
    np.testing.assert_allclose(to_cells(values, mesh), phase @ values, atol=1e-12)
