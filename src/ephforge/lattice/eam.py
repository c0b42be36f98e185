"""Embedded atoms of Sutton and Chen's form, with a drawn exponent of the embedding.

    E = sum_i { sum_j V_ij(r) / 2 - c_i rho_i^k }   V = e (a/r)^n w(r)   rho_i = sum_j (a/r)^m w(r)

Sutton and Chen (Phil. Mag. Lett. 61, 139 (1990)) have k = 1/2 and integers n and m, for fcc metals
from (7, 6) to (14, 6).  w = (1 - (r/reach)^2)^3 ends both smoothly.
"""

import numpy as np
from jaxtyping import Float, Int

from ephforge.lattice.local import AtomEnergy, LocalPotential, radial_hessian
from ephforge.lattice.neighbours import Pairs


def _reach(parameters: dict) -> float:
    return parameters["reach"]


def _atom(
    pairs: Pairs, species: int, others_n: np.ndarray, parameters: dict, with_hessian: bool
) -> AtomEnergy:
    a_n = np.array(parameters["a"])[species, others_n]
    depth_n = np.array(parameters["epsilon"])[species, others_n] / 2
    pair_n, pair1_n, pair2_n = (
        depth_n * part for part in power(pairs.distance, a_n, parameters["n"], parameters["reach"])
    )
    rho_n, rho1_n, rho2_n = power(pairs.distance, a_n, parameters["m"], parameters["reach"])
    rho, k, c = float(rho_n.sum()), parameters["embedding"], parameters["c"][species]
    embed, embed1, embed2 = -c * rho**k, -c * k * rho ** (k - 1), -c * k * (k - 1) * rho ** (k - 2)
    unit_n3 = pairs.vector / pairs.distance[:, None]
    slope_n = pair1_n + embed1 * rho1_n
    gradient_n3 = slope_n[:, None] * unit_n3
    value = float(pair_n.sum()) + embed
    if not with_hessian:
        return AtomEnergy(value, gradient_n3, None)
    hessian = radial_hessian(unit_n3, pairs.distance, slope_n, pair2_n + embed1 * rho2_n)
    push_n3 = rho1_n[:, None] * unit_n3
    return AtomEnergy(
        value, gradient_n3, hessian + embed2 * push_n3[:, :, None, None] * push_n3[None, None]
    )


POTENTIAL = LocalPotential(_reach, _atom)


def balancing_embedding(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
) -> float:
    """The factor of c for which the energy of a structure does not change with its volume."""
    arguments = (cell_33, positions_s3, species_s)
    without = parameters | {"c": [0.0] * len(parameters["c"])}
    pairs_only = np.trace(POTENTIAL.energy_forces_stress(*arguments, without)[2])
    both = np.trace(POTENTIAL.energy_forces_stress(*arguments, parameters)[2])
    return float(pairs_only / (pairs_only - both))


def power(
    r_n: Float[np.ndarray, " n"], a_n: Float[np.ndarray, " n"], exponent: float, reach: float
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """(a/r)^n w(r) with its first and second derivative."""
    p = (a_n / r_n) ** exponent
    p1, p2 = -exponent * p / r_n, exponent * (exponent + 1) * p / r_n**2
    inside = np.maximum(1 - (r_n / reach) ** 2, 0.0)
    bend = -6 * inside**2 / reach**2
    w, w1, w2 = inside**3, bend * r_n, bend + 24 * inside * r_n**2 / reach**4
    return p * w, p1 * w + p * w1, p2 * w + 2 * p1 * w1 + p * w2
