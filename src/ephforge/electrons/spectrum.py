"""Bands and overlap of drawn electrons on a small mesh, in NumPy: no shape is compiled for it."""

import numpy as np
from jaxtyping import Complex, Float, Inexact, Int

from ephforge.core.kpoints import mesh_points, negation_index
from ephforge.core.realspace import Hopping

_MESH = (4, 4, 4)


def half_mesh() -> Float[np.ndarray, "k 3"]:
    """One point of each pair k, -k of the mesh: the bands of the other are the same."""
    index_k = np.arange(np.prod(_MESH))
    return mesh_points(_MESH)[index_k <= negation_index(_MESH)]


def bloch_sums(
    k_k3: Float[np.ndarray, "k 3"],
    cells_r3: Int[np.ndarray, "r 3"],
    values_rab: Inexact[np.ndarray, "r a a"],
) -> Complex[np.ndarray, "k a a"]:
    """sum_R e^{2 pi i k.R} values[R] at every k."""
    phase_kr = np.exp(2j * np.pi * (k_k3 @ cells_r3.T))
    size = values_rab.shape[-1]
    return (phase_kr @ values_rab.reshape(len(cells_r3), -1)).reshape(-1, size, size)


def smallest_overlap(hopping: Hopping) -> float:
    """Smallest eigenvalue of S(k) on the mesh."""
    overlap_kab = bloch_sums(half_mesh(), hopping.cells, hopping.overlap)
    return float(np.linalg.eigvalsh(overlap_kab).min())


def energies(hopping: Hopping) -> Float[np.ndarray, "k n"]:
    """Bands on half of the mesh, eV; H(k) c = E S(k) c through the Cholesky factor of S."""
    k_k3 = half_mesh()
    energy_kab = bloch_sums(k_k3, hopping.cells, hopping.energy)
    if hopping.overlap is not None:
        factor_kab = np.linalg.cholesky(bloch_sums(k_k3, hopping.cells, hopping.overlap))
        left_kab = np.linalg.solve(factor_kab, energy_kab)
        energy_kab = np.linalg.solve(factor_kab, left_kab.conj().swapaxes(1, 2))
    return np.linalg.eigvalsh(energy_kab)
