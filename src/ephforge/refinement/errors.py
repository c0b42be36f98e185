"""How far a refined coupling is from DFPT at the q that the coarse mesh lacks.

    error = || |g| - |g_true| || / || g_true ||,   |g| averaged over degenerate bands and modes,
    g_mnv(k, q) = sum_sc e_sc,v(q) <m,k+q| dH/du_sc |n,k> / sqrt(M_s)

over all k of the coarse mesh; with amplitudes 1/sqrt(2 omega) left out, because they make one
soft mode outweigh all others, or kept.  `complex` compares the entries themselves in the Wannier
gauge, in which both are given: bands and modes do not enter it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ephforge.core.kpoints import mesh_points, sum_index
from ephforge.core.realspace import Mesh, Model
from ephforge.phonons.modes import energies
from ephforge.refinement.coarse import to_points
from ephforge.refinement.lattice import modes

DEGENERACY = 1e-4  # eV
SOFT = 1e-3  # eV; softer modes count as zero where amplitudes are kept


class Bands(NamedTuple):
    """States of the k mesh: shares of degenerate groups [k, n, n], and columns [k, a, n]."""

    share_knn: Float[np.ndarray, "k n n"]
    state_kan: Complex[np.ndarray, "k a n"]
    final_kq: np.ndarray


def bands(model: Model, k_mesh: Mesh, q_mesh: Mesh) -> Bands:
    """Bloch states, and the number of k+q."""
    hopping = model.hopping
    phase_kr = np.exp(2j * np.pi * mesh_points(k_mesh) @ hopping.cells.T)
    matrix_kab = np.tensordot(phase_kr, hopping.energy, 1)
    matrix_kab = (matrix_kab + matrix_kab.conj().swapaxes(1, 2)) / 2
    energy_kn, state_kan = np.linalg.eigh(matrix_kab)
    return Bands(sharing(energy_kn), state_kan, sum_index(k_mesh, q_mesh))


def sharing(energy_xn: Float[np.ndarray, "x n"]) -> Float[np.ndarray, "x n n"]:
    """Averages over groups of neighbours closer than `DEGENERACY`."""
    group_xn = np.cumsum(np.diff(energy_xn, axis=-1, prepend=energy_xn[:, :1]) > DEGENERACY, -1)
    same = (group_xn[:, :, None] == group_xn[:, None, :]).astype(float)
    return same / same.sum(axis=-1, keepdims=True)


def squares(
    g_scrab: Complex[np.ndarray, "s 3 k a a"],
    q: int,
    k_mesh: Mesh,
    states: Bands,
    polarisation_dv: Complex[np.ndarray, "d v"],
    masses: Float[np.ndarray, " s"],
) -> Float[np.ndarray, "v k m n"]:
    """|g|^2 of one q averaged over degenerate bands; modes as they come."""
    flat = np.moveaxis(g_scrab, 2, 0).reshape(int(np.prod(k_mesh)), -1)
    g_kdab = to_points(flat, k_mesh).reshape(len(flat), -1, *g_scrab.shape[3:])
    weight_dv = polarisation_dv / np.repeat(np.sqrt(masses), 3)[:, None]
    g_vkab = np.einsum("dv,kdab->vkab", weight_dv, g_kdab, optimize=True)
    final_k = states.final_kq[:, q]
    bra_kma = states.state_kan[final_k].conj().swapaxes(1, 2)
    square = np.abs(bra_kma @ g_vkab @ states.state_kan) ** 2
    return states.share_knn[final_k] @ square @ states.share_knn.swapaxes(1, 2)


class Errors(NamedTuple):
    """Relative errors over the q that the coarse mesh lacks.

    Attributes:
      magnitude: of |g|, modes of the fine mesh for both.
      amplitude: the same with 1/sqrt(2 omega).
      own_modes: of |g|, each with the modes of its own force constants.
      own_summed: of sqrt(sum_v |g|^2 / 2 omega), each with its own.
      complex: of the entries in the Wannier gauge.
      frequencies: of phonon energies.
    """

    magnitude: float
    amplitude: float
    own_modes: float
    own_summed: float
    complex: float
    frequencies: float


class Judge:
    """The truth of one material at the hidden q, kept for the comparison with many methods."""

    def __init__(self, model: Model, k_mesh: Mesh, coarse_q: np.ndarray, fine: Mesh, g, phi):
        """
        Args:
          coarse_q: numbers of the coarse mesh's points on the fine one.
          g, phi: [q, ...] couplings and dynamical matrices (coarse.py) at the fine q.
        """
        self._masses, self._k_mesh, self._fine_g = model.crystal.masses, k_mesh, g
        self._states = bands(model, k_mesh, fine)
        self.hidden = np.setdiff1d(np.arange(len(g)), coarse_q)
        self._modes = modes(phi, self._masses)
        self._truth = {q: self._sizes(g[q], q, self._modes) for q in map(int, self.hidden)}

    def errors(self, g, phi) -> Errors:
        """Of couplings and dynamical matrices at all fine q."""
        own = modes(phi, self._masses)
        sums = np.zeros((2, 4))
        for q in map(int, self.hidden):
            truth = self._truth[q]
            fixed, free = self._sizes(g[q], q, self._modes), self._sizes(g[q], q, own)
            pairs = zip(
                (fixed[0], fixed[1], free[0], free[2]), (*truth[:2], *truth[::2]), strict=True
            )
            for i, (found, true) in enumerate(pairs):
                sums[:, i] += np.sum((found - true) ** 2), np.sum(true**2)
        apart = np.linalg.norm((g - self._fine_g)[self.hidden])
        energy, true_energy = (np.asarray(energies(m[0][self.hidden])) for m in (own, self._modes))
        return Errors(
            *map(float, np.sqrt(sums[0] / sums[1])),
            float(apart / np.linalg.norm(self._fine_g[self.hidden])),
            float(np.linalg.norm(energy - true_energy) / np.linalg.norm(true_energy)),
        )

    def _sizes(self, g_scrab, q: int, found):
        """|g| without and with amplitudes, and the sum over modes with them."""
        energy_v = np.asarray(energies(found[0][q]))
        square = squares(g_scrab, q, self._k_mesh, self._states, found[1][q], self._masses)
        share_vv = sharing(energy_v[None])[0]
        safe_v = np.where(energy_v < SOFT, np.inf, energy_v)
        scaled = np.einsum("uv,vkmn->ukmn", share_vv, square / (2 * safe_v)[:, None, None, None])
        averaged = np.einsum("uv,vkmn->ukmn", share_vv, square)
        return np.sqrt(averaged), np.sqrt(scaled), np.sqrt(scaled.sum(axis=0))
