"""The two-centre coupling once more, orbital by orbital on whole matrices, in plain NumPy.

No sums over atoms are taken apart and no states are put on one side: what the kernel does fast.
Import as `from dense_coupling import ...`; pytest puts this folder on the path.
"""

from typing import NamedTuple

import numpy as np
import scipy.linalg

from ephforge.core.realspace import Model
from ephforge.coupling import longrange


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
        field_sc = longrange.on_points(model.long_range, model.crystal, q[None])[1][0]
        roots = (root_overlap(model, p) for p in (k + q, k))
        common = vector_am.conj().T @ next(roots) @ next(roots) @ vector_an
        g_mn += np.sum(displacement_sc * field_sc) * common
    return g_mn


def root_overlap(model: Model, k):
    """S(k)^{1/2}."""
    if model.hopping.overlap is None:
        return np.eye(len(model.hopping.site))
    return scipy.linalg.sqrtm(bloch(model, model.hopping.overlap, k))
