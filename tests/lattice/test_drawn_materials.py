"""Draws: addressed by number, inside their laws, never a reserved material."""

import numpy as np
import pytest

from ephforge.config import Lattice
from ephforge.core.errors import EphforgeError
from ephforge.lattice.draw import draw
from ephforge.lattice.prototypes import PROTOTYPES

OPTIONS = Lattice()
RESERVED = ({11}, {12}, {5, 7}, {5, 33}, {31, 33})


def draws(count, prototypes=OPTIONS.prototypes, potentials=OPTIONS.potentials):
    return [draw(9, i, list(prototypes), list(potentials), 0.03) for i in range(count)]


def test_every_compatible_pair_turns_up_and_no_other():
    found = {(draft.prototype, draft.potential) for draft in draws(1500)}
    allowed = {(name, p) for name, entry in PROTOTYPES.items() for p in entry.potentials}
    assert found == allowed


def test_reserved_materials_are_never_drawn():
    drawn = [set(draft.numbers.tolist()) for draft in draws(1500)]
    assert not any(species & {11, 12} for species in drawn)
    assert not any(species in RESERVED for species in drawn)


def test_arrays_fit_the_structure_type():
    for draft in draws(60):
        species = np.array(PROTOTYPES[draft.prototype].species)
        assert len(draft.numbers) == len(draft.masses) == len(species)
        assert len(set(draft.numbers.tolist())) == species.max() + 1
        assert abs(draft.strain) <= 0.03
        assert draft.masses.min() > 4


def test_order_of_names_does_not_matter():
    backwards = draws(20, OPTIONS.prototypes[::-1], OPTIONS.potentials[::-1])
    assert [str(draft) for draft in backwards] == [str(draft) for draft in draws(20)]


def test_nothing_compatible_is_a_clear_error():
    with pytest.raises(EphforgeError, match=r"diamond.*emt"):
        draw(1, 0, ["diamond"], ["emt"], 0.0)
