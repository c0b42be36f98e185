"""Drawn electrons: addressed by material, every basis, kinds of solid in their shares."""

import json
from collections import Counter

import numpy as np
import pytest
from analytic import fcc, zincblende

from ephforge.core.rng import generator
from ephforge.electrons import draw as limits
from ephforge.electrons.bases import SHELLS
from ephforge.electrons.draw import draw, parameters
from ephforge.electrons.filling import INSULATOR, METAL, SEMICONDUCTOR, fill, objection
from ephforge.electrons.hopping import assemble
from ephforge.electrons.spectrum import energies, smallest_overlap

OPTIONS = {
    "bases": list(SHELLS),
    "overlap": 0.5,
    "crystal_field": 0.5,
    "spin_orbit": 0.2,
    "metals": 0.4,
    "semiconductors": 0.4,
}


def drawn(material, crystal=None, charges=None, **changes):
    crystal = zincblende() if crystal is None else crystal
    return draw(generator(1, material, "electrons"), crystal, OPTIONS | changes, charges)


def filled(electrons, crystal=None):
    crystal = zincblende() if crystal is None else crystal
    hopping, _ = assemble(crystal, electrons)
    per_band = 2 if electrons.spin_orbit_xu is None else 1
    return fill(energies(hopping), electrons.count, per_band)


def test_a_material_is_the_same_whatever_was_drawn_before():
    first = parameters(drawn(7))
    assert json.loads(json.dumps(first)) == first
    drawn(8)
    assert first == parameters(drawn(7))
    assert first != parameters(drawn(8))


def test_every_basis_and_form_is_drawn_and_only_those_allowed():
    found = [drawn(i, metals=1.0, semiconductors=0.0) for i in range(40)]
    assert {electrons.basis for electrons in found} == set(SHELLS)
    assert {electrons.form for electrons in found} == {"power", "exponential", "gsp"}
    assert {drawn(i, bases=["sp3"]).basis for i in range(5)} == {"sp3"}


@pytest.mark.parametrize("crystal", [zincblende(), fcc()], ids=["zincblende", "fcc"])
def test_kinds_of_solid_come_near_their_shares(crystal):
    kinds = Counter(
        filled(drawn(i, crystal, bases=["sp3"], spin_orbit=0.0), crystal).kind for i in range(60)
    )
    # binomial spread of 60 draws is about 0.06; bands that do not allow a gap add to the metals
    assert 0.25 <= kinds[METAL] / 60 <= 0.6
    assert 0.2 <= kinds[SEMICONDUCTOR] / 60 <= 0.55
    assert 0.05 <= kinds[INSULATOR] / 60 <= 0.35


def test_overlap_is_scaled_down_to_the_bound(monkeypatch):
    bound = 0.6
    monkeypatch.setattr(limits, "SMALLEST_OVERLAP", bound)
    smallest = []
    for i in range(12):
        electrons = drawn(i, bases=["sp3s*"], overlap=1.0, spin_orbit=0.0)
        smallest.append(smallest_overlap(assemble(zincblende(), electrons)[0]))
    assert min(smallest) == pytest.approx(bound)
    assert max(smallest) > bound + 0.02


@pytest.mark.parametrize("basis", SHELLS)
def test_ions_are_insulators_with_filled_anions(basis):
    charges, kinds = np.array([1.8, -1.8]), Counter()
    for i in range(10):
        electrons = drawn(i, charges=charges, bases=[basis])
        assert electrons.count == (2 if basis == "s" else 8)
        filling = filled(electrons)
        kinds[filling.kind] += 1
        assert objection(filling, True) == ("" if filling.kind != METAL else "polar without a gap")
        assert objection(filling, False) == ""
    assert kinds[METAL] <= 1
    assert kinds[SEMICONDUCTOR] + kinds[INSULATOR] >= 9
