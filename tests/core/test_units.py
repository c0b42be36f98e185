"""Constants against SciPy's own CODATA tables, which may be of a later year."""

import pytest
from scipy import constants

from ephforge.core import units

HBAR_IN_SI = constants.hbar**2 / constants.physical_constants["atomic mass constant"][0]


@pytest.mark.parametrize(
    ("ours", "si"),
    [
        (units.HARTREE, constants.physical_constants["Hartree energy in eV"][0]),
        (units.RYDBERG, constants.physical_constants["Rydberg constant times hc in eV"][0]),
        (units.BOHR, constants.physical_constants["Bohr radius"][0] * 1e10),
        (
            units.DALTON_IN_ELECTRON_MASSES,
            constants.physical_constants["atomic mass constant"][0] / constants.m_e,
        ),
        (units.HBAR2_PER_DALTON, HBAR_IN_SI / constants.e * 1e20),
        (units.COULOMB, constants.e / (4 * constants.pi * constants.epsilon_0) * 1e10),
    ],
)
def test_constants(ours, si):
    assert ours == pytest.approx(si, rel=1e-8)


def test_the_rydberg_mass_unit_is_two_electron_masses():
    assert units.DALTON_IN_RYDBERG_MASSES * 2 == units.DALTON_IN_ELECTRON_MASSES
