"""Small materials of the three-centre family, for the tests of this folder."""

import numpy as np

from ephforge.core.realspace import Crystal
from ephforge.threecentre.ground import Matter
from ephforge.threecentre.ions import Ions

BOND = 2.4  # angstrom


def diamond(numbers=(1, 1), bond: float = BOND) -> Crystal:
    """Two atoms on the cubic lattice with faces centred."""
    cell = 2 * bond / np.sqrt(3) * (np.ones((3, 3)) - np.eye(3))
    positions = np.array([[0, 0, 0], cell.sum(0) / 4])
    return Crystal(cell, positions, np.array(numbers), np.ones(2))


def semiconductor(crystal: Crystal | None = None, mesh=(2, 2, 2), waves=12.0) -> Matter:
    """Four electrons on each atom; `waves` plane waves per atom."""
    return _matter(crystal or diamond(), (4.0, 4.0), mesh, waves, 0.0)


def compound(mesh=(2, 2, 2), waves=12.0) -> Matter:
    """Three and five electrons."""
    return _matter(diamond((1, 2)), (3.0, 5.0), mesh, waves, 0.0)


def metal(crystal: Crystal, charges, mesh=(2, 2, 2), waves=12.0) -> Matter:
    """Fermi-Dirac occupations of half an eV."""
    return _matter(crystal, charges, mesh, waves, 0.5)


def _matter(crystal: Crystal, charges, mesh, waves: float, smearing: float) -> Matter:
    count = len(crystal.positions)
    ions = Ions(np.array(charges), np.linspace(0.51, 0.54, count), np.full(count, 0.06))
    density = waves * count / abs(np.linalg.det(crystal.cell))
    cutoff = (6 * np.pi**2 * density) ** (1 / 3)
    return Matter(crystal, ions, mesh, cutoff, 1.1 * cutoff, 1.3, 0.9, smearing)
