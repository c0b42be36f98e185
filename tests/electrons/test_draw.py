"""Drawn electrons: addressed by material, within their ranges, one shell at least."""

import numpy as np
import pytest
from analytic import zincblende

from ephforge.core.rng import generator
from ephforge.core.units import BOHR, HARTREE
from ephforge.electrons import draw as limits
from ephforge.electrons.draw import draw, parameters

NEAREST = 5.6 * np.sqrt(3) / 4  # angstrom


def drawn(material, bases=("s", "sp3"), seed=1):
    return draw(generator(seed, material, "electrons"), zincblende(), list(bases))


def test_a_material_is_the_same_whatever_was_drawn_before():
    first = drawn(7)
    drawn(8)
    again = drawn(7)
    assert first[0] == again[0]
    assert parameters(first[1]) == parameters(again[1])
    assert parameters(first[1]) != parameters(drawn(8)[1])


@pytest.mark.parametrize("material", range(5))
def test_law_stays_within_its_ranges(material):
    _, law = drawn(material)
    harrison = limits.HARRISON * HARTREE * BOHR**2 / NEAREST**2
    low, high = limits.STRENGTH_SPREAD
    ratio_xyi = law.strength_xyi / harrison
    assert np.all((ratio_xyi >= low) & (ratio_xyi <= high))
    exchanged = law.strength_xyi.swapaxes(0, 1)
    np.testing.assert_array_equal(law.strength_xyi[..., [0, 2, 3]], exchanged[..., [0, 2, 3]])
    assert law.strength_xyi[0, 1, 1] != law.strength_xyi[1, 0, 1]
    np.testing.assert_array_equal(law.exponent_xy, law.exponent_xy.T)
    assert np.all(np.diff(law.onsite_xl) >= limits.SP_SPLITTING[0])
    assert law.reference == pytest.approx(NEAREST)
    assert NEAREST < law.onset < law.cutoff <= limits.CUTOFF[1] * NEAREST


def test_every_basis_is_drawn_and_only_those_allowed():
    assert {drawn(i)[0] for i in range(20)} == {"s", "sp3"}
    assert {drawn(i, ["sp3"])[0] for i in range(5)} == {"sp3"}
