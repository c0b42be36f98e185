"""The three files of an EPW 5.3 run, each as arrays in EPW's own units and order.

Numbers are read as a stream of words, since Fortran compilers break long records in different
places. A file that is cut short, garbled, not finite, or laid out by another version of EPW is
refused with one line that names file and field. docs/first_principles.md lists the layouts.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.errors import EphforgeError

SUPPORTED = "EPW 5.3 is supported"
BYTES_PER_COMPLEX = 16
LOGICALS = ("T", "F")


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


def read_crystal(path: Path) -> CrystalFile:
    """Read crystal.fmt.

    Raises:
      EphforgeError: absent, of another version, cut short, or not what it should be.
    """
    lines = _lines(path)
    _refuse_other_layout(path, lines)
    words = _Words(path, [word for line in lines for word in _expanded(line)])
    n_atoms = int(words.integers("number of atoms", 1)[0])
    n_modes = int(words.integers("number of modes", 1)[0])
    if n_atoms < 1 or n_modes != 3 * n_atoms:
        raise EphforgeError(
            f"{path}: {n_atoms} atoms with {n_modes} modes in lines 1 and 2, expected three modes "
            "an atom; copy it again from the run"
        )
    words.floats("number of electrons", 1)
    at = words.floats("lattice vectors", 9).reshape(3, 3)
    words.floats("reciprocal vectors", 9)
    volume, alat = words.floats("volume, alat", 2)
    tau = words.floats("positions", 3 * n_atoms).reshape(n_atoms, 3)
    n_types = words.before(LOGICALS) - n_atoms
    masses = words.floats("masses", n_types)
    species = words.integers("atom types", n_atoms)
    words.skip("noncolin")
    centres = words.floats("Wannier centres", words.left())
    _check_crystal(path, at, volume, alat, masses, species, centres)
    return CrystalFile(at, alat, tau, masses, species, centres.reshape(-1, 3))


def _check_crystal(path, at, volume, alat, masses, species, centres) -> None:
    """What the numbers must satisfy among themselves."""
    own_volume = abs(np.linalg.det(at)) * alat**3
    if alat <= 0 or not np.isclose(own_volume, volume, rtol=1e-6):
        raise EphforgeError(
            f"{path}: volume {volume:g} bohr^3, but the lattice vectors give {own_volume:g}; the "
            "file is mixed up: copy it again from the run"
        )
    if species.min() < 1 or species.max() > len(masses):
        raise EphforgeError(
            f"{path}: atom types {species.tolist()}, expected 1 to {len(masses)}; copy it again "
            "from the run"
        )
    if len(centres) == 0 or len(centres) % 3:
        raise EphforgeError(
            f"{path}: {len(centres)} numbers of Wannier centres, expected three a function; the "
            "file is cut short: copy it again from the run"
        )


def read_data(path: Path, crystal: CrystalFile) -> DataFile:
    """Read epwdata.fmt.

    Raises:
      EphforgeError: absent, cut short, not finite, or not of the run that wrote crystal.fmt.
    """
    lines = _lines(path)
    n_atoms, n_bands = len(crystal.tau), len(crystal.centres)
    words = _Words(path, [word for line in lines for word in _expanded(line)])
    words.floats("Fermi energy", 1)
    if len(lines) > 1 and len(lines[1].split()) != 5:
        raise EphforgeError(
            f"{path}: {len(lines[1].split())} numbers in line 2, expected five (bands, cells of H, "
            f"modes, cells of Phi, cells of g); {SUPPORTED}: copy it again or use that version"
        )
    bands, n_k, n_modes, n_q, n_g = words.integers("sizes", 5).tolist()
    if (bands, n_modes) != (n_bands, 3 * n_atoms):
        raise EphforgeError(
            f"{path}: {bands} bands and {n_modes} modes, but crystal.fmt has {n_bands} Wannier "
            f"centres and {n_atoms} atoms; take both files from the same run"
        )
    # Fortran order: field direction fastest, then displacement, then atom
    born = words.floats("Born charges", 9 * n_atoms).reshape(n_atoms, 3, 3).swapaxes(1, 2)
    dielectric = words.floats("dielectric tensor", 9).reshape(3, 3).T
    n_h, n_c = bands**2 * n_k, n_modes**2 * n_q
    if words.left() != n_h + n_c:
        raise EphforgeError(
            f"{path}: {words.left()} numbers of H(R) and C(R), expected {n_h + n_c} from the sizes "
            "in line 2; the file is cut short or mixed up: copy it again from the run"
        )
    h = words.complexes("H(R)", n_h).reshape(bands, bands, n_k)
    c = words.complexes("C(R)", n_c).reshape(n_modes, n_modes, n_q)
    return DataFile(born, dielectric, h, c, n_g)


def read_coupling(path: Path, shape: tuple[int, ...]) -> Complex[np.ndarray, "m n R v P"]:
    """Read PREFIX.epmatwp: raw complex numbers in Fortran order, without record marks.

    Raises:
      EphforgeError: absent, of another length, or with numbers that are not finite.
    """
    if not path.is_file():
        raise EphforgeError(f"{path}: no such file, expected EPW's couplings; give its prefix")
    expected, found = int(np.prod(shape)) * BYTES_PER_COMPLEX, path.stat().st_size
    if found != expected:
        raise EphforgeError(
            f"{path}: {found} bytes, expected {expected} (bands, bands, electron cells, modes, "
            f"phonon cells = {shape}); the file is cut short or of another run: copy it again"
        )
    numbers = np.fromfile(path, dtype=np.complex128)
    _refuse_infinite(path, "couplings", numbers)
    if not np.any(numbers):
        raise EphforgeError(
            f"{path}: all couplings are zero; the file was never filled: run epw.x again"
        )
    return numbers.reshape(shape, order="F")


class _Words:
    """The words of a file in order; each method takes some off and names them if they are wrong."""

    def __init__(self, path: Path, words: list[str]):
        self.path, self.words, self.at = path, words, 0

    def left(self) -> int:
        return len(self.words) - self.at

    def before(self, stops: tuple[str, ...]) -> int:
        """Number of words left before the first that is one of the stops."""
        for count, word in enumerate(self.words[self.at :]):
            if word in stops:
                return count
        raise EphforgeError(
            f"{self.path}: no T or F for noncolin after the positions, expected one; the file is "
            "cut short: copy it again from the run"
        )

    def skip(self, field: str) -> None:
        self._take(field, 1)

    def floats(self, field: str, count: int) -> Float[np.ndarray, " n"]:
        return self._numbers(field, count, float)

    def integers(self, field: str, count: int) -> Int[np.ndarray, " n"]:
        return self._numbers(field, count, np.int64)

    def complexes(self, field: str, count: int) -> Complex[np.ndarray, " n"]:
        """Numbers written as (re,im)."""
        words = self._take(field, count)
        try:
            pairs = np.array([word.strip("()").split(",") for word in words], dtype=float)
            pairs = pairs.reshape(count, 2)
        except ValueError as error:
            self._refuse(field, f"a number is not of the form (re,im): {error}")
        _refuse_infinite(self.path, field, pairs)
        return pairs[:, 0] + 1j * pairs[:, 1]

    def _numbers(self, field: str, count: int, kind: type):
        words = self._take(field, count)
        try:
            numbers = np.array(words, dtype=kind)
        except (ValueError, OverflowError) as error:
            self._refuse(field, str(error))
        _refuse_infinite(self.path, field, numbers)
        return numbers

    def _take(self, field: str, count: int) -> list[str]:
        if count < 0 or self.left() < count:
            self._refuse(field, f"{self.left()} words left, expected {count}")
        words = self.words[self.at : self.at + count]
        self.at += count
        return words

    def _refuse(self, field: str, what: str):
        raise EphforgeError(
            f"{self.path}: {field}: {what}; the file is cut short or not of EPW 5.3: copy it again "
            "from the run"
        ) from None


def _refuse_infinite(path: Path, field: str, numbers) -> None:
    bad = np.count_nonzero(~np.isfinite(numbers))
    if bad:
        raise EphforgeError(
            f"{path}: {field}: {bad} of {numbers.size} numbers are NaN or infinite, expected "
            "finite ones; run epw.x again"
        )


def _refuse_other_layout(path: Path, lines: list[str]) -> None:
    """Other versions put other things into crystal.fmt."""
    if len(lines) > 2 and len(lines[2].split()) == 2:
        raise EphforgeError(
            f"{path}: two numbers in line 3 (electrons and skipped bands), the layout of an EPW "
            f"newer than 5.3; {SUPPORTED}: make the files with it"
        )
    flags = [i for i, line in enumerate(lines) if line.split()[:1] in (["T"], ["F"])]
    if len(flags) > 1:
        raise EphforgeError(
            f"{path}: two logical fields (lines {flags[0] + 1} and {flags[1] + 1}), the layout of "
            f"an EPW newer than 5.3; {SUPPORTED}: make the files with it"
        )
    if flags and flags[0] == len(lines) - 1:
        raise EphforgeError(
            f"{path}: ends with noncolin in line {len(lines)}, no Wannier centres after it; the "
            f"file is cut short or of an EPW older than 5.3; {SUPPORTED}: make the files with it"
        )


def _expanded(line: str) -> list[str]:
    """Words of a line; Fortran may write 3*0.0 for three equal numbers."""
    words = []
    for word in line.split():
        times, star, value = word.partition("*")
        words += [value] * int(times) if star and times.isdigit() and value else [word]
    return words


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise EphforgeError(f"{path}: cannot be read ({error}), expected a file of EPW") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise EphforgeError(f"{path}: empty, expected a file of EPW; copy it again from the run")
    return lines
