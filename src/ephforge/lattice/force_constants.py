"""Force constants: analytic where a potential has them, else finite differences in a supercell.

The atoms of one primitive cell are displaced; the force on every atom of the supercell
gives Phi up to supercell vectors, and each pair is given to its shortest image, in equal
parts where several are equally short.  Force constants of many-body potentials (EMT, RGL) reach
two cutoffs, twice as far as pairs; what such a supercell folds back changed phonons of gold,
copper and a drawn RGL crystal by at most 0.002 meV against 10 x 10 x 10 cells.
"""

import itertools

import numpy as np
from ase import Atoms
from jaxtyping import Float, Int

from ephforge.core.realspace import ForceConstants, LongRange
from ephforge.lattice.asap import Potential, forces, supercell
from ephforge.lattice.forces import FORMULAS, energy_and_forces, species_of
from ephforge.lattice.rejection import NOT_FINITE, RESIDUAL_FORCES, SHELL_AT_CUTOFF, Rejected
from ephforge.phonons.sum_rules import acoustic, permutation_symmetric

SMALLEST_SUPERCELL = 4  # cells along each vector, whatever the reach of the potential
RESIDUAL_FORCE = 1e-6  # eV/angstrom; symmetry makes forces vanish in every structure type
_WIDER = 3  # times the step, a second time, to see whether the step matters
_STEP_TOLERANCE = 1e-3  # of the largest force constant
_ANHARMONIC = 60.0  # 1/angstrom^2; what fourth derivatives add to that
_TIE = 1e-4  # angstrom; images closer than this to the shortest share the pair
_NO_FORCE = 1e-9  # eV/angstrom^2; cells where every entry is smaller are left out


def force_constants(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    numbers_s: Int[np.ndarray, " s"],
    potential: Potential,
    displacement: float,
) -> tuple[ForceConstants, LongRange | None]:
    """Phi(R) of a crystal, permutation-symmetric and with the acoustic sum rule imposed.

    Args:
      cell_33, positions_s3: unscaled angstrom.
      displacement: finite difference step, unscaled angstrom.

    Returns:
      Unscaled eV/angstrom^2; and the dipole part of ionic crystals, which is not in Phi.

    Raises:
      Rejected: forces are refused, not finite, or do not vanish at rest.
    """
    rest_s3 = energy_and_forces(cell_33, positions_s3, numbers_s, potential)[1]
    largest = np.max(np.abs(rest_s3))
    if largest > RESIDUAL_FORCE:
        raise Rejected(RESIDUAL_FORCES, f"{largest:.2e} eV/angstrom on an atom at rest")
    if potential.name in FORMULAS:
        arguments = (cell_33, positions_s3, species_of(numbers_s), potential.parameters)
        found, polar = FORMULAS[potential.name].force_constants(*arguments)
        _check(found.phi)
        return found, polar
    atoms, cells_m3 = supercell(cell_33, positions_s3, numbers_s, potential, SMALLEST_SUPERCELL)
    phi_mtdsc = finite_differences(atoms, len(numbers_s), displacement)
    wider_mtdsc = finite_differences(atoms, len(numbers_s), _WIDER * displacement)
    _check_step(phi_mtdsc, wider_mtdsc, displacement)
    counts = tuple(int(n) for n in cells_m3.max(axis=0) + 1)
    folded = fold(phi_mtdsc.transpose(0, 3, 4, 1, 2), cells_m3, cell_33, positions_s3, counts)
    return acoustic(permutation_symmetric(folded)), None


def finite_differences(
    atoms: Atoms, atoms_per_cell: int, displacement: float
) -> Float[np.ndarray, "m t 3 s 3"]:
    """-dF[m,t,d]/du[s,c] for displaced atoms s of the first cell, by central differences."""
    rest_n3 = atoms.get_positions()
    phi_ndsc = np.empty((len(atoms), 3, atoms_per_cell, 3))
    for s, c in itertools.product(range(atoms_per_cell), range(3)):
        sides = []
        for sign in (1, -1):
            moved_n3 = rest_n3.copy()
            moved_n3[s, c] += sign * displacement
            atoms.set_positions(moved_n3)
            sides.append(forces(atoms))
        phi_ndsc[:, :, s, c] = (sides[1] - sides[0]) / (2 * displacement)
    atoms.set_positions(rest_n3)
    _check(phi_ndsc)
    return phi_ndsc.reshape(-1, atoms_per_cell, 3, atoms_per_cell, 3)


def fold(
    phi_msctd: Float[np.ndarray, "m s 3 t 3"],
    cells_m3: Int[np.ndarray, "m 3"],
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    counts: tuple[int, int, int],
) -> ForceConstants:
    """Give each pair (s in cell 0, t in cell m) to its shortest images R = m + N L.

    With the weights w = 1 / (number of images equally short), sum_L w = 1, so that D(q) at
    wave vectors of the supercell is what the supercell gives.  Cells without force are left
    out, except R = 0.
    """
    shift_l3 = np.array(list(itertools.product((-2, -1, 0, 1), repeat=3)))
    images_ml3 = cells_m3[:, None] + shift_l3 * np.array(counts)
    between_st3 = positions_s3[None, :] - positions_s3[:, None]
    vector_mlst3 = (images_ml3 @ cell_33)[:, :, None, None] + between_st3
    distance_mlst = np.linalg.norm(vector_mlst3, axis=-1)
    is_shortest = distance_mlst < distance_mlst.min(axis=1, keepdims=True) + _TIE
    weight_mlst = is_shortest / is_shortest.sum(axis=1, keepdims=True)
    m, image = np.nonzero(is_shortest.any(axis=(2, 3)))
    phi_rsctd = weight_mlst[m, image][:, :, None, :, None] * phi_msctd[m]
    cells_r3 = images_ml3[m, image]
    has_force_r = np.abs(phi_rsctd).max(axis=(1, 2, 3, 4)) > _NO_FORCE
    kept = has_force_r | np.all(cells_r3 == 0, axis=1)
    return ForceConstants(cells_r3[kept], phi_rsctd[kept])


def _check_step(phi_mtdsc: np.ndarray, wider_mtdsc: np.ndarray, displacement: float) -> None:
    """A shell of neighbours at a cutoff jumps in and out: differences that hang on the step."""
    change = np.max(np.abs(phi_mtdsc - wider_mtdsc)) / np.max(np.abs(phi_mtdsc))
    if change > _STEP_TOLERANCE + _ANHARMONIC * displacement**2:
        raise Rejected(SHELL_AT_CUTOFF, f"force constants change by {change:.1e} with the step")


def _check(values: np.ndarray) -> None:
    if not np.all(np.isfinite(values)):
        raise Rejected(NOT_FINITE, "forces are not finite")
