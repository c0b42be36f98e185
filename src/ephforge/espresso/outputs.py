"""What the outputs of pw.x, ph.x and epw.x say: energies, frequencies, spreads, times."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.errors import EphforgeError
from ephforge.core.units import BOHR, HARTREE

INVERSE_CM_IN_MEV = 0.12398419843320026  # CODATA 2018: h c / e, exact
_TIMES = re.compile(r"^\s*(?:PWSCF|PHONON|EPW)\s*:\s*(.*?)CPU\s+(.*?)WALL", re.MULTILINE)
_PARTS = re.compile(r"([\d.]+)\s*([dhms])")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


class Relaxed(NamedTuple):
    """Structure after pw.x: cell rows and Cartesian positions in angstrom, names of species."""

    cell: Float[np.ndarray, "3 3"]
    positions: Float[np.ndarray, "s 3"]
    symbols: list[str]


class StarFrequencies(NamedTuple):
    """One q of a dyn file: Cartesian, 2 pi / alat; phonon energies in meV, imaginary negative."""

    q: Float[np.ndarray, "3"]
    omega: Float[np.ndarray, " v"]


def read_structure(xml: str | Path) -> Relaxed:
    """Last structure in data-file-schema.xml, with all its digits."""
    atoms = ElementTree.parse(xml).getroot().find("output/atomic_structure")
    cell = [list(map(float, row.text.split())) for row in atoms.find("cell")]
    found = atoms.findall("atomic_positions/atom")
    positions = [list(map(float, atom.text.split())) for atom in found]
    symbols = [atom.attrib["name"] for atom in found]
    return Relaxed(np.array(cell) * BOHR, np.array(positions) * BOHR, symbols)


def read_bands(xml: str | Path) -> tuple[Float[np.ndarray, "k 3"], Float[np.ndarray, "k n"]]:
    """k points (Cartesian, 2 pi / alat) and Kohn-Sham energies (eV) of data-file-schema.xml."""
    bands = ElementTree.parse(xml).getroot().find("output/band_structure")
    points, energies = [], []
    for entry in bands.findall("ks_energies"):
        points.append(list(map(float, entry.find("k_point").text.split())))
        energies.append(list(map(float, entry.find("eigenvalues").text.split())))
    return np.array(points), np.array(energies) * HARTREE


def highest_occupied(output: Path) -> float:
    """Energy of the highest occupied state, eV, as pw.x prints it for fixed occupations."""
    found = re.findall(r"highest occupied(?:, lowest unoccupied)? level.*?:\s+(\S+)", _text(output))
    if not found:
        raise EphforgeError(f"{output}: no highest occupied level; is the material an insulator?")
    return float(found[-1])


def dynamical_frequencies(path: Path) -> StarFrequencies:
    """Phonon energies of the last q of a dyn file, the one that was diagonalised."""
    text = _text(path)
    point = re.findall(r"Diagonalizing.*?q = \(\s*(\S+)\s+(\S+)\s+(\S+)\s*\)", text, re.DOTALL)
    values = re.findall(r"freq \(.*?\[THz\] =\s+(\S+) \[cm-1\]", text)
    if not point or not values:
        raise EphforgeError(f"{path}: no frequencies, expected a dynamical matrix of ph.x")
    omega = np.array(values, dtype=float) * INVERSE_CM_IN_MEV
    return StarFrequencies(np.array(point[-1], dtype=float), omega)


def wannier_spreads(output: Path) -> Float[np.ndarray, " a"]:
    """Spread of each Wannier function (angstrom^2) in the output of epw.x."""
    text = _text(output)
    _, _, after = text.partition("Wannier Function centers")
    block = re.findall(r"^\s*\([-\d.\s]+\)\s*:\s*([\d.]+)\s*$", after, re.MULTILINE)
    if not block:
        raise EphforgeError(f"{output}: no Wannier spreads, expected the output of epw.x")
    return np.array(block, dtype=float)


def seconds(output: Path) -> tuple[float, float]:
    """CPU and wall time that a code prints at its end."""
    found = _TIMES.findall(_text(output))
    if not found:
        raise EphforgeError(f"{output}: no times, expected a finished run")
    cpu, wall = (
        sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))
        for text in found[-1]
    )
    return cpu, wall


def version(output: Path) -> str:
    """Program and version that wrote an output, e.g. 'PWSCF v.6.7MaX'."""
    found = re.search(r"Program (\w+) (v\.\S+)", _text(output))
    return f"{found[1]} {found[2]}" if found else "unknown"


def _text(path: Path) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError as error:
        raise EphforgeError(f"{path}: cannot be read ({error})") from None
