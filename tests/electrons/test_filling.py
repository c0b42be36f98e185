"""Filling: gaps, kinds, Fermi energies of bands that are known."""

import numpy as np
import pytest
from analytic import zincblende
from scipy.linalg import eigh
from test_hopping import drawn

from ephforge.electrons.filling import INSULATOR, METAL, SEMICONDUCTOR, counts_of_kind, fill
from ephforge.electrons.hopping import assemble
from ephforge.electrons.spectrum import bloch_sums, energies, half_mesh

# gaps between neighbouring bands: 1.5, -1 (overlap), 5, 0 (touch)
ENERGY_KN = np.array([[0.0, 2.5, 6.0, 12.0, 13.0], [1.0, 4.0, 3.5 + 3.5, 13.0, 14.0]])
ENERGY_KN[0, 2] = 3.0


@pytest.mark.parametrize(
    ("count", "kind", "gap", "fermi"),
    [
        (1, METAL, 0, 0.5),  # half of two states: between 0 and 1
        (2, SEMICONDUCTOR, 1.5, 1.75),
        (4, METAL, 0, 3.5),
        (6, INSULATOR, 5, 9.5),
        (8, METAL, 0, 13),
        (10, METAL, 0, 14),
    ],
)
def test_kinds_of_known_bands(count, kind, gap, fermi):
    found = fill(ENERGY_KN, count)
    assert (found.electrons, found.kind) == (count, kind)
    assert found.gap == pytest.approx(gap)
    assert found.fermi == pytest.approx(fermi)


def test_spin_bands_hold_one_electron_each():
    doubled = np.repeat(ENERGY_KN, 2, axis=1)
    for count in (1, 2, 4, 6, 8):
        single, double = fill(ENERGY_KN, count), fill(doubled, count, 1)
        assert (single.kind, single.gap) == (double.kind, double.gap)
        assert single.fermi == pytest.approx(double.fermi)


def test_counts_that_make_a_kind_make_it():
    for kind in (METAL, SEMICONDUCTOR, INSULATOR):
        counts = counts_of_kind(ENERGY_KN, kind)
        assert counts
        assert all(fill(ENERGY_KN, count).kind == kind for count in counts)
    assert counts_of_kind(ENERGY_KN, METAL) == [1, 3, 4, 5, 7, 8, 9]


@pytest.mark.parametrize("count", [0, 11])
def test_more_electrons_than_bands_are_refused(count):
    with pytest.raises(ValueError, match=f"{count} electrons in 5 bands of 2"):
        fill(ENERGY_KN, count)


def test_energies_with_overlap_solve_the_generalised_problem():
    hopping, _ = assemble(zincblende(), drawn(zincblende(), "sp3d5"))
    k_k3 = half_mesh()
    pairs = zip(
        bloch_sums(k_k3, hopping.cells, hopping.energy),
        bloch_sums(k_k3, hopping.cells, hopping.overlap),
        energies(hopping),
        strict=True,
    )
    for energy_ab, overlap_ab, energy_n in list(pairs)[::7]:
        expected = eigh(energy_ab, overlap_ab, eigvals_only=True)
        np.testing.assert_allclose(energy_n, expected, atol=1e-11)
