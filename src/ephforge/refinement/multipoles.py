"""Potentials of the charge that moves with an atom, where the orbitals are.

The dipole of an atom that moves is known (Born charges) and its wave has a potential that no finite
set of cells holds; it is summed over K = q + G at each q,

    F_sc,a(q) = i (4 pi e^2 / V) sum_K (K.Z_s)_c e^{i K.(w_a - tau_s)} e^{-(K width)^2/2} / K.eps.K,

the potential of Gaussian dipoles of that width.  Codes leave out e^{i K.w_a}, the place of the
orbital.  Quadrupoles and octupoles decay like 1/d^3 and 1/d^4 and are summed in real space,

    F_l,a(Rp) = window(d) e^2 det(eps)^{-1/2} Y(D) / |D|^{2l+1},  D = eps^{-1/2} (w_a - Rp - tau_s),

Y the 5 (7) harmonic polynomials of degree l = 2 (3): solutions of Poisson's equation in the medium.
The window takes off what is nearer than about its radius, where the charge is not a point.
Stengel, Phys. Rev. B 88, 174106 (2013), and Brunin et al., Phys. Rev. Lett. 125, 136601 (2020), on
why quadrupoles are the next term.
"""

import itertools
from math import factorial

import numpy as np
from jaxtyping import Complex, Float

from ephforge.core.kpoints import point_number
from ephforge.core.realspace import Mesh, Model
from ephforge.core.units import COULOMB
from ephforge.refinement.images import phonon_images

ORDERS = (2, 3)
DIPOLE_WIDTH = 0.15  # of |a_1|
WINDOW, SHARPNESS = 1.0, 12  # radius in |a_1|; window(d) = 1 - e^{-(d/radius)^sharpness}
_DAMPED = 7.0  # K width beyond which e^{-(K width)^2/2} is left out


def dipole_field(model: Model, q_q3: Float[np.ndarray, "q 3"]) -> Complex[np.ndarray, "q s 3 a"]:
    """F of the module's first equation, eV/angstrom; zero in a material that is not polar.

    At q = 0 the term K = 0, the macroscopic field, is left out.
    """
    crystal, polar, w = model.crystal, model.long_range, model.hopping.centres
    shape = (len(q_q3), *crystal.positions.shape, len(w))
    if polar is None:
        return np.zeros(shape, dtype=complex)
    width = DIPOLE_WIDTH * np.linalg.norm(crystal.cell[0])
    reciprocal_33 = 2 * np.pi * np.linalg.inv(crystal.cell).T
    lattice_g3 = _sphere(reciprocal_33, _DAMPED / width)
    from_sa3 = w[None] - crystal.positions[:, None]
    factor = 4 * np.pi * COULOMB / abs(np.linalg.det(crystal.cell))
    found = np.empty(shape, dtype=complex)
    for number, q_3 in enumerate(q_q3 - np.round(q_q3)):
        wave_g3 = q_3 @ reciprocal_33 + lattice_g3
        wave_g3 = wave_g3[np.linalg.norm(wave_g3, axis=1) > 1e-8]
        strength_g = np.einsum("gi,ij,gj->g", wave_g3, polar.dielectric, wave_g3)
        weight_g = np.exp(-np.sum(wave_g3**2, axis=1) * width**2 / 2) / strength_g
        phase_gsa = np.exp(1j * np.einsum("gi,sai->gsa", wave_g3, from_sa3))
        charge_gsc = np.einsum("gf,sfc->gsc", wave_g3, polar.born)
        found[number] = 1j * factor * np.einsum("g,gsc,gsa->sca", weight_g, charge_gsc, phase_gsa)
    return found


def windowed(
    model: Model, coarse: Mesh, fine: Mesh, orders: tuple[int, ...] = ORDERS
) -> Float[np.ndarray, "p s a x"]:
    """F of the module's second equation for every harmonic, summed over the cells of one class.

    Args:
      coarse: Rp are looked at within a sphere of some of its supercells.
      fine: cells Rp count modulo this mesh.

    Returns:
      columns x, per unit moment: eV/angstrom where moments are in e angstrom^(l - 1).
    """
    crystal, w = model.crystal, model.hopping.centres
    eps = np.eye(3) if model.long_range is None else model.long_range.dielectric
    cells_p3 = phonon_images(coarse).reshape(-1, 3)
    away_psa3 = w - ((cells_p3 @ crystal.cell)[:, None] + crystal.positions)[:, :, None]
    distance_psa = np.linalg.norm(away_psa3, axis=-1)
    radius = WINDOW * np.linalg.norm(crystal.cell[0])
    kept_psa = 1 - np.exp(-((distance_psa / radius) ** SHARPNESS))
    kept_psa = kept_psa * (distance_psa < _reach(crystal.cell, coarse))
    values = potentials(away_psa3, eps, orders) * kept_psa[..., None]
    found = np.zeros((int(np.prod(fine)), *values.shape[1:]))
    np.add.at(found, point_number(cells_p3, fine), values)
    return found


def potentials(
    away_x3: Float[np.ndarray, "*x 3"],
    dielectric: Float[np.ndarray, "3 3"],
    orders: tuple[int, ...],
) -> Float[np.ndarray, "*x y"]:
    """e^2 det(eps)^{-1/2} Y(D) / |D|^{2l+1} of point multipoles at a vector from them."""
    scaled_x3 = away_x3 @ np.linalg.cholesky(np.linalg.inv(dielectric))
    length_x1 = np.linalg.norm(scaled_x3, axis=-1)[..., None]
    strength = COULOMB / np.sqrt(np.linalg.det(dielectric))
    columns = [harmonics(scaled_x3, order) / length_x1 ** (2 * order + 1) for order in orders]
    return strength * np.concatenate(columns, axis=-1)


def harmonics(vector_x3: Float[np.ndarray, "*x 3"], order: int) -> Float[np.ndarray, "*x y"]:
    """A basis of the 2 order + 1 polynomials of that degree that obey Laplace's equation."""
    powers = _powers(order)
    monomials = np.stack([np.prod(vector_x3**p, axis=-1) for p in powers], axis=-1)
    lower = _powers(order - 2) if order > 1 else []
    laplacian = np.zeros((len(lower), len(powers)))
    for column, p in enumerate(powers):
        for i in range(3):
            if p[i] > 1:
                reduced = tuple(n - 2 * (i == j) for j, n in enumerate(p))
                laplacian[lower.index(reduced), column] += p[i] * (p[i] - 1)
    if not lower:
        return monomials
    # orthonormal in the metric in which |r|^(2 order) is rotated into itself
    metric = np.sqrt([np.prod([factorial(n) for n in p]) / factorial(order) for p in powers])
    _, _, right = np.linalg.svd(laplacian / metric)
    return monomials @ (right[len(lower) :] / metric).T


def _powers(order: int) -> list[tuple[int, int, int]]:
    return [(i, j, order - i - j) for i in range(order, -1, -1) for j in range(order - i, -1, -1)]


def _sphere(reciprocal_33, radius: float) -> Float[np.ndarray, "g 3"]:
    """Reciprocal vectors G with |q + G| below a radius for some q of the cell about 0."""
    radius = radius + np.linalg.norm(reciprocal_33, axis=1).sum() / 2
    reach_3 = np.floor(radius * np.linalg.norm(np.linalg.inv(reciprocal_33), axis=0)).astype(int)
    steps = itertools.product(*(range(-n, n + 1) for n in reach_3))
    vector_g3 = np.array(list(steps)) @ reciprocal_33
    return vector_g3[np.linalg.norm(vector_g3, axis=1) < radius]


def _reach(cell, coarse: Mesh) -> float:
    """Radius of a sphere inside the supercells that are looked at."""
    super_33 = cell * np.array(coarse)[:, None]
    heights = 1 / np.linalg.norm(np.linalg.inv(super_33), axis=0)
    return 2.5 * float(heights.min())
