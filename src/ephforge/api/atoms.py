"""Crystals to and from ASE: the same units, angstrom and dalton; ase counts energies in eV."""

import numpy as np
from ase import Atoms

from ephforge.core.realspace import Crystal, Model


def to_atoms(material: Model | Crystal) -> Atoms:
    """ASE atoms of a model or a crystal, periodic in all three directions.

    A layer has vacuum along its third vector and is periodic there too.
    """
    crystal = material.crystal if isinstance(material, Model) else material
    return Atoms(
        numbers=crystal.numbers,
        positions=crystal.positions,
        cell=crystal.cell,
        masses=crystal.masses,
        pbc=True,
    )


def crystal_of(atoms: Atoms) -> Crystal:
    """The crystal of ASE atoms, as `couplings` and model files have it.

    Raises:
      ValueError: the atoms are not periodic in three directions.
    """
    if not all(atoms.pbc):
        raise ValueError(
            f"atoms {atoms.get_chemical_formula()}: periodic in {atoms.pbc.tolist()}, expected all "
            "three directions; set a cell and pbc=True, with vacuum for a layer"
        )
    return Crystal(
        np.array(atoms.cell, dtype=float),
        atoms.get_positions(),
        np.array(atoms.numbers, dtype=int),
        atoms.get_masses(),
    )
