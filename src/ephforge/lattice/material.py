"""One material from draft to verdict: relax, strain, force constants, stability."""

from typing import Any, NamedTuple

import numpy as np
from ase.data import covalent_radii, reference_states

from ephforge.core.realspace import Crystal, ForceConstants, LongRange
from ephforge.core.symmetry import operations
from ephforge.lattice.asap import Potential
from ephforge.lattice.draw import Draft
from ephforge.lattice.force_constants import force_constants
from ephforge.lattice.freedom import Freedom, freedom
from ephforge.lattice.prototypes import Prototype, structure
from ephforge.lattice.rejection import ANOTHER_TYPE, IMAGINARY, Rejected
from ephforge.lattice.relax import Structure, cutoff_between_shells, relax, settle
from ephforge.lattice.stability import require_stable
from ephforge.lattice.timing import Clock

_MORE_SYMMETRIC = 0.03  # angstrom; a structure this close to a more symmetric one has become it
# Unstable crystals are put under pressure, unstable layers under tension: by these factors.
_PRESSED, _STRETCHED = (0.97, 0.94), (1.03, 1.06)


class Material(NamedTuple):
    """An accepted material; stabilised is "", "compressed" or "stretched"."""

    crystal: Crystal
    force_constants: ForceConstants
    long_range: LongRange | None
    parameters: dict[str, Any]
    strain: float
    stabilised: str


def make(draft: Draft, displacement: float, imaginary_tolerance: float, clock: Clock) -> Material:
    """Turn a draft into a relaxed, strained, stable crystal with force constants.

    A crystal with imaginary modes is judged again under pressure, a layer under tension; what
    they do not hold either is rejected for what it did at the strain that was drawn.

    Args:
      displacement: finite difference step, angstrom (in units of the potential).
      imaginary_tolerance: meV.
      clock: adds up the seconds of each step.

    Raises:
      Rejected: with the reason, wherever it fails.
    """
    with clock("relax"):
        found = _relaxed(draft)
    try:
        return _judged(draft, found, 1 + draft.strain, displacement, imaginary_tolerance, clock)
    except Rejected as rejected:
        if rejected.reason != IMAGINARY or "reference" in draft.parameters:
            raise
        first = rejected
    is_layer = draft.prototype.is_layer
    for factor in _STRETCHED if is_layer else _PRESSED:
        try:
            made = _judged(draft, found, factor, displacement, imaginary_tolerance, clock)
        except Rejected:
            continue
        return made._replace(stabilised="stretched" if is_layer else "compressed")
    raise first


def _relaxed(draft: Draft) -> tuple[Structure, Freedom]:
    prototype = draft.prototype
    guess = structure(prototype, _expected_neighbour(draft) / prototype.neighbour)
    free = freedom(operations(*guess, np.array(prototype.species)), prototype.is_layer)
    if "reference" in draft.parameters:  # the guess is the equilibrium
        return guess, free
    potential = Potential(draft.potential, draft.parameters)
    return relax(*guess, draft.numbers, potential, free), free


def _judged(
    draft: Draft,
    found: tuple[Structure, Freedom],
    factor: float,
    displacement: float,
    imaginary_tolerance: float,
    clock: Clock,
) -> Material:
    """The relaxed crystal, scaled, its atoms settled again, with its force constants."""
    prototype, parameters = draft.prototype, draft.parameters
    (cell_33, positions_s3), free = found
    with clock("settle"):
        if "reference" in parameters:
            factor = 1.0
        cell_33, positions_s3 = factor * cell_33, factor * positions_s3
        if "cutoff" in parameters:
            cutoff = cutoff_between_shells(
                cell_33, positions_s3, parameters["cutoff"], displacement
            )
            parameters = parameters | {"cutoff": cutoff}
        potential = Potential(draft.potential, parameters)
        if "reference" not in parameters:
            positions_s3 = settle(cell_33, positions_s3, draft.numbers, potential, free)
        _require_type_kept(prototype, cell_33, positions_s3)
    with clock("force_constants"):
        short, long_range = force_constants(
            cell_33, positions_s3, draft.numbers, potential, displacement
        )
    with clock("stability"):
        length, unit = parameters["length_scale"], parameters["energy_scale"]
        short = ForceConstants(short.cells, short.phi * (unit / length**2))
        crystal = Crystal(length * cell_33, length * positions_s3, draft.numbers, draft.masses)
        require_stable(crystal, short, imaginary_tolerance, prototype.is_layer, long_range)
    return Material(crystal, short, long_range, parameters, factor - 1, "")


def _require_type_kept(prototype: Prototype, cell_33, positions_s3) -> None:
    """Refuse what has relaxed into a more symmetric type."""
    species_s = np.array(prototype.species)
    found = operations(cell_33, positions_s3, species_s, _MORE_SYMMETRIC)
    if found.space_group != prototype.space_group:
        raise Rejected(ANOTHER_TYPE, f"space group {found.space_group}")


def _expected_neighbour(draft: Draft) -> float:
    """Nearest-neighbour distance to start from, unscaled angstrom."""
    if draft.parameters["start"] is not None:
        return draft.parameters["start"]
    if draft.potential == "brenner":
        return float(2 * np.mean(covalent_radii[draft.numbers]))
    # the metals of EMT are fcc, where it is half the face diagonal, or hcp
    return float(np.mean([_nearest(reference_states[z]) for z in draft.numbers]))


def _nearest(state: dict[str, Any]) -> float:
    return state["a"] / 2**0.5 if state["symmetry"] == "fcc" else state["a"]
