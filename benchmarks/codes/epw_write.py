"""The restart files of EPW 5.3 from a model: what `ephforge import-epw` reads, written.

epw.x rebuilds its lists of cells from the meshes and the centres, and takes weights out itself; so
the numbers of a model are put in EPW's order and its weights are multiplied back.
"""

from pathlib import Path

import numpy as np

from ephforge.core.realspace import Mesh, Model
from ephforge.core.units import BOHR, DALTON_IN_RYDBERG_MASSES, RYDBERG
from ephforge.firstprinciples.epw_cells import Cells, Option, cells
from ephforge.firstprinciples.epw_files import CrystalFile

_TYPES = 10  # masses in crystal.fmt, whatever the number of species


def write_run(model: Model, k_mesh: Mesh, q_mesh: Mesh, folder: Path, prefix: str) -> None:
    """crystal.fmt, epwdata.fmt, dmedata.fmt, PREFIX.epmatwp and PREFIX.ukk of a model.

    Raises:
      ValueError: the cells of the model are not those of these meshes.
    """
    crystal = _crystal(model)
    lists = cells(crystal, Option(True, k_mesh, q_mesh))
    _write_crystal(folder / "crystal.fmt", crystal)
    _write_data(folder / "epwdata.fmt", model, lists)
    _couplings(model, lists).tofile(folder / f"{prefix}.epmatwp")
    size = len(crystal.centres)
    # momentum matrix elements: nothing of g depends on them
    zeros = "(0.0,0.0)\n" * (3 * size**2 * len(lists.electrons))
    (folder / "dmedata.fmt").write_text(zeros)
    (folder / f"{prefix}.ukk").write_text(
        f"1 {size}\n"
    )  # first and last band; the rest is not read


def _crystal(model: Model) -> CrystalFile:
    """In EPW's units; one species for each pair of element and mass."""
    crystal, polar = model.crystal, model.long_range
    alat = polar.lattice_unit if polar else float(np.linalg.norm(crystal.cell[0]))
    kinds = list(dict.fromkeys(zip(crystal.numbers.tolist(), crystal.masses, strict=True)))
    own = zip(crystal.numbers.tolist(), crystal.masses, strict=True)
    return CrystalFile(
        crystal.cell / alat,
        alat / BOHR,
        crystal.positions / alat,
        np.array([mass for _, mass in kinds]) * DALTON_IN_RYDBERG_MASSES,
        np.array([1 + kinds.index(kind) for kind in own]),
        model.hopping.centres / alat,
    )


def _write_crystal(path: Path, crystal: CrystalFile) -> None:
    n_atoms = len(crystal.tau)
    masses = np.zeros(_TYPES)
    masses[: len(crystal.masses)] = crystal.masses
    volume = abs(np.linalg.det(crystal.at)) * crystal.alat**3
    lines = [
        n_atoms,
        3 * n_atoms,
        2 * len(crystal.centres),  # electrons; used for a Fermi energy, which the input gives
        _row(crystal.at),
        _row(np.linalg.inv(crystal.at).T),
        _row(volume),
        _row(crystal.alat),
        _row(crystal.tau),
        _row(masses),
        " ".join(map(str, crystal.species)),
        "F",  # noncolin
        _row(crystal.centres),
    ]
    path.write_text("".join(f"  {line}\n" for line in lines))


def _write_data(path: Path, model: Model, lists: Cells) -> None:
    """Born charges and dielectric tensor of a material that is not polar are zero and one."""
    n_atoms, size, polar = len(model.crystal.masses), len(model.hopping.site), model.long_range
    born = polar.born if polar else np.zeros((n_atoms, 3, 3))
    dielectric = polar.dielectric if polar else np.eye(3)
    constants = model.force_constants
    phi = constants.phi.reshape(-1, 3 * n_atoms, 3 * n_atoms) / (RYDBERG / BOHR**2)
    h = _listed(model.hopping.energy / RYDBERG, model.hopping.cells, lists.electrons)
    c = _listed(phi, constants.cells, lists.lattice)
    sizes = (size, len(lists.electrons), 3 * n_atoms, len(lists.lattice), len(lists.phonons))
    numbers = [
        np.moveaxis(_undone(values, weight), 0, -1).ravel()
        for values, weight in ((h, lists.electron_weight), (c, lists.lattice_weight))
    ]
    with path.open("w") as file:
        file.write(f"  0.0\n  {' '.join(map(str, sizes))}\n")
        file.write(f"  {_row(born.swapaxes(1, 2))} {_row(dielectric.T)}\n")
        for number in np.concatenate(numbers).astype(complex).tolist():
            file.write(f" ({number.real!r},{number.imag!r})\n")


def _couplings(model: Model, lists: Cells) -> np.ndarray:
    """All numbers of PREFIX.epmatwp: [Rp, mode, Re, n, m], m fastest."""
    coupling = model.coupling
    n_p, n_r = len(coupling.phonon_cells), len(coupling.electron_cells)
    size = len(model.hopping.site)
    g = coupling.g.reshape(n_p, -1, n_r, size, size).astype(complex) / (RYDBERG / BOHR)
    g = _listed(g, coupling.phonon_cells, lists.phonons)
    g = np.moveaxis(_listed(np.moveaxis(g, 2, 0), coupling.electron_cells, lists.electrons), 0, 2)
    g = _undone(g, lists.phonon_weight[:, :, None])
    g = _undone(g, lists.electron_weight)
    return np.ascontiguousarray(g.swapaxes(-1, -2))


def _listed(values_r: np.ndarray, own_r3: np.ndarray, wanted_r3: np.ndarray) -> np.ndarray:
    """The same in EPW's order of cells; zero where the model has no such cell."""
    number = {tuple(cell): i for i, cell in enumerate(wanted_r3.tolist())}
    missing = [cell for cell in own_r3.tolist() if tuple(cell) not in number]
    if missing:
        raise ValueError(f"{len(missing)} cells, {missing[0]} first, are not in EPW's list")
    found = np.zeros((len(wanted_r3), *values_r.shape[1:]), values_r.dtype)
    found[[number[tuple(cell)] for cell in own_r3.tolist()]] = values_r
    return found


def _undone(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weights taken out again; where they are zero EPW reads nothing."""
    weight = np.broadcast_to(weight, values.shape)
    return np.divide(values, weight, out=np.zeros_like(values), where=weight > 0)


def _row(values) -> str:
    return " ".join(repr(float(value)) for value in np.ravel(values))
