"""The two-centre coupling once more, orbital by orbital on whole matrices, in plain NumPy.

No sums over atoms are taken apart and no states are put on one side: what the kernel does fast.
Import as `from dense_coupling import ...`; pytest puts this folder on the path.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg

from ephforge.core.realspace import Model
from ephforge.core.units import COULOMB


class Change(NamedTuple):
    """dH/du, <da/du|b>, <a|db/du> between k (ket) and k+q (bra): [s, c, a, b]."""

    hamiltonian: np.ndarray
    bra: np.ndarray
    ket: np.ndarray


def bloch(model: Model, values, k):
    """sum_R e^{2 pi i k.R} values[R]."""
    return np.tensordot(np.exp(2j * np.pi * model.hopping.cells @ k), values, axes=1)


def states(model: Model, k):
    """Energies and states of H c = E S c."""
    overlap = model.hopping.overlap
    overlap = None if overlap is None else bloch(model, overlap, k)
    return scipy.linalg.eigh(bloch(model, model.hopping.energy, k), overlap)


def change(model: Model, k, q) -> Change:
    """What the displacement of each atom by e^{2 pi i q.l} does to the matrices."""
    coupling, site = model.coupling, model.hopping.site
    size, n_atoms = len(site), len(model.crystal.masses)
    parts = [np.zeros((n_atoms, 3, size, size), complex) for _ in range(3)]
    moving = coupling.basis_derivative
    for s in range(n_atoms):
        own = np.diag(site == s).astype(float)
        gradient_k, gradient_kq = (bloch(model, coupling.gradient, p) for p in (k, k + q))
        parts[0][s] = gradient_kq @ own - own @ gradient_k
        if moving is not None:
            parts[1][s] = -own @ bloch(model, moving, k)
            parts[2][s] = bloch(model, moving, k + q) @ own
        if coupling.crystal_field is not None:
            parts[0][s] += bloch(model, coupling.crystal_field, q)[s]
            parts[0][s] -= own @ coupling.crystal_field.sum(axis=(0, 1))
    return Change(*parts)


def couplings(model: Model, k, q, displacement_sc, initial=None, final=None):
    """g_mn of one wave of displacements (angstrom, complex), between states of k and k+q."""
    energy_n, vector_an = initial or states(model, k)
    energy_m, vector_am = final or states(model, k + q)
    found = change(model, k, q)

    def between(values_scab):
        moved = np.tensordot(displacement_sc, values_scab, axes=2)
        return vector_am.conj().T @ moved @ vector_an

    g_mn = between(found.hamiltonian)
    g_mn -= between(found.bra) * energy_n + energy_m[:, None] * between(found.ket)
    if model.long_range is not None:
        moved_t = dipole_potential(model, q, displacement_sc)
        moved_t -= np.einsum("tc,tc->t", displacement_sc, field_at_rest(model))
        potential_aa = np.diag(moved_t[model.hopping.site])
        final, initial = (root_overlap(model, p) for p in (k + q, k))
        g_mn += vector_am.conj().T @ final @ potential_aa @ initial @ vector_an
    return g_mn


def dipole_potential(model: Model, q, displacement_sc):
    """Potential energy (eV) of an electron at each atom in a wave of dipoles Z_s u_s.

    i (4 pi e^2 / V) sum_K (K.Z_s.u_s) e^{iK.(tau_t - tau_s)} e^{-K.eps.K / 4 alpha} / K.eps.K.
    """
    polar, crystal = model.long_range, model.crystal
    alpha = polar.ewald[1] * (2 * np.pi / polar.lattice_unit) ** 2
    g_g3 = np.stack(np.meshgrid(*[np.arange(-14, 15)] * 3), axis=-1).reshape(-1, 3)
    wave_g3 = 2 * np.pi * (g_g3 + q) @ np.linalg.inv(crystal.cell).T
    square_g = np.einsum("gi,ij,gj->g", wave_g3, polar.dielectric, wave_g3)
    wave_g3, square_g = wave_g3[square_g > 1e-12], square_g[square_g > 1e-12]
    dipole_sf = np.einsum("sfc,sc->sf", polar.born, displacement_sc)
    phase_gts = np.exp(
        1j * np.einsum("gx,tsx->gts", wave_g3, crystal.positions[:, None] - crystal.positions)
    )
    weight_g = np.exp(-square_g / 4 / alpha) / square_g
    strength = 4 * np.pi * COULOMB / abs(np.linalg.det(crystal.cell))
    return 1j * strength * np.einsum("g,gf,sf,gts->t", weight_g, wave_g3, dipole_sf, phase_gts)


def field_at_rest(model: Model):
    """Change of that potential at each atom when the whole crystal moves: [t, c]."""
    moves = np.eye(3)[:, None, :] * np.ones((1, len(model.crystal.masses), 1))
    return np.stack([dipole_potential(model, np.zeros(3), move) for move in moves], axis=-1)


def root_overlap(model: Model, k):
    """S(k)^{1/2}."""
    if model.hopping.overlap is None:
        return np.eye(len(model.hopping.site))
    return scipy.linalg.sqrtm(bloch(model, model.hopping.overlap, k))
