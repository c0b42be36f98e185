"""Couplings of a general model on a mesh of k and one of q, all bands and modes.

Compared is the sum over states of |g|^2 2 E / hbar^2 for each pair (k, q), which no choice of
states changes, degenerate or not; [q, k].
"""

import numpy as np

from codes.task import Request, Task, general_model

LIMITS = (1e-9, 1e-3)  # eV: degeneracy, soft mode


def ephforge(request: Request) -> Task:
    from ephforge.core.units import HBAR2_PER_DALTON
    from ephforge.coupling import batch, grid

    model = general_model(request)
    pairs, bands = grid.mesh_pairs(*request.meshes), len(model.hopping.site)

    def run():
        return batch.evaluate([model], pairs, grid.Limits(*LIMITS), bands, 1)[0]

    def numbers(found):
        square_vkq = np.einsum("mnvkq,mnvkq->vkq", found.g_mnvkq, found.g_mnvkq)
        sum_qk = np.einsum("vkq,qv->qk", square_vkq, 2 * found.energy_qv / HBAR2_PER_DALTON)
        return _without_gamma(sum_qk)

    return Task(run, numbers)


def _without_gamma(sum_qk):
    """At q = 0 acoustic modes are left out on our side, so that nothing is compared there."""
    return np.concatenate([np.full_like(sum_qk[:1], np.nan), sum_qk[1:]])


def elphmod(request: Request) -> Task:
    """Its own way for a mesh, `sample`, with eigenvectors of that mesh."""
    import elphmod as code

    k_mesh, q_mesh = request.meshes
    peer = _elphmod(code, general_model(request))
    el, ph = peer.el, peer.ph
    k_k3, q_q3 = (2 * np.pi * np.indices(n).reshape(3, -1).T / n for n in (k_mesh, q_mesh))

    def run():
        electrons = np.linalg.eigh(_hermitian(np.array([el.H(*k) for k in k_k3])))[1]
        phonons = np.linalg.eigh(_hermitian(np.array([ph.D(*q) for q in q_q3])))[1]
        states = electrons.reshape(*k_mesh, el.size, el.size)
        return peer.sample(q_q3.tolist(), U=states, u=phonons)

    def numbers(g):
        return (np.abs(g) ** 2).sum(axis=(1, 5, 6)).reshape(len(q_q3), -1)

    return Task(run, numbers)


def _elphmod(code, model):
    """EPW 5.3 writes no file of cells that elphmod could read, so its objects are filled here."""
    assert model.long_range is None, "elphmod has another dipole sum: give a non-polar model"
    hopping, lattice, coupling = model.hopping, model.force_constants, model.coupling
    modes = 3 * len(model.crystal.masses)
    root = np.repeat(np.sqrt(model.crystal.masses), 3)
    el, ph, peer = code.el.Model(), code.ph.Model(), code.elph.Model()
    el.R, el.data, el.size = hopping.cells, hopping.energy, len(hopping.site)
    ph.R, ph.lr, ph.size = lattice.cells, False, modes
    ph.data = lattice.phi.reshape(-1, modes, modes) / np.outer(root, root)
    shape = (len(coupling.phonon_cells), modes, len(coupling.electron_cells), el.size, el.size)
    peer.el, peer.ph, peer.q = el, ph, None
    peer.Rg, peer.Rk = coupling.phonon_cells, coupling.electron_cells
    peer.data = coupling.g.reshape(shape).astype(complex) / root[:, None, None, None]
    peer.gq = np.empty(shape[1:], complex)
    return peer


def _hermitian(matrix):
    return (matrix + matrix.conj().swapaxes(-1, -2)) / 2
