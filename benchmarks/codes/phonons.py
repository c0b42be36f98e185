"""Phonon energies (eV) at a list of q from force constants."""

import numpy as np

from codes.task import Request, Task, points, short_model

SUPERCELL = 4  # for phonopy; Phi of the made-up model reaches one cell, 3 would cut it
_ELECTRONVOLT = 4.135667696e-3  # eV of a THz


def ephforge(request: Request) -> Task:
    from ephforge.phonons.modes import energies_at

    model, q = short_model(), points(request)
    return Task(lambda: energies_at(q, model.force_constants, model.crystal.masses))


def phonopy(request: Request) -> Task:
    """The default of phonopy 4: sums and eigenvalues in Rust."""
    return _run_qpoints(request, "Rust")


def phonopy_c(request: Request) -> Task:
    """Sums in C, eigenvalues by NumPy."""
    return _run_qpoints(request, "C")


def phonopy_python(request: Request) -> Task:
    """Sums in Python, its reference, eigenvalues by NumPy."""
    from phonopy.harmonic import dynamical_matrix as code
    from phonopy.physical_units import get_physical_units

    matrices, q = _phonopy("C").dynamical_matrix, points(request)
    terahertz = get_physical_units().DefaultToTHz

    def run():
        dynamical = code.get_dynamical_matrices_at_qpoints(matrices, q, lang="Python")
        square_qv, _ = code.diagonalize_dynamical_matrices(dynamical, False, lang="C")
        return np.sqrt(np.abs(square_qv)) * np.sign(square_qv)

    return Task(run, lambda root_qv: root_qv * terahertz * _ELECTRONVOLT)


def _run_qpoints(request: Request, language: str) -> Task:
    peer, q = _phonopy(language), points(request)

    def run():
        peer.run_qpoints(q)
        return peer.qpoints.frequencies

    return Task(run, lambda terahertz_qv: np.sort(terahertz_qv, axis=1) * _ELECTRONVOLT)


def _phonopy(language: str):
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    model = short_model()
    crystal, constants = model.crystal, model.force_constants
    unit = PhonopyAtoms(
        numbers=crystal.numbers,
        masses=crystal.masses,
        cell=crystal.cell,
        positions=crystal.positions,
    )
    peer = Phonopy(unit, supercell_matrix=np.eye(3, dtype=int) * SUPERCELL, lang=language)
    cell_i3, atom_i = _supercell_atoms(peer.supercell.positions, crystal)
    atoms = range(len(crystal.masses))
    home = [int(np.flatnonzero((atom_i == s) & ~cell_i3.any(1))[0]) for s in atoms]
    full = np.zeros((len(home), len(atom_i), 3, 3))
    number = {
        (*cell, atom): i
        for i, (cell, atom) in enumerate(zip(cell_i3.tolist(), atom_i, strict=True))
    }
    for r, cell in enumerate(constants.cells % SUPERCELL):
        for s in atoms:
            for t in atoms:
                full[s, number[(*cell.tolist(), t)]] += constants.phi[r, s, :, t, :]
    assert home == peer.primitive.p2s_map.tolist()
    peer.force_constants = full
    return peer


def _supercell_atoms(positions_i3, crystal):
    """Cell vector and atom of every atom of phonopy's supercell."""
    inverse = np.linalg.inv(crystal.cell)
    difference_is3 = (positions_i3[:, None] - crystal.positions) @ inverse
    distance_is = np.abs(difference_is3 - np.round(difference_is3)).max(-1)
    atom_i = distance_is.argmin(1)
    cell_i3 = np.round(difference_is3[np.arange(len(atom_i)), atom_i]).astype(int)
    return cell_i3 % SUPERCELL, atom_i
