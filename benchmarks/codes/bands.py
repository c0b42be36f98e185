"""Energies of a tight-binding model at a list of k."""

import numpy as np

from codes.task import Request, Task, points, short_model


def ephforge(request: Request) -> Task:
    import jax
    import jax.numpy as jnp

    from ephforge.electrons.bloch import bloch_sum, eigenpairs

    hopping = short_model().hopping
    cells, energy, k = map(jnp.asarray, (hopping.cells, hopping.energy, points(request)))
    run = jax.jit(jax.vmap(lambda k_3: eigenpairs(bloch_sum(k_3, cells, energy))[0]))
    return Task(lambda: np.asarray(run(k)))


def pythtb(request: Request) -> Task:
    """Its call for a list of k: all k at once in 2.x, a loop over k and over hoppings in 1.x."""
    import pythtb as code

    model = short_model()
    orbitals = np.zeros((len(model.hopping.site), 3))
    if hasattr(code, "TBModel"):
        lattice = code.Lattice(model.crystal.cell, orbitals, periodic_dirs="all")
        peer = code.TBModel(lattice)
        _fill(peer, model.hopping)
        k = points(request)
        return Task(lambda: peer.solve_ham(k))
    peer = code.tb_model(3, 3, model.crystal.cell, orbitals)
    _fill(peer, model.hopping)
    listed = points(request).tolist()
    return Task(lambda: peer.solve_all(listed), lambda energy_nk: np.asarray(energy_nk).T)


def _fill(peer, hopping) -> None:
    size = len(hopping.site)
    for r, cell in enumerate(hopping.cells.tolist()):
        if not any(cell):
            peer.set_onsite(np.diag(hopping.energy[r]).tolist())
        for a in range(size):
            for b in range(size):
                # pythtb adds the partner (b, a, -R) by itself
                if (cell, a) > ([-c for c in cell], b):
                    peer.set_hop(hopping.energy[r, a, b], a, b, cell)
