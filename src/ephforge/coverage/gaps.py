"""The band gap of a real material, from its model and the columns of the periodic table.

Files of first-principles models do not say how many electrons there are.  With s and p
electrons as valence, an atom of a main group brings as many as its group number tells;
deeper shells, left out of the bands, do not count.
"""

import numpy as np

from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import Crystal, Mesh, Model

# atomic number of the first element of each period, and how many there are before the p block
_ALKALI = (3, 11, 19, 37, 55, 87)
_NOBLE = (2, 10, 18, 36, 54, 86, 118)


def valence_electrons(crystal: Crystal) -> int | None:
    """s and p electrons per cell; None if an element is not of a main group."""
    found = [_main_group(int(number)) for number in crystal.numbers]
    return None if None in found else sum(found)


def gap(model: Model, mesh: Mesh) -> float | None:
    """Band gap on a mesh, eV; 0 for metals; None where the model has no empty bands.

    None also where the electrons cannot be counted (d and f metals).
    """
    electrons = valence_electrons(model.crystal)
    if electrons is None:
        return None
    filled, half = divmod(electrons, 2)
    if filled + half > len(model.hopping.site):
        return None
    if half:
        return 0.0
    if filled == len(model.hopping.site):
        return None
    phase_kr = np.exp(2j * np.pi * mesh_points(mesh) @ model.hopping.cells.T)
    h_kab = np.tensordot(phase_kr, model.hopping.energy, axes=1)
    energy_kn = np.linalg.eigvalsh((h_kab + h_kab.conj().swapaxes(1, 2)) / 2)
    return max(0.0, float(energy_kn[:, filled].min() - energy_kn[:, filled - 1].max()))


def _main_group(number: int) -> int | None:
    """Valence electrons of an element by its place in its period; hydrogen 1, noble gases 8."""
    if number <= 2:
        return number
    first = max(z for z in _ALKALI if z <= number)
    last = min(z for z in _NOBLE if z >= number)
    if number - first < 2:
        return number - first + 1
    return 8 - (last - number) if last - number < 6 else None
