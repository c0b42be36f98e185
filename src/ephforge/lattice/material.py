"""One material from draft to verdict: relax, strain, force constants, stability."""

from typing import Any, NamedTuple

import numpy as np
from ase.data import covalent_radii, reference_states

from ephforge.core.realspace import Crystal, ForceConstants
from ephforge.lattice.draw import Draft
from ephforge.lattice.force_constants import force_constants
from ephforge.lattice.forces import Potential
from ephforge.lattice.prototypes import PROTOTYPES, structure
from ephforge.lattice.relax import cutoff_between_shells, relax
from ephforge.lattice.stability import require_stable


class Material(NamedTuple):
    """An accepted material."""

    crystal: Crystal
    force_constants: ForceConstants
    parameters: dict[str, Any]


def make(draft: Draft, displacement: float, imaginary_tolerance: float) -> Material:
    """Turn a draft into a relaxed, strained, stable crystal with force constants.

    Args:
      displacement: finite difference step, angstrom (in units of the potential).
      imaginary_tolerance: meV.

    Raises:
      Rejected: with the reason, wherever it fails.
    """
    prototype = PROTOTYPES[draft.prototype]
    potential = Potential(draft.potential, draft.parameters)
    expected = _expected_neighbour(draft) / prototype.neighbour
    relaxed = relax(prototype, draft.numbers, potential, expected)
    cell_33, positions_s3 = structure(prototype, relaxed.length, relaxed.ratio)
    cell_33, positions_s3 = (1 + draft.strain) * cell_33, (1 + draft.strain) * positions_s3
    parameters = draft.parameters
    if "cutoff" in parameters:
        cutoff = cutoff_between_shells(cell_33, positions_s3, parameters["cutoff"], displacement)
        parameters = parameters | {"cutoff": cutoff}
    found, _ = force_constants(
        cell_33, positions_s3, draft.numbers, Potential(draft.potential, parameters), displacement
    )
    length, unit = parameters["length_scale"], parameters["energy_scale"]
    found = ForceConstants(found.cells, found.phi * (unit / length**2))
    require_stable(found, draft.masses, imaginary_tolerance)
    crystal = Crystal(length * cell_33, length * positions_s3, draft.numbers, draft.masses)
    parameters = parameters | {"relaxed_length": length * relaxed.length}
    if relaxed.ratio is not None:
        parameters |= {"relaxed_ratio": relaxed.ratio}
    return Material(crystal, found, parameters)


def _expected_neighbour(draft: Draft) -> float:
    """Nearest-neighbour distance to start from, unscaled angstrom."""
    if draft.parameters["start"] is not None:
        return draft.parameters["start"]
    if draft.potential == "brenner":
        return float(2 * np.mean(covalent_radii[draft.numbers]))
    # the metals of EMT are fcc: half the face diagonal
    return float(np.mean([reference_states[z]["a"] for z in draft.numbers]) / 2**0.5)
