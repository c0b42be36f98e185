"""The same model and points through other codes: pythtb, phonopy, elphmod; ratios per core.

    python benchmarks/peers.py -o peers.json [--model FILE] [--quick]

Every code runs in a process of its own on one thread.  Processor seconds, median of 3; numbers
that do not agree end the run.  Both sides are called once before the clock starts, so that
neither imports nor compilation count.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

CASES = ("bands", "phonons", "couplings")
PEERS = {"bands": "pythtb", "phonons": "phonopy", "couplings": "elphmod"}
LIMITS = (1e-9, 1e-3)  # eV: degeneracy, soft mode
SUPERCELL = 4  # for phonopy; Phi of the made-up model reaches one cell
THREADS = dict.fromkeys(
    ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)


def points(request):
    count = 200 if request["quick"] else 10_000
    return np.random.default_rng(7).uniform(size=(count, 3))


def meshes(request):
    return ((2, 2, 2), (2, 1, 1)) if request["quick"] else ((8, 8, 8), (4, 4, 4))


def short_model():
    from ephforge.bench.models import two_centre

    return two_centre(2, 8)


def general_model(request):
    if request["model"]:
        from ephforge.core.netcdf import read
        from ephforge.core.realspace import read_model

        return read_model(read(request["model"], "model"))
    from ephforge.bench.models import wannier

    return wannier(2, 4, 1.5 if request["quick"] else 2.65)


def bands_ephforge(request):
    import jax
    import jax.numpy as jnp

    from ephforge.electrons.bloch import bloch_sum, eigenpairs

    hopping = short_model().hopping
    cells, energy, k = map(jnp.asarray, (hopping.cells, hopping.energy, points(request)))
    run = jax.jit(jax.vmap(lambda k_3: eigenpairs(bloch_sum(k_3, cells, energy))[0]))
    return lambda: np.asarray(run(k))


def bands_pythtb(request):
    from pythtb import tb_model

    model = short_model()
    hopping, size = model.hopping, len(model.hopping.site)
    peer = tb_model(3, 3, model.crystal.cell, np.zeros((size, 3)))
    for r, cell in enumerate(hopping.cells.tolist()):
        if not any(cell):
            peer.set_onsite(np.diag(hopping.energy[r]).tolist())
        for a in range(size):
            for b in range(size):
                # pythtb adds the partner (b, a, -R) by itself
                if (cell, a) > ([-c for c in cell], b):
                    peer.set_hop(hopping.energy[r, a, b], a, b, cell)
    k = points(request).tolist()
    return lambda: np.asarray(peer.solve_all(k)).T


def phonons_ephforge(request):
    from ephforge.phonons.modes import energies_at

    model, q = short_model(), points(request)
    return lambda: energies_at(q, model.force_constants, model.crystal.masses)


def phonons_phonopy(request):
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    from ephforge.core.units import MEV

    model = short_model()
    crystal, constants = model.crystal, model.force_constants
    unit = PhonopyAtoms(
        numbers=crystal.numbers,
        masses=crystal.masses,
        cell=crystal.cell,
        positions=crystal.positions,
    )
    peer = Phonopy(unit, supercell_matrix=np.eye(3, dtype=int) * SUPERCELL)
    cell_i3, atom_i = _supercell_atoms(peer.supercell.positions, crystal)
    home = [int(np.flatnonzero((atom_i == s) & ~cell_i3.any(1))[0]) for s in (0, 1)]
    full = np.zeros((len(home), len(atom_i), 3, 3))
    number = {
        (*cell, atom): i
        for i, (cell, atom) in enumerate(zip(cell_i3.tolist(), atom_i, strict=True))
    }
    for r, cell in enumerate(constants.cells % SUPERCELL):
        for s in (0, 1):
            for t in (0, 1):
                full[s, number[(*cell.tolist(), t)]] += constants.phi[r, s, :, t, :]
    assert home == peer.primitive.p2s_map.tolist()
    peer.force_constants = full
    q, electronvolt = points(request), 4.135667696 / MEV  # of a THz

    def run():
        peer.run_qpoints(q)
        return np.sort(peer.qpoints.frequencies, axis=1) * electronvolt

    return run


def _supercell_atoms(positions_i3, crystal):
    """Cell vector and atom of every atom of phonopy's supercell."""
    inverse = np.linalg.inv(crystal.cell)
    difference_is3 = (positions_i3[:, None] - crystal.positions) @ inverse
    distance_is = np.abs(difference_is3 - np.round(difference_is3)).max(-1)
    atom_i = distance_is.argmin(1)
    cell_i3 = np.round(difference_is3[np.arange(len(atom_i)), atom_i]).astype(int)
    return cell_i3 % SUPERCELL, atom_i


def couplings_ephforge(request):
    """Sum over states of |g|^2 2 E / hbar^2 for each pair: what no basis changes."""
    from ephforge.core.units import HBAR2_PER_DALTON
    from ephforge.coupling import batch, grid

    model = general_model(request)
    pairs, bands = grid.mesh_pairs(*meshes(request)), len(model.hopping.site)

    def run():
        found = batch.evaluate([model], pairs, grid.Limits(*LIMITS), bands, 1)[0]
        square = np.einsum("mnvkq,mnvkq->vkq", found.g_mnvkq, found.g_mnvkq)
        return np.einsum("vkq,qv->qk", square, 2 * found.energy_qv / HBAR2_PER_DALTON)

    return run


def couplings_elphmod(request):
    """elphmod's own way for a mesh, `sample`, with eigenvectors of that mesh."""
    import elphmod

    model = general_model(request)
    assert model.long_range is None, "elphmod has another dipole sum: give a non-polar model"
    hopping, lattice, coupling = model.hopping, model.force_constants, model.coupling
    modes, k_mesh, q_mesh = 3 * len(model.crystal.masses), *meshes(request)
    root = np.repeat(np.sqrt(model.crystal.masses), 3)
    el, ph, peer = elphmod.el.Model(), elphmod.ph.Model(), elphmod.elph.Model()
    el.R, el.data, el.size = hopping.cells, hopping.energy, len(hopping.site)
    ph.R, ph.lr, ph.size = lattice.cells, False, modes
    ph.data = lattice.phi.reshape(-1, modes, modes) / np.outer(root, root)
    shape = (len(coupling.phonon_cells), modes, len(coupling.electron_cells), el.size, el.size)
    peer.el, peer.ph, peer.q = el, ph, None
    peer.Rg, peer.Rk = coupling.phonon_cells, coupling.electron_cells
    peer.data = coupling.g.reshape(shape).astype(complex) / root[:, None, None, None]
    peer.gq = np.empty(shape[1:], complex)
    k_k3, q_q3 = (2 * np.pi * np.indices(n).reshape(3, -1).T / n for n in (k_mesh, q_mesh))

    def run():
        electrons = np.array([np.linalg.eigh(_hermitian(el.H(*k)))[1] for k in k_k3])
        phonons = np.array([np.linalg.eigh(_hermitian(ph.D(*q)))[1] for q in q_q3])
        states = electrons.reshape(*k_mesh, el.size, el.size)
        g = peer.sample(q_q3.tolist(), U=states, u=phonons)
        return (np.abs(g) ** 2).sum(axis=(1, 5, 6)).reshape(len(q_q3), -1)

    return run


def _hermitian(matrix):
    return (matrix + matrix.conj().T) / 2


def timed(request, out):
    """Run one code: processor seconds and its numbers, into an .npz file."""
    run = globals()[f"{request['case']}_{request['code']}"](request)
    numbers, seconds = run(), []
    for _ in range(1 if request["quick"] else 3):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    np.savez(out, seconds=statistics.median(seconds), numbers=numbers)


def compare(case, options, folder):
    """Row of one case: seconds of both codes, ratio, largest relative disagreement."""
    found = {}
    for code in ("ephforge", PEERS[case]):
        request = vars(options) | {"case": case, "code": code, "output": None}
        out = folder / f"{case}-{code}.npz"
        words = [sys.executable, __file__, "--one", json.dumps(request), "-o", str(out)]
        subprocess.run(words, env=os.environ | THREADS, check=True, stdout=subprocess.DEVNULL)
        found[code] = np.load(out)
        out.unlink()
    ours, theirs = found["ephforge"]["numbers"], found[PEERS[case]]["numbers"]
    if case == "couplings":
        ours, theirs = ours[1:], theirs[1:]  # at q = 0 acoustic modes are left out on our side
    difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    assert difference < 1e-5, f"{case}: {PEERS[case]} differs by {difference:.1e}"
    seconds = {code: float(values["seconds"]) for code, values in found.items()}
    ratio = seconds[PEERS[case]] / seconds["ephforge"]
    return {"processor_seconds": seconds, "ratio": ratio, "difference": difference}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", help="model file of a non-polar material, for couplings")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        timed(options.one, options.output)
        return
    del options.one
    record = {"model": options.model, "quick": options.quick}
    for case in CASES:
        record[case] = row = compare(case, options, options.output.absolute().parent)
        print(f"{case:10} {row['ratio']:8.1f} x {PEERS[case]}, difference {row['difference']:.0e}")
    options.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
