"""Stillinger-Weber: tetrahedral bonds (Phys. Rev. B 31, 5262 (1985)), for any number of species.

    E = sum_{i<j} e_ij A (B x^-4 - 1) f_1(x)
      + sum_i l_i sum_{j<k} f_g(x_ij) f_g(x_ik) (cos theta - cos0)^2
    f_w(x) = e^{w / (x - a)} for x = r / sigma_ij < a, else 0

A and B put the minimum of the pair energy, -e, to 2^(1/6) sigma.
"""

import numpy as np
from jaxtyping import Float

from ephforge.lattice.local import (
    AtomEnergy,
    LocalPotential,
    angle_gradient,
    angle_hessian,
    angles,
    radial_hessian,
)
from ephforge.lattice.neighbours import Pairs

# The published set for silicon: dimensionless, but for the energy (2.1683 eV) and sigma (2.0951 A)
A, B, CUT, GAMMA, LAMBDA = 7.049556277, 0.6022245584, 1.80, 1.20, 21.0
_END = 1e-3  # before x = a both f are below e^-1000


def _reach(parameters: dict) -> float:
    return CUT * float(np.max(parameters["sigma"]))


def _atom(
    pairs: Pairs, species: int, others_n: np.ndarray, parameters: dict, with_hessian: bool
) -> AtomEnergy:
    sigma_n = np.array(parameters["sigma"])[species, others_n]
    inside = pairs.distance < (CUT - _END) * sigma_n
    sigma_n = np.where(inside, sigma_n, 1.0)
    x_n = np.where(inside, pairs.distance / sigma_n, 1.0)
    epsilon_n = np.array(parameters["epsilon"])[species, others_n] * inside
    count, unit_n3 = len(x_n), pairs.vector / pairs.distance[:, None]
    value_n, slope_n, curvature_n = (
        epsilon_n * part / sigma_n**order / 2 for order, part in enumerate(_pair(x_n))
    )
    arm_n = [part * inside / sigma_n**k for k, part in enumerate(_decay(x_n, GAMMA))]
    first, second = np.triu_indices(count, 1)
    near = inside[first] & inside[second]
    found = angles(pairs.vector, pairs.distance, first[near], second[near], with_hessian)
    strength, cosine = parameters["bend"][species], parameters["cosine"][species]
    value_a, slope_ay, curvature_ayy = _bend(found, arm_n, strength, cosine)
    gradient_n3 = slope_n[:, None] * unit_n3 + angle_gradient(found, slope_ay, count)
    value = float(value_n.sum() + value_a.sum())
    if not with_hessian:
        return AtomEnergy(value, gradient_n3, None)
    hessian = radial_hessian(unit_n3, pairs.distance, slope_n, curvature_n)
    hessian += angle_hessian(found, slope_ay, curvature_ayy, count)
    return AtomEnergy(value, gradient_n3, hessian)


POTENTIAL = LocalPotential(_reach, _atom)


def _decay(x_n: Float[np.ndarray, " n"], weight: float) -> list[np.ndarray]:
    """e^{w / (x - a)} with its first and second derivative."""
    gap_n = x_n - CUT
    value_n = np.exp(weight / gap_n)
    power_n = -weight / gap_n**2
    return [value_n, power_n * value_n, (power_n**2 + 2 * weight / gap_n**3) * value_n]


def _pair(x_n: Float[np.ndarray, " n"]) -> list[np.ndarray]:
    """A (B x^-4 - 1) f_1(x) with its first and second derivative."""
    f, f1, f2 = _decay(x_n, 1.0)
    p, p1, p2 = A * (B * x_n**-4 - 1), -4 * A * B * x_n**-5, 20 * A * B * x_n**-6
    return [p * f, p1 * f + p * f1, p2 * f + 2 * p1 * f1 + p * f2]


def _bend(found, arm_n, strength: float, cosine: float):
    """l f(r1) f(r2) (cos - cos0)^2 with its derivatives in (r1, r2, cos)."""
    u, u1, u2 = (part[found.first] for part in arm_n)
    w, w1, w2 = (part[found.second] for part in arm_n)
    off = found.y[:, 2] - cosine
    square, twice = strength * off**2, 2 * strength * off
    slope_ay = np.stack([u1 * w * square, u * w1 * square, u * w * twice], axis=-1)
    curvature_ayy = np.empty((len(off), 3, 3))
    curvature_ayy[:, 0, 0] = u2 * w * square
    curvature_ayy[:, 1, 1] = u * w2 * square
    curvature_ayy[:, 2, 2] = u * w * 2 * strength
    curvature_ayy[:, 0, 1] = curvature_ayy[:, 1, 0] = u1 * w1 * square
    curvature_ayy[:, 0, 2] = curvature_ayy[:, 2, 0] = u1 * w * twice
    curvature_ayy[:, 1, 2] = curvature_ayy[:, 2, 1] = u * w1 * twice
    return u * w * square, slope_ay, curvature_ayy
