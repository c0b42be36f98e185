"""Folding: a model of known Fourier sums, whose Wigner-Seitz lists are written out by hand."""

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.core.supercell import fold, unfold

RNG = np.random.default_rng(5)
Q_MESH, K_MESH = (2, 1, 1), (3, 1, 1)
# on a chain of two cells -1 and 1 are equally near, for the second pair of orbitals 1 and 2
PHONON_CELLS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [2, 0, 0]])
PHONON_WEIGHT = {(0, 0): [1, 0.5, 0.5, 0], (0, 1): [0, 1, 0, 1], (1, 1): [1, 0.5, 0.5, 0]}
ELECTRON_CELLS = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0], [2, 0, 0], [-2, 0, 0]])
ELECTRON_WEIGHT = {
    (0, 0): [1, 1, 1, 0, 0],
    (0, 1): [1, 1, 0.5, 0.5, 0],
    (1, 0): [1, 0.5, 1, 0, 0.5],
    (1, 1): [1, 1, 1, 0, 0],
}


@pytest.fixture
def chain():
    """Distinct numbers d[Rp, s, c, Re, a, b] and the g of the lists above."""
    shape = (2, 1, 3, 3, 2, 2)
    distinct = RNG.normal(size=shape) + 1j * RNG.normal(size=shape)
    g = np.zeros((4, 1, 3, 5, 2, 2), dtype=complex)
    for a, b in np.ndindex(2, 2):
        for p, r in np.ndindex(4, 5):
            weight = PHONON_WEIGHT[min(a, b), max(a, b)][p] * ELECTRON_WEIGHT[a, b][r]
            source = distinct[PHONON_CELLS[p, 0] % 2, :, :, ELECTRON_CELLS[r, 0] % 3, a, b]
            g[p, :, :, r, a, b] = weight * source
    return distinct, g


def test_folding_finds_the_distinct_numbers(chain):
    distinct, g = chain
    folded = fold(g, PHONON_CELLS, ELECTRON_CELLS, Q_MESH, K_MESH)
    np.testing.assert_allclose(folded.g, distinct, rtol=1e-14)
    assert folded.phonon_images[:, 0, 0, 1].tolist() == [0, 1, 0, 1]
    assert folded.electron_images[:, 1, 0].tolist() == [1, 2, 1, 0, 2]
    unfolded = unfold(folded, PHONON_CELLS, ELECTRON_CELLS)
    np.testing.assert_allclose(unfolded, g, rtol=1e-14)
    np.testing.assert_array_equal(unfolded == 0, g == 0)


def test_single_precision_stays(chain):
    g = chain[1].astype(np.complex64)
    folded = fold(g, PHONON_CELLS, ELECTRON_CELLS, Q_MESH, K_MESH)
    unfolded = unfold(folded, PHONON_CELLS, ELECTRON_CELLS)
    assert folded.g.dtype == unfolded.dtype == np.complex64
    np.testing.assert_array_equal(unfolded, g)  # halves are exact


@pytest.mark.parametrize("meshes", [((1, 1, 1), K_MESH), (Q_MESH, (2, 1, 1)), (K_MESH, Q_MESH)])
def test_other_meshes_are_refused(chain, meshes):
    with pytest.raises(EphforgeError, match="give the meshes of the run") as caught:
        fold(chain[1], PHONON_CELLS, ELECTRON_CELLS, *meshes)
    assert "\n" not in str(caught.value)


def test_one_number_that_breaks_the_rule_is_refused(chain):
    g = chain[1]
    g[1, 0, 0, 0, 0, 0] *= 1 + 1e-9
    with pytest.raises(EphforgeError, match="would change g"):
        fold(g, PHONON_CELLS, ELECTRON_CELLS, Q_MESH, K_MESH)
