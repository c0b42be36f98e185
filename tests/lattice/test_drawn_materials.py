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


def test_potentials_are_drawn_alike_then_their_types_and_no_other():
    few = {"prototypes": ["fcc", "rocksalt", "hcp"], "potentials": ["emt", "morse"]}
    found = Counter((d.prototype.name, d.potential) for d in draws(600, variants=0.0, **few))
    # the sets of EMT count half; EMT holds no rocksalt
    expected = {("fcc", "emt"): 1 / 6, ("hcp", "emt"): 1 / 6}
    expected |= {(x, "morse"): 2 / 9 for x in few["prototypes"]}
    assert set(found) == set(expected)
    for pair, share in expected.items():
        assert abs(found[pair] / 600 - share) < 4 * (share * (1 - share) / 600) ** 0.5


def test_every_potential_is_drawn_and_all_types_of_one(many):
    assert {d.potential for d in many} == set(OPTIONS["potentials"])
    held = {x for x, p in PROTOTYPES.items() if "keating" in p.potentials}
    assert {d.prototype.name for d in draws(600, potentials=["keating"])} == held


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
