r"""Sums over |g|^2 that a block allows on its own meshes: lambda of a metal, linewidths.

    lambda = sum_qv 2 N_F / (E_qv N_b^2 N_q N_k) sum_kmn |g|^2 delta(E_nk - E_F)
                                                             delta(E_m,k+q - E_F)
    Gamma_nk = 2 pi / N_q sum_qmv |g_mnv(k,q)|^2 {(n_qv + f_m,k+q) delta(E_nk - E_m,k+q + E_qv)
                                             + (n_qv + 1 - f_m,k+q) delta(E_nk - E_m,k+q - E_qv)}

The first is that of eliashberg.py, N_b the density of states that the Gaussians see.  The second is
the imaginary part of the Fan-Migdal self-energy times 2: Giustino, Rev. Mod. Phys. 89, 015003
(2017), Eq. (169), with Gaussians in place of the deltas.  Meshes of blocks are coarse: these are
no converged lambda or linewidths, but what errors of |g| do to them.
"""

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.core.kpoints import sum_index
from ephforge.core.units import KELVIN, MEV
from ephforge.observables.fermi import delta, level_of, tetrahedra


def coupling_of(
    block: Block,
    g_mnvkq: Float[np.ndarray, "m n v k q"],
    electrons: float,
    broadening: float,
    soft_mode: float,
) -> float:
    """lambda of a metal from |g| (meV) on the meshes of its block.

    Args:
      electrons: per cell, both spins, in the bands of the block.
      broadening: standard deviation of the Gaussians, eV.
      soft_mode: eV; softer modes (acoustic ones at q = 0) do not couple, whatever |g| is.

    Raises:
      EphforgeError: the bands cannot hold the electrons.
    """
    fermi = level_of(tetrahedra(block.energies, block.k_mesh), block.energies.shape[1], electrons)
    delta_kn = delta(block.energies - fermi.energy, broadening)
    final_kqm = delta_kn[sum_index(block.k_mesh, block.q_mesh)]
    sum_vq = np.einsum("mnvkq,kn,kqm->vq", (g_mnvkq / MEV) ** 2, delta_kn, final_kqm, optimize=True)
    density = delta_kn.sum() / len(delta_kn)
    points = len(delta_kn) * final_kqm.shape[1]
    is_hard_qv = block.frequencies >= soft_mode
    inverse_qv = np.where(is_hard_qv, 1 / np.where(is_hard_qv, block.frequencies, 1.0), 0.0)
    return float(2 * fermi.density / density**2 * (inverse_qv * sum_vq.T).sum() / points)


def linewidths_of(
    block: Block,
    g_mnvkq: Float[np.ndarray, "m n v k q"],
    occupation_kn: Float[np.ndarray, "k n"],
    broadening: float,
    temperature: float,
    soft_mode: float,
) -> Float[np.ndarray, "k n"]:
    """Linewidths Gamma_nk in eV from |g| (meV), final states within the block's bands.

    Args:
      occupation_kn: of the bands of the block; 1 for valence bands.
      broadening: standard deviation of the Gaussians, eV.
      temperature: of the phonons, kelvin.
      soft_mode: as in `coupling_of`.
    """
    final_kq = sum_index(block.k_mesh, block.q_mesh)
    rise_kqmn = block.energies[final_kq][..., :, None] - block.energies[:, None, None, :]
    occupied_kqm = occupation_kn[final_kq]
    width_kn = np.zeros(block.energies.shape)
    is_hard_qv = block.frequencies >= soft_mode
    energy_qv = np.where(is_hard_qv, block.frequencies, 1.0)
    boson_qv = bose(energy_qv, temperature)
    for v in range(g_mnvkq.shape[2]):
        energy_q, number_q = energy_qv[:, v], boson_qv[:, v]
        absorbed_kqm = number_q[:, None] + occupied_kqm
        emitted_kqm = number_q[:, None] + 1 - occupied_kqm
        energy_q11 = energy_q[:, None, None]
        weight_kqmn = absorbed_kqm[..., None] * delta(energy_q11 - rise_kqmn, broadening)
        weight_kqmn += emitted_kqm[..., None] * delta(-energy_q11 - rise_kqmn, broadening)
        square_mnkq = (g_mnvkq[:, :, v] / MEV) ** 2 * is_hard_qv[:, v]
        width_kn += np.einsum("mnkq,kqmn->kn", square_mnkq, weight_kqmn)
    return 2 * np.pi / final_kq.shape[1] * width_kn


def bose(energy_qv: Float[np.ndarray, "q v"], temperature: float) -> Float[np.ndarray, "q v"]:
    """Bose-Einstein occupation of positive energies, eV, at a temperature in kelvin."""
    return 1 / np.expm1(energy_qv / (KELVIN * temperature))
