"""Decay, sparsity and rank of couplings whose answers are known in closed form."""

import numpy as np
import pytest

from ephforge.core.kpoints import mesh_indices
from ephforge.core.realspace import Crystal, ForceConstants, Hopping, Model, WannierCoupling
from ephforge.coverage.spectra import DISTANCES, FRACTIONS, RANKS, nearest_neighbours, spectra

A = 2.5  # angstrom
MESH = (4, 4, 4)
CELLS = mesh_indices((5, 5, 5)) - 2
LENGTH = np.linalg.norm(CELLS, axis=1)  # in nearest neighbours
# cells at the border stand for the same place of the supercell, and share it
IMAGES = 2.0 ** np.sum(np.abs(CELLS) == 2, axis=1)


def model(g_pr):
    """One s orbital on a simple cubic lattice; x, y and z displacements couple alike."""
    g = np.broadcast_to(g_pr[:, None, None, :, None, None], (125, 1, 3, 125, 1, 1)).astype(complex)
    crystal = Crystal(A * np.eye(3), np.zeros((1, 3)), np.array([13]), np.array([27.0]))
    hopping = Hopping(CELLS, np.zeros((125, 1, 1)), np.array([0]), np.zeros((1, 3)))
    phi = ForceConstants(CELLS[:1], np.zeros((1, 1, 3, 1, 3)))
    return Model("m", crystal, hopping, phi, WannierCoupling(CELLS, CELLS, g))


def of(g_pr, largest=10**7):
    return spectra(model(g_pr), MESH, MESH, largest, np.random.default_rng(0))


def next_shell(x):
    """Length of the first lattice vector of the supercell at x or beyond."""
    shells = np.unique(np.round(LENGTH, 9))
    return shells[np.searchsorted(shells, x - 1e-6)]


def test_an_exponential_is_found_again():
    electron, phonon = 0.4, 0.7
    g_pr = np.outer(np.exp(-LENGTH / phonon) / IMAGES, np.exp(-LENGTH / electron) / IMAGES)
    found = of(g_pr)
    within = LENGTH.max() >= DISTANCES
    for key, decay in (("electron_decay", electron), ("phonon_decay", phonon)):
        expected = np.exp(-next_shell(DISTANCES[within]) / decay)
        assert np.allclose(found.curves[key][within], expected, rtol=1e-9)
        assert np.all(np.isnan(found.curves[key][~within]))
    # one side on its own: sums over the 64 places of the supercell
    place = np.linalg.norm((mesh_indices(MESH) + 2) % 4 - 2, axis=1)
    weight = np.exp(-2 * place / electron)
    assert np.isclose(found.numbers["electron_range"] ** 2, weight @ place**2 / weight.sum())
    # 1 % of the largest is reached at 0.4 ln 100 = 1.84: the shell before is sqrt 3
    assert np.isclose(found.numbers["electron_reach"], 3**0.5)
    assert np.isclose(found.numbers["phonon_reach"], 3.0)  # 0.7 ln 100 = 3.22


def test_a_product_has_rank_one_and_two_equal_ones_two():
    random = np.random.default_rng(1)
    inside = np.all(np.abs(CELLS) < 2, axis=1)
    u, v = (np.where(inside, random.normal(size=125), 0) for _ in range(2))
    found = of(np.outer(u, v))
    assert np.isclose(found.numbers["rank"], 1.0)
    assert np.all(found.curves["rank_channel"] < 1e-5)
    first, second = np.flatnonzero(inside)[:2]
    both = np.zeros((125, 125))
    both[first, first] = both[second, second] = 1.0
    found = of(both)
    assert np.isclose(found.numbers["rank"], 2.0)
    kept = np.ceil(RANKS * 64 - 1e-9)
    expected = np.where(kept < 2, 0.5**0.5, 0.0)
    assert np.allclose(found.curves["rank_joint"], expected, atol=1e-6)
    assert np.allclose(found.curves["rank_channel"], expected, atol=1e-6)


def test_equal_entries_are_counted():
    inside = np.flatnonzero(np.all(np.abs(CELLS) < 2, axis=1))
    g_pr = np.zeros((125, 125))
    g_pr[np.ix_(inside[:10], inside[:10])] = 1.0
    found = of(g_pr)  # 100 of 64^2, for each of three displacements
    kept = np.minimum(np.ceil(FRACTIONS * 3 * 64**2 - 1e-9), 300)
    assert np.allclose(found.curves["sparsity"], np.maximum((1 - kept / 300) ** 0.5, 1e-6))
    assert np.isclose(found.numbers["entries"] * 3 * 64**2, 297)


def test_a_random_share_of_the_displacements_is_enough_here():
    g_pr = np.outer(np.exp(-LENGTH), np.exp(-LENGTH))
    whole, part = of(g_pr), of(g_pr, largest=1)
    for key in ("electron_decay", "phonon_decay", "rank_joint"):
        assert np.allclose(whole.curves[key], part.curves[key], equal_nan=True)


@pytest.mark.parametrize(
    ("cell", "fractional", "expected"),
    [
        (np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]), [[0, 0, 0]], 0.5**0.5),
        (
            np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
            [[0, 0, 0], [0.25, 0.25, 0.25]],
            3**0.5 / 4,
        ),
        (np.diag([1.0, 3.0, 3.0]), [[0.1, 0, 0], [0.9, 0, 0]], 0.2),
    ],
)
def test_nearest_neighbours(cell, fractional, expected):
    positions = np.array(fractional) @ cell
    crystal = Crystal(cell, positions, np.full(len(positions), 6), np.ones(len(positions)))
    assert np.isclose(nearest_neighbours(crystal), expected)
