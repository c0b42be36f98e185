"""Physical constants and conversions (CODATA 2018).

Inside ephforge: energy eV, length angstrom, mass dalton.  Couplings in files are in meV.
"""

HARTREE = 27.211386245988  # eV
RYDBERG = HARTREE / 2  # eV
BOHR = 0.529177210903  # angstrom
DALTON_IN_ELECTRON_MASSES = 1822.888486209
DALTON_IN_RYDBERG_MASSES = DALTON_IN_ELECTRON_MASSES / 2  # Rydberg mass unit: 2 electron masses

# hbar^2 / (1 dalton): eV angstrom^2 (in atomic units hbar^2 / m_e = hartree bohr^2)
HBAR2_PER_DALTON = HARTREE * BOHR**2 / DALTON_IN_ELECTRON_MASSES

# e^2 / (4 pi epsilon_0): eV angstrom (in atomic units hartree bohr)
COULOMB = HARTREE * BOHR

MEV = 1e3  # meV per eV

# Boltzmann constant times 1 K, eV
KELVIN = 8.617333262e-5
