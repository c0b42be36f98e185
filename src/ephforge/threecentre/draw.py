"""What is drawn for a material of the three-centre family, and for which crystals.

Lengths are drawn in units of the shortest distance d between atoms, and so is the strength
of the Coulomb energy against the kinetic one: the electrons' mass is such that d is a drawn
number of their Bohr radii.  What electrons do then does not hang on the length of the
lattice.  Three kinds:

bonds      four neighbours each, in a tetrahedron: two electrons per bond, Gaussians on the bonds
ions       two species, six or eight neighbours: the anion's s and p orbitals are filled
metal      everything else: s and p orbitals on every atom, one to four electrons each

Half of the ions and metals have sp3 hybrids of their s and p orbitals instead.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.realspace import Crystal
from ephforge.core.units import BOHR
from ephforge.threecentre.ground import KINETIC, Matter
from ephforge.threecentre.ions import Ions
from ephforge.threecentre.orbitals import Trial

MOST_ATOMS = 2
_MOST_VOLUME = 1.8  # per atom, in cubes of the shortest distance (diamond 1.54): no vacuum
_SHELL = 1.12  # neighbours are nearer than this times the shortest distance
_ANGLES = 0.4  # cosines of angles between bonds may differ from -1/3 by this much
_WAVES_PER_ATOM = 25.0
_REACH = 1.0  # of the cutoff


# columns: (s + x + y + z) / 2 and so on
_HYBRIDS = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2


class Plan(NamedTuple):
    """Everything that defines a material.

    Attributes:
      matter: atoms, ions, cutoffs.
      trial: orbitals to start from.
      edge, softness: eV; a metal's Wannier functions take from a band at E above the lowest one
        the share 1 / (e^{(E - edge)/softness} + 1).
      parameters: the drawn numbers, for the record.
    """

    matter: Matter
    trial: Trial
    edge: float
    softness: float
    parameters: dict


class Neighbours(NamedTuple):
    """Vectors from each atom to its nearest neighbours.

    Attributes:
      distance: shortest, angstrom.
      first_b, vector_b3: atom a bond starts from, and the vector along it; both ways.
      count_s: neighbours of each atom.
    """

    distance: float
    first_b: np.ndarray
    vector_b3: Float[np.ndarray, "b 3"]
    count_s: np.ndarray


def neighbours(crystal: Crystal) -> Neighbours:
    """Nearest neighbours."""
    steps_r3 = np.array(list(itertools.product((-2, -1, 0, 1, 2), repeat=3)))
    moved_rt3 = (steps_r3 @ crystal.cell)[:, None] + crystal.positions[None]
    vector_srt3 = moved_rt3[None] - crystal.positions[:, None, None]
    length_srt = np.linalg.norm(vector_srt3, axis=-1)
    distance = float(length_srt[length_srt > 1e-6].min())
    is_near_srt = (length_srt > 1e-6) & (length_srt < _SHELL * distance)
    first_b = np.nonzero(is_near_srt)[0]
    count_s = np.count_nonzero(is_near_srt, axis=(1, 2))
    return Neighbours(distance, first_b, vector_srt3[is_near_srt], count_s)


def supports(crystal: Crystal) -> bool:
    """Whether the family can be drawn for a crystal: few atoms, no vacuum."""
    if len(crystal.positions) > MOST_ATOMS:
        return False
    volume = abs(np.linalg.det(crystal.cell)) / len(crystal.positions)
    return bool(volume < _MOST_VOLUME * neighbours(crystal).distance ** 3)


def kind(crystal: Crystal) -> str:
    """bonds, ions or metal."""
    near = neighbours(crystal)
    count_s = near.count_s
    if np.all(count_s == 4) and len(crystal.positions) == 2 and _is_tetrahedral(near):
        return "bonds"
    if len(set(crystal.numbers.tolist())) == 2 and np.all(np.isin(count_s, (6, 8))):
        return "ions"
    return "metal"


def _is_tetrahedral(near: Neighbours) -> bool:
    """Whether the angles between an atom's bonds are roughly those of a tetrahedron."""
    unit_b3 = near.vector_b3 / np.linalg.norm(near.vector_b3, axis=1)[:, None]
    first, second = np.triu_indices(len(unit_b3), 1)
    is_one_atom = near.first_b[first] == near.first_b[second]
    cosine = np.sum(unit_b3[first] * unit_b3[second], axis=1)[is_one_atom]
    return bool(np.all(np.abs(cosine + 1 / 3) < _ANGLES))


def draw(
    generator: np.random.Generator,
    crystal: Crystal,
    mesh: tuple[int, int, int],
    born_s: Float[np.ndarray, " s"] | None = None,
) -> Plan:
    """One material; the same generator state gives the same one.

    Args:
      born_s: charges of the moving atoms, e, of bonds and ions: of two species the negative one
        is the anion, with more of the valence electrons.  None: either may be.
    """
    if kind(crystal) == "metal":
        return _metal(generator, crystal, mesh)
    number_s = _species(crystal)
    anion = None if born_s is None else int(number_s[np.argmin(born_s)])
    return {"bonds": _bonds, "ions": _ions}[kind(crystal)](generator, crystal, mesh, anion)


def _plan(
    crystal, mesh, ions: Ions, trial: Trial, exchange, mass, smearing=0.0, edge=0.0, softness=0.0
) -> Plan:
    volume = abs(np.linalg.det(crystal.cell))
    count = _WAVES_PER_ATOM * len(crystal.positions)
    cutoff = (6 * np.pi**2 * count / volume) ** (1 / 3)
    matter = Matter(crystal, ions, mesh, cutoff, _REACH * cutoff, exchange, mass, smearing)
    parameters = {
        "electrons_of": kind(crystal),
        "charges": ions.charge_s.tolist(),
        "cores": ions.core_s.tolist(),
        "widths": ions.width_s.tolist(),
        "exchange": exchange,
        "mass": mass,
        "smearing": smearing,
        "edge": edge,
        "softness": softness,
        "trial_width": trial.width,
        "hybrids": not np.array_equal(trial.mixing_aa, np.eye(len(trial.mixing_aa))),
    }
    return Plan(matter, trial, edge, softness, parameters)


def _bonds(generator: np.random.Generator, crystal: Crystal, mesh, anion: int | None) -> Plan:
    near = neighbours(crystal)
    cores, widths = generator.uniform(0.2, 0.26, 2), generator.uniform(0.01, 0.04, 2)
    step = int(generator.integers(3))
    exchange, width = generator.uniform(1.0, 1.5), generator.uniform(0.2, 0.35)
    mass = generator.uniform(4.3, 6.0) * BOHR / near.distance
    number_s = _species(crystal)
    # one species: four electrons each; two: 4-4, 3-5 or 2-6
    sign = 1 if anion is None else 2 * anion - 1
    charge_s = 4.0 + sign * (2 * number_s - 1) * step * (number_s.max() > 0)
    ions = Ions(charge_s, cores[number_s] * near.distance, widths[number_s] * near.distance)
    outward_b = near.first_b == 0
    centre_a3 = crystal.positions[0] + near.vector_b3[outward_b] / 2
    trial = Trial(centre_a3, np.full(len(centre_a3), -1), width * near.distance, np.eye(4))
    return _plan(crystal, mesh, ions, trial, exchange, mass)


def _ions(generator: np.random.Generator, crystal: Crystal, mesh, anion: int | None) -> Plan:
    near = neighbours(crystal)
    cores, widths = generator.uniform(0.2, 0.3, 2), generator.uniform(0.01, 0.04, 2)
    cation_charge = float(generator.integers(1, 3))
    exchange, width = generator.uniform(1.0, 1.5), generator.uniform(0.2, 0.35)
    mass = generator.uniform(4.3, 6.0) * BOHR / near.distance
    either = int(generator.integers(2))
    anion = either if anion is None else anion
    is_anion_s = _species(crystal) == anion
    charge_s = np.where(is_anion_s, 8.0 - cation_charge, cation_charge)
    core_s = np.where(is_anion_s, 0.6 * cores[0], cores[1])
    width_s = np.where(is_anion_s, widths[0], widths[1])
    ions = Ions(charge_s, core_s * near.distance, width_s * near.distance)
    mixed = bool(generator.integers(2))
    trial = _shells(crystal, np.flatnonzero(is_anion_s), width * near.distance, mixed)
    return _plan(crystal, mesh, ions, trial, exchange, mass)


def _metal(generator: np.random.Generator, crystal: Crystal, mesh) -> Plan:
    near = neighbours(crystal)
    cores, widths = generator.uniform(0.18, 0.26, 2), generator.uniform(0.01, 0.04, 2)
    charges = generator.integers(1, 5, 2).astype(float)
    exchange, width = generator.uniform(0.8, 1.2), generator.uniform(0.25, 0.35)
    mass = generator.uniform(4.3, 7.0) * BOHR / near.distance
    smearing = generator.uniform(0.2, 0.4)
    number_s = _species(crystal)
    ions = Ions(
        charges[number_s], cores[number_s] * near.distance, widths[number_s] * near.distance
    )
    mixed = bool(generator.integers(2))
    trial = _shells(crystal, np.arange(len(number_s)), width * near.distance, mixed)
    # free electrons: where as many bands are filled as there are orbitals
    wave = (6 * np.pi**2 * len(trial.axis_a) / abs(np.linalg.det(crystal.cell))) ** (1 / 3)
    full = KINETIC / mass * wave**2
    edge, softness = full * generator.uniform(0.8, 1.2), full * generator.uniform(0.15, 0.3)
    return _plan(crystal, mesh, ions, trial, exchange, mass, smearing, edge, softness)


def _species(crystal: Crystal) -> np.ndarray:
    """0 or 1 for each atom: the first species and the other."""
    return (crystal.numbers != crystal.numbers[0]).astype(int)


def _shells(crystal: Crystal, atoms: np.ndarray, width: float, mixed: bool) -> Trial:
    """s, x, y and z on each of these atoms, or the four sp3 hybrids of them."""
    centre_a3 = np.repeat(crystal.positions[atoms], 4, axis=0)
    mixing_aa = np.eye(len(centre_a3))
    if mixed:
        mixing_aa = np.kron(np.eye(len(atoms)), _HYBRIDS)
    return Trial(centre_a3, np.tile(np.arange(-1, 3), len(atoms)), width, mixing_aa)
