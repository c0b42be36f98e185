"""One material from draft to verdict: relax, strain, force constants, stability."""

from typing import Any, NamedTuple

import numpy as np
from ase.data import covalent_radii, reference_states

from ephforge.core.realspace import Crystal, ForceConstants, LongRange
from ephforge.core.symmetry import operations
from ephforge.lattice.draw import Draft
from ephforge.lattice.force_constants import force_constants
from ephforge.lattice.forces import Potential
from ephforge.lattice.freedom import freedom
from ephforge.lattice.prototypes import structure
from ephforge.lattice.relax import cutoff_between_shells, relax, settle
from ephforge.lattice.stability import require_stable
from ephforge.lattice.timing import Clock


class Material(NamedTuple):
    """An accepted material."""

    crystal: Crystal
    force_constants: ForceConstants
    long_range: LongRange | None
    parameters: dict[str, Any]
    space_group: int


def make(draft: Draft, displacement: float, imaginary_tolerance: float, clock: Clock) -> Material:
    """Turn a draft into a relaxed, strained, stable crystal with force constants.

    Args:
      displacement: finite difference step, angstrom (in units of the potential).
      imaginary_tolerance: meV.
      clock: adds up the seconds of each step.

    Raises:
      Rejected: with the reason, wherever it fails.
    """
    prototype, parameters = draft.prototype, draft.parameters
    with clock("relax"):
        guess = structure(prototype, _expected_neighbour(draft) / prototype.neighbour)
        found = operations(*guess, np.array(prototype.species))
        free = freedom(found, prototype.is_layer)
        cell_33, positions_s3 = guess
        if "reference" not in parameters:  # else the guess is the equilibrium
            potential = Potential(draft.potential, parameters)
            cell_33, positions_s3 = relax(*guess, draft.numbers, potential, free)
            factor = 1 + draft.strain
            cell_33, positions_s3 = factor * cell_33, factor * positions_s3
            if "cutoff" in parameters:
                cutoff = cutoff_between_shells(
                    cell_33, positions_s3, parameters["cutoff"], displacement
                )
                parameters = parameters | {"cutoff": cutoff}
            potential = Potential(draft.potential, parameters)
            positions_s3 = settle(cell_33, positions_s3, draft.numbers, potential, free)
    with clock("force_constants"):
        short, long_range = force_constants(
            cell_33,
            positions_s3,
            draft.numbers,
            Potential(draft.potential, parameters),
            displacement,
        )
    with clock("stability"):
        length, unit = parameters["length_scale"], parameters["energy_scale"]
        short = ForceConstants(short.cells, short.phi * (unit / length**2))
        crystal = Crystal(length * cell_33, length * positions_s3, draft.numbers, draft.masses)
        require_stable(crystal, short, imaginary_tolerance, prototype.is_layer)
    return Material(crystal, short, long_range, parameters, found.space_group)


def _expected_neighbour(draft: Draft) -> float:
    """Nearest-neighbour distance to start from, unscaled angstrom."""
    if draft.parameters["start"] is not None:
        return draft.parameters["start"]
    if draft.potential == "brenner":
        return float(2 * np.mean(covalent_radii[draft.numbers]))
    # the metals of EMT are fcc: half the face diagonal
    return float(np.mean([reference_states[z]["a"] for z in draft.numbers]) / 2**0.5)
