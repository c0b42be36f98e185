"""The real-space electrons of a crystal: H, overlap, and all their derivatives.

Integrals between two atoms, and those on one atom in the field of another, are Slater-Koster
blocks (slater_koster.py) with a radial law (laws.py); orbitals in the order of bases.py, atom
by atom.  With spin-orbit coupling every orbital is doubled, spin fastest, up first.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.realspace import Crystal, Hopping, TwoCentreCoupling
from ephforge.electrons.bases import orbital_count, orbital_shells
from ephforge.electrons.laws import Law, over_pairs
from ephforge.electrons.neighbours import neighbours
from ephforge.electrons.onsite import basis_gradient, spin_orbit


class Electrons(NamedTuple):
    """Electrons of a set of species x; u numbers the shells of the basis.

    Attributes:
      basis: key of bases.SHELLS.
      form: name of the radial law that was drawn.
      numbers_x: atomic numbers of the species, rising.
      level_xu: energies of free shells, eV.
      hopping: integrals of H between atoms, eV.
      overlap: integrals of the orbitals themselves; None where the basis is orthonormal.
      crystal_field: integrals <a|V|a'> of one atom (x) in the field of another (y), eV; None
        where levels do not feel neighbours.
      gradient_xuv: |<u| nabla |v>| on one atom, 1/angstrom, symmetric.
      spin_orbit_xu: lambda of L.S, eV; None where spin does not matter.
      count: electrons per cell.
    """

    basis: str
    form: str
    numbers_x: Int[np.ndarray, " x"]
    level_xu: Float[np.ndarray, "x u"]
    hopping: Law
    overlap: Law | None
    crystal_field: Law | None
    gradient_xuv: Float[np.ndarray, "x u u"]
    spin_orbit_xu: Float[np.ndarray, "x u"] | None
    count: int


class _Frame(NamedTuple):
    """Neighbours of a crystal and where their blocks go; the last cell is R = 0 (`home`)."""

    pairs_p5: Int[np.ndarray, "p 5"]
    d_p3: Float[np.ndarray, "p 3"]
    species_s: Int[np.ndarray, " s"]
    cells_r3: Int[np.ndarray, "r 3"]
    cell_p: Int[np.ndarray, " p"]
    home: int
    orbitals: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Atoms, orbitals, atoms, orbitals."""
        return (len(self.species_s), self.orbitals) * 2


def assemble(crystal: Crystal, electrons: Electrons) -> tuple[Hopping, TwoCentreCoupling]:
    """Real-space Hamiltonian of a crystal and how it changes with the positions.

    Args:
      crystal: its atomic numbers must be among those of the electrons.
    """
    frame = _frame(crystal, electrons)
    energy, gradient = _between_atoms(frame, electrons.hopping, electrons.basis)
    n_atoms, orbitals = frame.shape[:2]
    atoms = np.arange(n_atoms)
    level_sa = electrons.level_xu[frame.species_s][:, orbital_shells(electrons.basis)]
    home = energy[frame.home]
    home[atoms, :, atoms] += level_sa[:, :, None] * np.eye(orbitals)

    overlap = derivative = field = None
    if electrons.overlap is not None:
        overlap, derivative = _between_atoms(frame, electrons.overlap, electrons.basis)
        overlap[frame.home, atoms, :, atoms] += np.eye(orbitals)
    own_xcab = np.array([basis_gradient(electrons.basis, m_uv) for m_uv in electrons.gradient_xuv])
    if own_xcab.any():
        derivative = np.zeros_like(gradient) if derivative is None else derivative
        derivative[frame.home][:, atoms, :, atoms] -= own_xcab[frame.species_s]
    if electrons.crystal_field is not None:
        onsite_sab, field = _field(frame, electrons.crystal_field, electrons.basis)
        home[atoms, :, atoms] += onsite_sab
    arrays = [_flat(frame, array) for array in (energy, overlap, gradient, field, derivative)]
    site_a = np.repeat(atoms, orbitals)
    if electrons.spin_orbit_xu is not None:
        arrays = [None if array is None else _doubled(array) for array in arrays]
        arrays[0] = _with_spin_orbit(frame, arrays[0], electrons)
        site_a = np.repeat(site_a, 2)
    energy, overlap, *derivatives = arrays
    hopping = Hopping(frame.cells_r3, energy, site_a, crystal.positions[site_a], overlap)
    return hopping, TwoCentreCoupling(*derivatives)


def _frame(crystal: Crystal, electrons: Electrons) -> _Frame:
    laws = (electrons.hopping, electrons.overlap, electrons.crystal_field)
    cutoff = max(law.cutoff for law in laws if law is not None)
    pairs_p5, d_p3 = neighbours(crystal, cutoff)
    cells_r3, cell_p = np.unique(
        np.vstack([pairs_p5[:, 2:], np.zeros((1, 3), int)]), axis=0, return_inverse=True
    )
    species_s = np.searchsorted(electrons.numbers_x, crystal.numbers)
    orbitals = orbital_count(electrons.basis)
    return _Frame(pairs_p5, d_p3, species_s, cells_r3, cell_p[:-1], int(cell_p[-1]), orbitals)


def _between_atoms(frame: _Frame, law: Law, basis: str):
    """Integrals [R, s, a, t, b] and their derivatives with d, [R, c, s, a, t, b]."""
    first_p, second_p = frame.pairs_p5[:, :2].T
    species_p2 = frame.species_s[frame.pairs_p5[:, :2]]
    blocks_pab, gradients_pcab = over_pairs(law, frame.d_p3, species_p2, basis)
    values = np.zeros((len(frame.cells_r3), *frame.shape))
    derivatives = np.zeros((len(frame.cells_r3), 3, *frame.shape))
    values[frame.cell_p, first_p, :, second_p] = blocks_pab
    derivatives[frame.cell_p, :, first_p, :, second_p] = gradients_pcab
    return values, derivatives


def _field(frame: _Frame, law: Law, basis: str):
    """On-site blocks [s, a, b] and their derivatives [R, t, c, s, a, s, b] with each neighbour."""
    first_p, second_p = frame.pairs_p5[:, :2].T
    species_p2 = frame.species_s[frame.pairs_p5[:, :2]]
    blocks_pab, gradients_pcab = over_pairs(law, frame.d_p3, species_p2, basis)
    n_atoms, orbitals = frame.shape[:2]
    onsite_sab = np.zeros((n_atoms, orbitals, orbitals))
    np.add.at(onsite_sab, first_p, blocks_pab)
    derivatives = np.zeros((len(frame.cells_r3), n_atoms, 3, *frame.shape))
    derivatives[frame.cell_p, second_p, :, first_p, :, first_p] = gradients_pcab
    return onsite_sab, derivatives


def _flat(frame: _Frame, array):
    """Join the axes of atom and orbital; None stays None."""
    size = frame.shape[0] * frame.shape[1]
    return None if array is None else array.reshape(*array.shape[:-4], size, size)


def _doubled(array):
    """Each orbital once for each spin, spin fastest."""
    *batch, size, _ = array.shape
    return np.einsum("...ab,st->...asbt", array, np.eye(2)).reshape(*batch, 2 * size, 2 * size)


def _with_spin_orbit(frame: _Frame, energy, electrons: Electrons):
    """Add lambda L.S of every atom to R = 0; the Hamiltonian becomes complex."""
    energy = energy.astype(complex)
    size = 2 * frame.orbitals
    for s, x in enumerate(frame.species_s):
        of_atom = slice(s * size, (s + 1) * size)
        block = spin_orbit(electrons.basis, electrons.spin_orbit_xu[x])
        energy[frame.home, of_atom, of_atom] += block
    return energy
