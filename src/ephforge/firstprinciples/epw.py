"""Reader of EPW 5.3: crystal.fmt, epwdata.fmt and PREFIX.epmatwp become a Model.

The run must have used etf_mem = 0; a polar material must have been run with lpolar = .true.,
so that the dipole part is taken out of the files. Layouts were found from files and from the
couplings that EPW prints; docs/first_principles.md lists them.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Complex, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Model
from ephforge.core.units import DALTON_IN_RYDBERG_MASSES
from ephforge.firstprinciples.elements import (
    MASSES,
    atomic_number,
    elements_of_mass,
    is_of_another_element,
)
from ephforge.firstprinciples.epw_cells import Cells, Option, cells, settle
from ephforge.firstprinciples.epw_files import (
    CrystalFile,
    DataFile,
    read_coupling,
    read_crystal,
    read_data,
)
from ephforge.firstprinciples.epw_run import Mesh, Run, find_run
from ephforge.firstprinciples.rydberg import RydbergArrays, to_model

HERMITIAN = 1e-3  # relative; H and Phi of true cells are Hermitian to better than 1e-6
POLAR_THRESHOLD = 1e-4  # Born charges below it are zero, units of e


def read_epw(
    folder: str | Path,
    prefix: str | None = None,
    species: list[str] | None = None,
    k_mesh: Mesh | None = None,
    q_mesh: Mesh | None = None,
    use_ws: bool | None = None,
    polar: bool | None = None,
) -> Model:
    """Model of one material from the files of an EPW run, in double precision.

    What is not given is taken from the epw.x inputs in the folder, from the only *.epmatwp,
    from the masses, and from the numbers of cells.

    Args:
      folder: holds crystal.fmt, epwdata.fmt and PREFIX.epmatwp.
      prefix: of the run; also the model's name.
      species: chemical symbols in the order of EPW's atom types.
      k_mesh, q_mesh: coarse meshes of the run (nk1..3, nq1..3).
      use_ws, polar: keywords use_ws and lpolar of the run.

    Raises:
      EphforgeError: a file is absent, cut short, of another version, or does not fit the others
        or what is stated; or something must be stated because it cannot be found.
    """
    return read_run(folder, Run(prefix or "", k_mesh, q_mesh, use_ws, polar), species)[0]


def read_run(
    folder: str | Path, stated: Run, species: list[str] | None = None
) -> tuple[Model, Run]:
    """Model of an EPW run, and everything that was found out about the run; see `read_epw`."""
    folder = Path(folder)
    run = find_run(folder, stated)
    crystal = read_crystal(folder / "crystal.fmt")
    numbers = _numbers(folder / "crystal.fmt", crystal, species)
    path = folder / "epwdata.fmt"
    data = read_data(path, crystal)
    counts = (data.h.shape[-1], data.c.shape[-1], data.n_phonon_cells)
    option = settle(path, crystal, counts, run)
    lists = cells(crystal, option)
    _refuse_wrong_cells(path, data, lists, option)
    polar = _is_polar(path, data, run.polar)
    shape = (*data.h.shape[:2], counts[0], 3 * len(crystal.tau), counts[2])
    raw = read_coupling(folder / f"{run.prefix}.epmatwp", shape)
    arrays = _arrays(crystal, data, raw, lists, numbers)
    arrays = replace(
        arrays,
        born=data.born if polar else None,
        dielectric=data.dielectric if polar else None,
        q_mesh=option.q_mesh,
    )
    return to_model(arrays, run.prefix), replace(run, **option._asdict(), polar=polar)


def _refuse_wrong_cells(path: Path, data: DataFile, lists: Cells, option: Option) -> None:
    """Wrong meshes may give the right numbers of cells, but hardly a Hermitian H and Phi."""
    for name, values, weight, vectors in (
        ("H(R)", data.h, lists.electron_weight, lists.electrons),
        ("C(R)", data.c, lists.lattice_weight, lists.lattice),
    ):
        weighted = np.moveaxis(values, -1, 0) * weight
        number = {tuple(vector): i for i, vector in enumerate(vectors.tolist())}
        opposite = [number.get(tuple(-x for x in vector)) for vector in vectors.tolist()]
        apart = max(
            np.max(np.abs(own - (0 if i is None else weighted[i].conj().T)))
            for own, i in zip(weighted, opposite, strict=True)
        )
        if apart > HERMITIAN * np.max(np.abs(weighted)):
            raise EphforgeError(
                f"{path}: {name} is not Hermitian on the cells of k mesh {option.k_mesh}, q mesh "
                f"{option.q_mesh}, use_ws {option.use_ws} (off by {apart:.1e} Ry or Ry/bohr^2); "
                "state what the run had, or take all files from one run"
            )


def _arrays(
    crystal: CrystalFile,
    data: DataFile,
    raw: Complex[np.ndarray, "m n R v P"],
    lists: Cells,
    numbers: Int[np.ndarray, " s"],
) -> RydbergArrays:
    """Lengths in bohr, degeneracies divided out; nothing polar yet."""
    weight_e, weight_p = lists.electron_weight, lists.phonon_weight
    return RydbergArrays(
        cell=crystal.at * crystal.alat,
        positions=crystal.tau * crystal.alat,
        centres=crystal.centres * crystal.alat,
        masses=crystal.masses[crystal.species - 1],
        numbers=numbers,
        electron_cells=lists.electrons,
        h=np.einsum("abr,rab->rab", data.h, weight_e),
        lattice_cells=lists.lattice,
        c=np.einsum("vwr,rvw->rvw", data.c, lists.lattice_weight),
        phonon_cells=lists.phonons,
        g=np.einsum("mnrvp,rmn,pvmn->pvrmn", raw, weight_e, weight_p, optimize=True),
        born=None,
        dielectric=None,
        q_mesh=(1, 1, 1),
        lattice_unit=crystal.alat,
    )


def _numbers(path: Path, crystal: CrystalFile, species: list[str] | None) -> Int[np.ndarray, " s"]:
    """Atomic numbers from the symbols of the types, or from their masses."""
    n_types = int(crystal.species.max())
    masses = crystal.masses[:n_types] / DALTON_IN_RYDBERG_MASSES
    if np.any(masses <= 0):
        raise EphforgeError(
            f"{path}: masses {np.round(masses, 4).tolist()} Da of the atom types, expected "
            "positive ones; run epw.x again with amass(1), amass(2), ..."
        )
    if species is None:
        species = [_element(path, t + 1, mass) for t, mass in enumerate(masses)]
    if len(species) != n_types:
        raise EphforgeError(
            f"{path}: has {n_types} species, {len(species)} symbols given "
            f"({', '.join(species)}); name each species once"
        )
    for symbol, mass in zip(species, masses, strict=True):
        if is_of_another_element(symbol, float(mass)):
            raise EphforgeError(
                f"{path}: species {symbol} given ({MASSES[atomic_number(symbol) - 1]} Da), but its "
                f"mass is {mass:.4f} Da, that of {', '.join(elements_of_mass(float(mass)))}; "
                "give the symbols in the order of EPW's atom types"
            )
    return np.array([atomic_number(species[t - 1]) for t in crystal.species])


def _element(path: Path, number: int, mass: float) -> str:
    found = elements_of_mass(float(mass))
    if len(found) == 1:
        return found[0]
    may_be = " or ".join(found) if found else "that of no element"
    raise EphforgeError(
        f"{path}: mass {mass:.4f} Da of atom type {number} is {may_be}, expected that of one "
        "element; state the species"
    )


def _is_polar(path: Path, data: DataFile, stated: bool | None) -> bool:
    """Whether the dipole part is out of the files; it is never dropped silently."""
    charged = bool(np.max(np.abs(data.born)) > POLAR_THRESHOLD)
    if stated and not charged:
        raise EphforgeError(
            f"{path}: Born charges are zero, but the run is said to be polar (lpolar = .true.); "
            "run ph.x with epsil = .true. and epw.x again"
        )
    if charged and stated is False:
        raise EphforgeError(
            f"{path}: Born charges up to {np.max(np.abs(data.born)):.3f} e, but the run is said "
            "not to be polar (no lpolar = .true.); run epw.x again with it, or state polar"
        )
    if charged and np.min(np.linalg.eigvalsh((data.dielectric + data.dielectric.T) / 2)) < 1:
        raise EphforgeError(
            f"{path}: dielectric tensor {np.round(data.dielectric, 3).tolist()}, expected "
            "eigenvalues of at least 1; run ph.x with epsil = .true. and epw.x again"
        )
    return charged
