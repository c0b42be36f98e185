"""Coulomb energy of a lattice of point charges, by Ewald's sums, and its real-space part.

1/r = erfc(eta r)/r + erf(eta r)/r: the first goes over pairs, the second over waves.  The
second derivatives of the second part are the dipole sum that coupling/longrange.py adds at
each q (convention "ewald", damping eta), so only the first part belongs into Phi(R).  The
cell must be neutral.
"""

import itertools

import numpy as np
from jaxtyping import Complex, Float
from scipy.special import erfc

from ephforge.core.realspace import Crystal, LongRange
from ephforge.core.units import COULOMB

# eta times the cube root of the volume: both sums then have about a hundred vectors
DAMPING = 2.0
# Both sums end where their terms have fallen by e^-34 = 2e-15
_EXPONENT = 34.0


def damping(cell_33: Float[np.ndarray, "3 3"]) -> float:
    """The usual eta of a cell, 1/angstrom."""
    return DAMPING / abs(np.linalg.det(cell_33)) ** (1 / 3)


def real_space_reach(eta: float) -> float:
    """Distance beyond which erfc(eta r) / r is nothing, angstrom."""
    return float(np.sqrt(_EXPONENT) / eta)


def screened(
    distance_p: Float[np.ndarray, " p"], eta: float
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
    """erfc(eta r)/r and its first and second derivative."""
    value = erfc(eta * distance_p) / distance_p
    gaussian = 2 * eta / np.sqrt(np.pi) * np.exp(-((eta * distance_p) ** 2))
    slope = -(value + gaussian) / distance_p
    curvature = 2 * (value + gaussian) / distance_p**2 + 2 * eta**2 * gaussian
    return value, slope, curvature


def waves(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    charges_s: Float[np.ndarray, " s"],
    eta: float,
) -> tuple[float, Float[np.ndarray, "s 3"], Float[np.ndarray, "3 3"]]:
    """Energy of the erf part, without the charges' own, forces, derivative with the strain.

    E = (2 pi e^2 / V) sum_{G != 0} e^{-G^2 / 4 eta^2} / G^2 |sum_s Z_s e^{i G.r_s}|^2
        - e^2 eta / sqrt(pi) sum_s Z_s^2
    """
    half_g3 = _wave_box(cell_33, 2 * eta * np.sqrt(_EXPONENT))
    wave_g3 = half_g3[len(half_g3) // 2 + 1 :]  # one of each pair G, -G
    square_g = np.sum(wave_g3**2, axis=1)
    phase_gs = charges_s * np.exp(1j * wave_g3 @ positions_s3.T)
    structure_g = phase_gs.sum(axis=1)
    factor = 4 * np.pi * COULOMB / abs(np.linalg.det(cell_33))
    weight_g = factor * np.exp(-square_g / (4 * eta**2)) / square_g
    energy_g = weight_g * np.abs(structure_g) ** 2
    stretch_g = energy_g * (2 / square_g + 1 / (2 * eta**2))
    stress_33 = (stretch_g[:, None] * wave_g3).T @ wave_g3 - energy_g.sum() * np.eye(3)
    push_gs = 2 * weight_g[:, None] * np.imag(np.conj(structure_g)[:, None] * phase_gs)
    own = COULOMB * eta / np.sqrt(np.pi) * np.sum(charges_s**2)
    return float(energy_g.sum() - own), push_gs.T @ wave_g3, stress_33


def long_range(
    cell_33: Float[np.ndarray, "3 3"],
    charges_s: Float[np.ndarray, " s"],
    dielectric: float,
    eta: float,
) -> LongRange:
    """The dipole part of ions of the given Born charges in a medium.

    In coupling/longrange.py a term is damped by e^{-K.eps.K / 4 alpha}, K in 2 pi / unit, so
    alpha = eps (unit eta / 2 pi)^2; the unit is the cube root of the volume.  The field on the
    electrons is damped alike: an orbital spreads over a good third of the unit, over which it
    averages the potential.
    """
    unit = float(abs(np.linalg.det(cell_33)) ** (1 / 3))
    alpha = float(dielectric * (unit * eta / (2 * np.pi)) ** 2)
    return LongRange(
        charges_s[:, None, None] * np.eye(3), dielectric * np.eye(3), (1, 1, 1), unit, "ewald",
        (alpha, alpha),
    )  # fmt: skip


def wave_force_constants(
    polar: LongRange, crystal: Crystal, q_q3: Float[np.ndarray, "q 3"]
) -> Complex[np.ndarray, "q s 3 s 3"]:
    """The dipole part that belongs to Phi(R) of ions, at many q, eV/angstrom^2.

    (4 pi e^2 / V) sum_K (K.Z_s)_c (K.Z_t)_d e^{-d K.eps.K / 4} / K.eps.K e^{iK.(r_s - r_t)},
    K = q + G != 0, less the sum of its rows at q = 0 on the diagonal (acoustic sum rule).
    """
    damping_square = (polar.lattice_unit / (2 * np.pi)) ** 2 / polar.ewald[0]
    largest = np.sqrt(4 * _EXPONENT / damping_square / np.linalg.eigvalsh(polar.dielectric)[0])
    box_g3 = _wave_box(crystal.cell, largest, margin=1)
    near_q3 = np.concatenate([np.zeros((1, 3)), q_q3 - np.round(q_q3)])  # periodic in q
    shift_q3 = near_q3 @ (2 * np.pi * np.linalg.inv(crystal.cell).T)
    factor = 4 * np.pi * COULOMB / abs(np.linalg.det(crystal.cell))
    found_qdd = []
    for shift_3 in shift_q3:
        wave_g3 = shift_3 + box_g3
        square_g = np.einsum("gi,ij,gj->g", wave_g3, polar.dielectric, wave_g3)
        kept = (square_g > 1e-18) & (square_g * damping_square < 4 * _EXPONENT)
        wave_g3, square_g = wave_g3[kept], square_g[kept]
        weight_g = np.sqrt(factor * np.exp(-damping_square * square_g / 4) / square_g)
        phase_gs = weight_g[:, None] * np.exp(1j * wave_g3 @ crystal.positions.T)
        charge_gsc = phase_gs[:, :, None] * np.einsum("gf,sfc->gsc", wave_g3, polar.born)
        flat_gd = charge_gsc.reshape(len(wave_g3), -1)
        found_qdd.append(flat_gd.T @ flat_gd.conj())
    count = len(crystal.positions)
    stiffness = np.stack(found_qdd).reshape(-1, count, 3, count, 3)
    rest_scd = stiffness[0].real.sum(axis=2)
    for s in range(count):
        stiffness[1:, s, :, s] -= rest_scd[s]
    return stiffness[1:]


def _wave_box(
    cell_33: Float[np.ndarray, "3 3"], largest: float, margin: int = 0
) -> Float[np.ndarray, "g 3"]:
    """All G of a box that holds those shorter than `largest`, symmetric about G = 0."""
    counts = np.floor(largest * np.linalg.norm(cell_33, axis=1) / (2 * np.pi)).astype(int) + margin
    index_g3 = np.array(list(itertools.product(*(range(-n, n + 1) for n in counts))))
    return index_g3 @ (2 * np.pi * np.linalg.inv(cell_33).T)
