"""Draws: addressed by number, inside their laws, never a reserved material."""

from collections import Counter

import numpy as np
import pytest

from ephforge.config import Lattice
from ephforge.core.errors import EphforgeError
from ephforge.lattice.draw import draw
from ephforge.lattice.prototype_table import PROTOTYPES

OPTIONS = Lattice().model_dump()
RESERVED = ({11}, {12}, {5, 7}, {5, 33}, {31, 33})


def draws(count, **changes):
    return [draw(9, i, OPTIONS | changes) for i in range(count)]


@pytest.fixture(scope="module")
def many():
    return draws(1000)


def test_pairs_are_drawn_alike_and_no_other():
    few = {"prototypes": ["fcc", "rocksalt", "hcp"], "potentials": ["emt", "morse"]}
    found = Counter((d.prototype.name, d.potential) for d in draws(500, variants=0.0, **few))
    allowed = {(x, p) for x in few["prototypes"] for p in few["potentials"]}
    allowed = {(x, p) for x, p in allowed if p in PROTOTYPES[x].potentials}
    assert set(found) == allowed
    assert len(allowed) == 5
    assert min(found.values()) > 0.7 * 100


def test_whole_table_is_drawn(many):
    found = {d.prototype.name for d in many}
    drawable = {x for x, p in PROTOTYPES.items() if set(p.potentials) & set(OPTIONS["potentials"])}
    assert found == drawable


def test_reserved_materials_are_never_drawn(many):
    drawn = [set(draft.numbers.tolist()) for draft in many]
    assert not any(species & {11, 12} for species in drawn)
    assert not any(species in RESERVED for species in drawn)
    honeycombs = draws(200, prototypes=["honeycomb_layer"])
    assert not any(6 in draft.numbers for draft in honeycombs)


def test_arrays_fit_the_structure(many):
    for draft in many[:200]:
        species = np.array(draft.prototype.species)
        assert len(draft.numbers) == len(draft.masses) == len(species)
        assert len(set(draft.numbers.tolist())) == species.max() + 1
        assert abs(draft.strain) <= OPTIONS["strain"]
        assert draft.masses.min() > 4


def test_layers_are_stretched_never_compressed():
    layers = draws(60, prototypes=["triangular_layer", "mos2_layer"])
    assert min(draft.strain for draft in layers) >= OPTIONS["strain"] / 3


def test_variants_only_where_asked(many):
    assert {d.prototype.variant for d in draws(60, variants=0.0)} == {"ideal"}
    assert {d.prototype.variant for d in many} == {"ideal", "ordered", "distorted"}


def test_order_of_names_does_not_matter():
    names = {key: OPTIONS[key][::-1] for key in ("prototypes", "potentials")}
    assert [str(draft) for draft in draws(20, **names)] == [str(draft) for draft in draws(20)]


def test_nothing_compatible_is_a_clear_error():
    with pytest.raises(EphforgeError, match=r"diamond.*emt"):
        draw(1, 0, OPTIONS | {"prototypes": ["diamond"], "potentials": ["emt"]})
