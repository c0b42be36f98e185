"""Reader of EPW 5.3.1: crystal.fmt, epwdata.fmt and PREFIX.epmatwp become a Model.

The run must have used use_ws = .true. and etf_mem = 0; a polar material must have been run
with lpolar = .true., so that the dipole part is taken out of the files. Layouts were found
from files and from the couplings that EPW prints; docs/first_principles.md lists them.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Model
from ephforge.firstprinciples.elements import atomic_number
from ephforge.firstprinciples.rydberg import RydbergArrays, to_model
from ephforge.firstprinciples.wigner_seitz import images, weighted_list

POLAR_THRESHOLD = 1e-4  # Born charges below it are zero, units of e
BYTES_PER_COMPLEX = 16


class CrystalFile(NamedTuple):
    """crystal.fmt: lengths in alat except alat itself (bohr); Rydberg masses per species."""

    at: Float[np.ndarray, "3 3"]
    alat: float
    tau: Float[np.ndarray, "s 3"]
    masses: Float[np.ndarray, " t"]
    species: Int[np.ndarray, " s"]
    centres: Float[np.ndarray, "a 3"]


class DataFile(NamedTuple):
    """epwdata.fmt: Born charges, dielectric tensor, H(R), C(R); sizes as EPW counts them."""

    born: Float[np.ndarray, "s 3 3"]
    dielectric: Float[np.ndarray, "3 3"]
    h: Complex[np.ndarray, "a a R"]
    c: Complex[np.ndarray, "v v Q"]
    n_phonon_cells: int


def read_epw(
    folder: str | Path,
    prefix: str,
    species: list[str],
    k_mesh: tuple[int, int, int],
    q_mesh: tuple[int, int, int],
) -> Model:
    """Model of one material from the files of an EPW run, in double precision.

    Args:
      folder: holds crystal.fmt, epwdata.fmt and PREFIX.epmatwp.
      prefix: of the run; also the model's name.
      species: chemical symbols in the order of EPW's atom types.
      k_mesh, q_mesh: coarse meshes of the run (nk1..3, nq1..3).

    Raises:
      EphforgeError: a file is absent, cut short, or does not fit the others or the meshes.
    """
    folder = Path(folder)
    crystal = _read_crystal(folder / "crystal.fmt")
    if len(species) != crystal.species.max():
        raise EphforgeError(
            f"{folder / 'crystal.fmt'}: has {crystal.species.max()} species, "
            f"{len(species)} symbols given ({', '.join(species)}); name each species once"
        )
    data = _read_data(folder / "epwdata.fmt", crystal)
    cells_k, weight_k = _electron_list(crystal, k_mesh)
    cells_q, weight_q = _lattice_list(crystal, q_mesh)
    cells_g, weight_g = _coupling_list(crystal, q_mesh)
    counts = (len(cells_k), len(cells_q), len(cells_g))
    written = (data.h.shape[-1], data.c.shape[-1], data.n_phonon_cells)
    if counts != written:
        raise EphforgeError(
            f"{folder / 'epwdata.fmt'}: written on {written} cell vectors (electrons, phonons, "
            f"coupling), but meshes {k_mesh} and {q_mesh} give {counts}; "
            "give the meshes of the run, which needs use_ws = .true."
        )
    shape = (*data.h.shape[:2], counts[0], 3 * len(crystal.tau), counts[2])
    raw = _read_coupling(folder / f"{prefix}.epmatwp", shape)
    polar = bool(np.max(np.abs(data.born)) > POLAR_THRESHOLD)
    numbers = np.array([atomic_number(species[t - 1]) for t in crystal.species])
    arrays = RydbergArrays(
        cell=crystal.at * crystal.alat,
        positions=crystal.tau * crystal.alat,
        centres=crystal.centres * crystal.alat,
        masses=crystal.masses[crystal.species - 1],
        numbers=numbers,
        electron_cells=cells_k,
        h=np.einsum("abr,rab->rab", data.h, weight_k),
        lattice_cells=cells_q,
        c=np.einsum("vwr,rvw->rvw", data.c, weight_q),
        phonon_cells=cells_g,
        g=np.einsum("mnrvp,rmn,pvmn->pvrmn", raw, weight_k, weight_g, optimize=True),
        born=data.born if polar else None,
        dielectric=data.dielectric if polar else None,
        q_mesh=tuple(q_mesh),
        lattice_unit=crystal.alat,
    )
    return to_model(arrays, prefix)


def _electron_list(crystal: CrystalFile, mesh):
    """Cells and weights [R, a, b] about the difference of two Wannier centres, alat."""
    n, w = len(crystal.centres), crystal.centres
    pairs = [images(crystal.at, mesh, w[j] - w[i], 1.0) for i in range(n) for j in range(n)]
    cells, weights = weighted_list(pairs)
    return cells, weights.reshape(-1, n, n)


def _lattice_list(crystal: CrystalFile, mesh):
    """Cells and weights [R, s c, t d] about the difference of two atoms."""
    n, tau = len(crystal.tau), crystal.tau
    pairs = [images(crystal.at, mesh, tau[j] - tau[i], 1.0) for i in range(n) for j in range(n)]
    cells, weights = weighted_list(pairs)
    return cells, weights.reshape(-1, n, n).repeat(3, axis=1).repeat(3, axis=2)


def _coupling_list(crystal: CrystalFile, mesh):
    """Cells and weights [Rp, s c, a, b] about an atom, seen from the middle of two centres."""
    n, w, tau = len(crystal.centres), crystal.centres, crystal.tau
    pairs = [
        images(crystal.at, mesh, t - (w[i] + w[j]) / 2, 1.0)
        for i in range(n)
        for j in range(n)
        for t in tau
    ]
    cells, weights = weighted_list(pairs)
    weights = np.moveaxis(weights.reshape(-1, n, n, len(tau)), -1, 1)
    return cells, weights.repeat(3, axis=1)


def _read_crystal(path: Path) -> CrystalFile:
    lines = _lines(path, 11)
    try:
        n_atoms, alat = int(lines[0]), float(lines[6])
        at = np.array(lines[3].split(), dtype=float).reshape(3, 3)
        tau = np.array(lines[7].split(), dtype=float).reshape(n_atoms, 3)
        masses = np.array(lines[8].split(), dtype=float)
        species = np.array(lines[9].split(), dtype=np.int64)
        centres = np.array(lines[11].split(), dtype=float).reshape(-1, 3)
        if len(species) != n_atoms or not len(centres):
            raise ValueError("number of atom types or Wannier centres")
    except (ValueError, IndexError) as error:
        raise EphforgeError(
            f"{path}: not a crystal.fmt of EPW 5.3 ({error}); expected 12 lines from the number "
            "of atoms to the Wannier centres; copy it again from the run"
        ) from None
    return CrystalFile(at, alat, tau, masses, species, centres)


def _read_data(path: Path, crystal: CrystalFile) -> DataFile:
    lines = _lines(path, 3)
    n_atoms, n_bands = len(crystal.tau), len(crystal.centres)
    try:
        bands, n_k, n_modes, n_q, n_g = (int(word) for word in lines[1].split())
        tensors = np.array(lines[2].split(), dtype=float)
    except ValueError as error:
        raise EphforgeError(
            f"{path}: not an epwdata.fmt of EPW 5.3 ({error}); expected five sizes in line 2 and "
            "Born charges in line 3; copy it again from the run"
        ) from None
    if (bands, n_modes) != (n_bands, 3 * n_atoms):
        raise EphforgeError(
            f"{path}: {bands} bands and {n_modes} modes, but crystal.fmt has {n_bands} Wannier "
            f"centres and {n_atoms} atoms; take both files from the same run"
        )
    expected = bands**2 * n_k + n_modes**2 * n_q
    numbers = _complex_lines(path, lines[3:], expected)
    if len(tensors) != 9 * n_atoms + 9:
        raise EphforgeError(
            f"{path}: line 3 has {len(tensors)} numbers, expected {9 * n_atoms + 9} "
            "(Born charges, dielectric tensor); copy it again from the run"
        )
    return DataFile(
        # Fortran order: field direction fastest, then displacement, then atom
        tensors[:-9].reshape(n_atoms, 3, 3).swapaxes(1, 2),
        tensors[-9:].reshape(3, 3).T,
        numbers[: bands**2 * n_k].reshape(bands, bands, n_k),
        numbers[bands**2 * n_k :].reshape(n_modes, n_modes, n_q),
        n_g,
    )


def _complex_lines(path: Path, lines: list[str], expected: int) -> Complex[np.ndarray, " n"]:
    """Numbers written one a line as (re,im)."""
    if len(lines) != expected:
        raise EphforgeError(
            f"{path}: {len(lines)} numbers of H(R) and C(R), expected {expected} from the sizes in "
            "line 2; the file is cut short or mixed up: copy it again from the run"
        )
    try:
        pairs = np.array([line.strip().strip("()").split(",") for line in lines], dtype=float)
    except ValueError as error:
        raise EphforgeError(
            f"{path}: a line is not a number (re,im) ({error}); copy it again from the run"
        ) from None
    return pairs[:, 0] + 1j * pairs[:, 1]


def _read_coupling(path: Path, shape: tuple[int, ...]) -> Complex[np.ndarray, "m n R v P"]:
    """Raw complex numbers in Fortran order, without record marks."""
    if not path.is_file():
        raise EphforgeError(f"{path}: no such file, expected EPW's couplings; give its prefix")
    expected, found = int(np.prod(shape)) * BYTES_PER_COMPLEX, path.stat().st_size
    if found != expected:
        raise EphforgeError(
            f"{path}: {found} bytes, expected {expected} (bands, bands, electron cells, modes, "
            f"phonon cells = {shape}); the file is cut short or of another run: copy it again"
        )
    return np.fromfile(path, dtype=np.complex128).reshape(shape, order="F")


def _lines(path: Path, at_least: int) -> list[str]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EphforgeError(f"{path}: cannot be read ({error}), expected a file of EPW") from None
    if len(lines) <= at_least:
        raise EphforgeError(
            f"{path}: {len(lines)} lines, expected more than {at_least}; copy it again from the run"
        )
    return lines
