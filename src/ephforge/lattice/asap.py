"""asap3's calculators on supercells; the only file that knows them.

asap3 works in the units of the potential (unscaled angstrom and eV).  LennardJones, Morse, RGL and
Brenner refuse a supercell with a height of up to two cutoffs, so supercells are made large
enough here, for all potentials alike.
"""

from typing import Any, NamedTuple

import asap3
import numpy as np
from asap3.EMT2013Parameters import EMT2013_lateTM_candidate_parameters
from ase import Atoms
from jaxtyping import Bool, Float, Int

from ephforge.core.kpoints import mesh_indices
from ephforge.lattice.rejection import REFUSED, Rejected

_BRENNER_REACH = 3.2  # angstrom; beyond the longest cutoff of C, Si, Ge
# EMT parameter sets: how the calculator is made, and the cutoff that it reports for its largest
# element, angstrom
_EMT_SETS = {
    "emt": (lambda: asap3.EMT(), 5.63),
    "emt2013": (lambda: asap3.EMT2013(EMT2013_lateTM_candidate_parameters), 5.63),
    "emt_rasmussen": (lambda: asap3.EMT(asap3.EMTRasmussenParameters()), 5.63),
    "emt_glass": (lambda: asap3.EMT(asap3.EMTMetalGlassParameters()), 6.31),
}


class Potential(NamedTuple):
    """An interatomic potential of given species: its name and parameters (potentials.py)."""

    name: str
    parameters: dict[str, Any]


def reach(potential: Potential) -> float:
    """Distance beyond which atoms do not interact, unscaled angstrom."""
    name, parameters = potential
    if name in _EMT_SETS:
        return _EMT_SETS[name][1]
    if name == "brenner":
        return _BRENNER_REACH
    if name == "rgl":
        # asap3: the switch to zero ends at 1.73 + 0.15 of the longest equilibrium distance
        return 1.88 * 1.05 * float(np.max(parameters["r0"]))
    return parameters["cutoff"]


def repeats(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    potential: Potential,
    smallest: int,
) -> tuple[tuple[int, int, int], Bool[np.ndarray, " 3"]]:
    """Cells along each vector of a supercell, and along which it is periodic.

    Heights exceed two reaches of the potential; across a vacuum wider than its reach one cell
    will do, and is not repeated periodically.
    """
    inverse_33 = np.linalg.inv(cell_33)
    heights = 1 / np.linalg.norm(inverse_33, axis=0)
    gaps = heights * (1 - np.ptp(positions_s3 @ inverse_33, axis=0))
    is_periodic = gaps <= reach(potential)
    needed = np.floor(2.02 * reach(potential) / heights).astype(int) + 1
    counts = np.where(is_periodic, np.maximum(needed, smallest), 1)
    return tuple(int(n) for n in counts), is_periodic


def supercell(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    numbers_s: Int[np.ndarray, " s"],
    potential: Potential,
    smallest: int = 1,
) -> tuple[Atoms, Int[np.ndarray, "m 3"]]:
    """Repeated crystal with its calculator, atoms ordered [m, s], and the cells m.

    Raises:
      Rejected: asap3 does not accept the potential.
    """
    counts, is_periodic = repeats(cell_33, positions_s3, potential, smallest)
    cells_m3 = mesh_indices(counts)
    positions = (cells_m3 @ cell_33)[:, None] + positions_s3
    atoms = Atoms(
        numbers=np.tile(numbers_s, len(cells_m3)),
        positions=positions.reshape(-1, 3),
        cell=np.array(counts)[:, None] * cell_33,
        pbc=is_periodic,
    )
    try:
        atoms.calc = _calculator(potential, list(dict.fromkeys(numbers_s.tolist())))
    except (ValueError, asap3.AsapError) as error:
        raise Rejected(REFUSED, _one_line(error)) from None
    return atoms, cells_m3


def forces(atoms: Atoms) -> Float[np.ndarray, "n 3"]:
    """Forces, unscaled eV/angstrom.

    Raises:
      Rejected: asap3 refuses the structure.
    """
    try:
        return np.asarray(atoms.get_forces())
    except asap3.AsapError as error:
        raise Rejected(REFUSED, _one_line(error)) from None


def _calculator(potential: Potential, species: list[int]):
    name, parameters = potential
    n = len(species)

    def matrix(key):
        return np.array(parameters[key])[:n, :n]

    if name in _EMT_SETS:
        return _EMT_SETS[name][0]()
    if name == "brenner":
        return asap3.BrennerPotential()
    if name == "rgl":
        return asap3.RGL(species, *(matrix(key) for key in ("p", "q", "a", "xi", "r0")))
    cutoff = parameters["cutoff"]
    if name == "lennard_jones":
        return asap3.LennardJones(species, matrix("epsilon"), matrix("sigma"), rCut=cutoff)
    return asap3.Morse(species, *(matrix(k) for k in ("epsilon", "alpha", "r0")), rCut=cutoff)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
