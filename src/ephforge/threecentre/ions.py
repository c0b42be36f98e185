"""Bare ions: local pseudopotentials with an empty core, and their Fourier transforms.

The potential energy of an electron at distance r from an ion of charge Z is

    v(r) = -(e^2 Z / 2 r) [erf((r + r_0) / sqrt(2) w) + erf((r - r_0) / sqrt(2) w)]

Coulomb's law outside an empty core of radius r_0, nothing inside, the edge smeared over a
width w; in Fourier space

    v(K) = -(4 pi e^2 Z / K^2) cos(K r_0) e^{-(K w)^2 / 2}

v(K = 0) is a constant shift of energy and is left out.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ephforge.core.realspace import Crystal
from ephforge.core.units import COULOMB

_ZERO = 1e-10  # 1/angstrom


class Ions(NamedTuple):
    """One entry per atom of the cell.

    Attributes:
      charge_s: valence charges Z, e.
      core_s: radii r_0 of the empty cores, angstrom.
      width_s: widths w of their edges, angstrom.
    """

    charge_s: Float[np.ndarray, " s"]
    core_s: Float[np.ndarray, " s"]
    width_s: Float[np.ndarray, " s"]


def form(length_g: Float[np.ndarray, " g"], ions: Ions) -> Float[np.ndarray, "s g"]:
    """v(K) of each atom at the wave vectors' lengths (1/angstrom), eV angstrom^3."""
    is_zero_g = length_g < _ZERO
    safe_g = np.where(is_zero_g, 1.0, length_g)
    coulomb_sg = -4 * np.pi * COULOMB * ions.charge_s[:, None] / safe_g**2
    shape_sg = np.cos(safe_g * ions.core_s[:, None]) * np.exp(
        -((safe_g * ions.width_s[:, None]) ** 2) / 2
    )
    return np.where(is_zero_g, 0.0, coulomb_sg * shape_sg)


def potential(
    wave_g3: Float[np.ndarray, "g 3"], ions: Ions, crystal: Crystal
) -> Complex[np.ndarray, " g"]:
    """Fourier coefficients of the potential of all ions, eV; wave vectors in 1/angstrom."""
    return np.sum(_waves_of_ions(wave_g3, ions, crystal), axis=0)


def displaced(
    wave_g3: Float[np.ndarray, "g 3"], ions: Ions, crystal: Crystal
) -> Complex[np.ndarray, "s 3 g"]:
    """The same to first order in displacements e^{i q.R} of one atom of each cell; eV/angstrom.

    -i K_c v_s(K) e^{-i K.tau_s} / volume, K = q + G.
    """
    wave_sg = _waves_of_ions(wave_g3, ions, crystal)
    return -1j * wave_g3.T[None] * wave_sg[:, None]


def _waves_of_ions(wave_g3, ions: Ions, crystal: Crystal) -> Complex[np.ndarray, "s g"]:
    phase_sg = np.exp(-1j * crystal.positions @ wave_g3.T)
    volume = abs(np.linalg.det(crystal.cell))
    return form(np.linalg.norm(wave_g3, axis=1), ions) * phase_sg / volume
