"""Tersoff's bond-order potential (Phys. Rev. B 39, 5566 (1989)), for any number of species.

    E = sum_{i != j} f(r) [A e^{-l r} - b_ij B e^{-m r}] / 2
    b_ij = chi (1 + (beta z_ij)^n)^(-1/2n)         z_ij = sum_{k != i,j} f(r_ik) g(cos theta_ijk)
    g = 1 + (c/d)^2 - c^2 / (d^2 + (h - cos theta)^2)

beta, n, c, d, h belong to the atom i, and f falls from 1 to 0 between R and S.
"""

import numpy as np
from jaxtyping import Float

from ephforge.lattice.local import (
    AtomEnergy,
    LocalPotential,
    angle_hessian,
    angles,
    radial_hessian,
)
from ephforge.lattice.neighbours import Pairs

_MATRICES = ("A", "B", "lambda", "mu", "chi", "R", "S")


def _reach(parameters: dict) -> float:
    return float(np.max(parameters["S"]))


def _atom(
    pairs: Pairs, species: int, others_n: np.ndarray, parameters: dict, with_hessian: bool
) -> AtomEnergy:
    own = {key: np.array(parameters[key])[species, others_n] for key in _MATRICES}
    shape = {key: parameters[key][species] for key in ("beta", "n", "c", "d", "h")}
    r_n, count = pairs.distance, len(others_n)
    unit_n3 = pairs.vector / r_n[:, None]
    cut = _cut(r_n, own["R"], own["S"])
    near = np.flatnonzero(cut[0] > 0)
    first, second = (x.ravel() for x in np.meshgrid(near, near, indexing="ij"))
    first, second = first[first != second], second[first != second]
    found = angles(pairs.vector, r_n, first, second, with_hessian)
    g, g1, g2 = _angular(found.y[:, 2], shape)
    f, f1, f2 = (part[second] for part in cut)
    z_n = np.bincount(first, f * g, count)
    b, b1, b2 = (own["chi"] * part for part in _order(z_n, shape))
    # a bond's energy is repulsion - b(z) attraction, halved because each bond stands twice
    repulsion = _product(cut, own["A"] / 2, own["lambda"], r_n)
    attraction = _product(cut, own["B"] / 2, own["mu"], r_n)
    slope_n = repulsion[1] - b * attraction[1]
    strength_n = -b1 * attraction[0]  # dE/dz
    slope_ay = np.stack([np.zeros_like(f), f1 * g, f * g1], axis=-1)
    slope_nn3 = np.zeros((count, count, 3))  # dz/dx: bond, neighbour
    gradient_ax = np.einsum("ay,ayx->ax", slope_ay, found.slope)
    np.add.at(slope_nn3, (first, first), gradient_ax[:, :3])
    np.add.at(slope_nn3, (first, second), gradient_ax[:, 3:])
    gradient_n3 = slope_n[:, None] * unit_n3 + np.einsum("b,bnc->nc", strength_n, slope_nn3)
    value = float(np.sum(repulsion[0] - b * attraction[0]))
    if not with_hessian:
        return AtomEnergy(value, gradient_n3, None)
    curvature_ayy = np.zeros((len(f), 3, 3))
    curvature_ayy[:, 1, 1], curvature_ayy[:, 2, 2] = f2 * g, f * g2
    curvature_ayy[:, 1, 2] = curvature_ayy[:, 2, 1] = f1 * g1
    weight_a = strength_n[first]
    hessian = radial_hessian(unit_n3, r_n, slope_n, repulsion[2] - b * attraction[2])
    hessian += angle_hessian(
        found, weight_a[:, None] * slope_ay, weight_a[:, None, None] * curvature_ayy, count
    )
    flat_bx = slope_nn3.reshape(count, -1)
    mixed_bx = (-b1 * attraction[1])[:, None] * flat_bx
    square = flat_bx.T @ ((-b2 * attraction[0])[:, None] * flat_bx)
    own_row = np.zeros((count, count, 3))
    own_row[np.arange(count), np.arange(count)] = unit_n3
    cross = own_row.reshape(count, -1).T @ mixed_bx
    return AtomEnergy(
        value, gradient_n3, hessian + (square + cross + cross.T).reshape(count, 3, count, 3)
    )


POTENTIAL = LocalPotential(_reach, _atom)


def _cut(r_n, begin_n, end_n) -> list[Float[np.ndarray, " n"]]:
    """f with its first and second derivative."""
    k = np.pi / (end_n - begin_n)
    phase = np.clip((r_n - begin_n) * k, 0, np.pi)
    falls = (phase > 0) & (phase < np.pi)
    return [
        (1 + np.cos(phase)) / 2,
        -k * np.sin(phase) / 2 * falls,
        -(k**2) * np.cos(phase) / 2 * falls,
    ]


def _product(cut, strength_n, decay_n, r_n) -> list[Float[np.ndarray, " n"]]:
    """f times an exponential, with its first and second derivative."""
    e = strength_n * np.exp(-decay_n * r_n)
    f, f1, f2 = cut
    return [f * e, (f1 - decay_n * f) * e, (f2 - 2 * decay_n * f1 + decay_n**2 * f) * e]


def _angular(cosine_a, shape) -> list[Float[np.ndarray, " a"]]:
    c2, d2, off = shape["c"] ** 2, shape["d"] ** 2, shape["h"] - cosine_a
    base = d2 + off**2
    return [
        1 + c2 / d2 - c2 / base,
        -2 * c2 * off / base**2,
        2 * c2 / base**2 - 8 * c2 * off**2 / base**3,
    ]


def _order(z_n, shape) -> list[Float[np.ndarray, " n"]]:
    """(1 + (beta z)^n)^(-1/2n) with its first and second derivative in z."""
    n, safe_n = shape["n"], np.maximum(z_n, 1e-12)
    x = (shape["beta"] * safe_n) ** n
    value = (1 + x) ** (-1 / (2 * n))
    first = -value * x / (2 * safe_n * (1 + x))
    second = first * (n - 1 - 1.5 * x) / (safe_n * (1 + x))
    return [value, np.where(z_n > 1e-12, first, 0.0), np.where(z_n > 1e-12, second, 0.0)]
