"""Crystals of atoms whose energy depends on the vectors to their neighbours: E = sum_i E_i.

A potential gives E_i with its first and second derivatives in those vectors (`AtomEnergy`);
here they become energy, forces, stress and Phi(R) of the crystal.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.realspace import ForceConstants
from ephforge.lattice.neighbours import Gatherer, Pairs, pairs_within


class AtomEnergy(NamedTuple):
    """E_i, eV; dE_i/dx, eV/angstrom; second derivatives, or None where not asked for."""

    value: float
    gradient: Float[np.ndarray, "n 3"]
    hessian: Float[np.ndarray, "n 3 n 3"] | None


class LocalPotential(NamedTuple):
    """A potential as two functions.

    Attributes:
      reach: (parameters) -> distance beyond which atoms are no neighbours, angstrom.
      atom: (pairs of one atom, its species, species of the neighbours, parameters, whether
        second derivatives are wanted) -> AtomEnergy.
    """

    reach: Callable[[dict], float]
    atom: Callable[[Pairs, int, np.ndarray, dict, bool], AtomEnergy]

    def energy_forces_stress(
        self,
        cell_33: Float[np.ndarray, "3 3"],
        positions_s3: Float[np.ndarray, "s 3"],
        species_s: Int[np.ndarray, " s"],
        parameters: dict,
    ) -> tuple[float, Float[np.ndarray, "s 3"], Float[np.ndarray, "3 3"]]:
        """Energy per cell, eV, forces, eV/angstrom, and derivative with the strain, eV."""
        energy, force_s3, stress_33 = 0.0, np.zeros((len(species_s), 3)), np.zeros((3, 3))
        everything = pairs_within(cell_33, positions_s3, self.reach(parameters))
        for s, own in enumerate(_by_atom(everything, len(species_s))):
            found = self.atom(own, int(species_s[s]), species_s[own.j], parameters, False)
            energy += found.value
            force_s3[s] += found.gradient.sum(axis=0)
            np.subtract.at(force_s3, own.j, found.gradient)
            stress_33 += found.gradient.T @ own.vector
        return float(energy), force_s3, stress_33

    def force_constants(
        self,
        cell_33: Float[np.ndarray, "3 3"],
        positions_s3: Float[np.ndarray, "s 3"],
        species_s: Int[np.ndarray, " s"],
        parameters: dict,
    ) -> tuple[ForceConstants, None]:
        """Phi(R), with no dipole part."""
        gatherer = Gatherer(len(species_s))
        everything = pairs_within(cell_33, positions_s3, self.reach(parameters))
        for s, own in enumerate(_by_atom(everything, len(species_s))):
            found = self.atom(own, int(species_s[s]), species_s[own.j], parameters, True)
            if len(own.i):
                gatherer.add_neighbourhood(own, found.hessian)
        return gatherer.force_constants(), None


def _by_atom(pairs: Pairs, count: int) -> list[Pairs]:
    edges = np.searchsorted(pairs.i, np.arange(count + 1))
    return [pairs.take(slice(*edges[s : s + 2])) for s in range(count)]


def radial_hessian(
    unit_n3: Float[np.ndarray, "n 3"],
    length_n: Float[np.ndarray, " n"],
    slope_n: Float[np.ndarray, " n"],
    curvature_n: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n 3 n 3"]:
    """Second derivatives of sum_n V_n(r_n): blocks of one neighbour with itself."""
    n = np.arange(len(length_n))
    along_n33 = unit_n3[:, :, None] * unit_n3[:, None, :]
    across_n = slope_n / length_n
    found = np.zeros((len(n), 3, len(n), 3))
    found[n, :, n, :] = (curvature_n - across_n)[:, None, None] * along_n33
    found[n, :, n, :] += across_n[:, None, None] * np.eye(3)
    return found


class Angles(NamedTuple):
    """Ordered pairs a of an atom's neighbours and y = (r1, r2, cos theta) with its derivatives.

    Attributes:
      first, second: numbers of the neighbours.
      y: values.
      slope: dy/dx, x the two vectors one after the other.
      curvature: d2y/dx2.
    """

    first: Int[np.ndarray, " a"]
    second: Int[np.ndarray, " a"]
    y: Float[np.ndarray, "a 3"]
    slope: Float[np.ndarray, "a 3 6"]
    curvature: Float[np.ndarray, "a 3 6 6"] | None


def angles(
    vector_n3: Float[np.ndarray, "n 3"],
    length_n: Float[np.ndarray, " n"],
    first: Int[np.ndarray, " a"],
    second: Int[np.ndarray, " a"],
    with_curvature: bool,
) -> Angles:
    """Lengths and angle of two neighbours: d cos/dr1 = (n2 - cos n1)/r1, and so on."""
    unit_n3 = vector_n3 / length_n[:, None]
    n1, n2, r1, r2 = unit_n3[first], unit_n3[second], length_n[first], length_n[second]
    cosine = np.sum(n1 * n2, axis=1)
    slope = np.zeros((len(first), 3, 6))
    slope[:, 0, :3], slope[:, 1, 3:] = n1, n2
    slope[:, 2, :3] = (n2 - cosine[:, None] * n1) / r1[:, None]
    slope[:, 2, 3:] = (n1 - cosine[:, None] * n2) / r2[:, None]
    y = np.stack([r1, r2, cosine], axis=-1)
    if not with_curvature:
        return Angles(first, second, y, slope, None)
    n11, n22, n12 = (x[:, :, None] * z[:, None, :] for x, z in ((n1, n1), (n2, n2), (n1, n2)))
    r1, r2, cosine = (x[:, None, None] for x in (r1, r2, cosine))
    both, one = n12 + n12.transpose(0, 2, 1), np.eye(3)
    curvature = np.zeros((len(first), 3, 6, 6))
    curvature[:, 0, :3, :3] = (one - n11) / r1
    curvature[:, 1, 3:, 3:] = (one - n22) / r2
    curvature[:, 2, :3, :3] = (3 * cosine * n11 - both - cosine * one) / r1**2
    curvature[:, 2, 3:, 3:] = (3 * cosine * n22 - both - cosine * one) / r2**2
    mixed = (one - n11 - n22 + cosine * n12) / (r1 * r2)
    curvature[:, 2, :3, 3:], curvature[:, 2, 3:, :3] = mixed, mixed.transpose(0, 2, 1)
    return Angles(first, second, y, slope, curvature)


def angle_gradient(
    found: Angles, slope_ay: Float[np.ndarray, "a 3"], count: int
) -> Float[np.ndarray, "n 3"]:
    """Gradient of sum_a T_a(y) from dT/dy."""
    gradient_ax = np.einsum("ay,ayx->ax", slope_ay, found.slope)
    gradient_n3 = np.zeros((count, 3))
    np.add.at(gradient_n3, found.first, gradient_ax[:, :3])
    np.add.at(gradient_n3, found.second, gradient_ax[:, 3:])
    return gradient_n3


def angle_hessian(
    found: Angles,
    slope_ay: Float[np.ndarray, "a 3"],
    curvature_ayy: Float[np.ndarray, "a 3 3"],
    count: int,
) -> Float[np.ndarray, "n 3 n 3"]:
    """Second derivatives of sum_a T_a(y) from dT/dy and d2T/dy2."""
    block = np.einsum("ay,ayxz->axz", slope_ay, found.curvature)
    block += found.slope.transpose(0, 2, 1) @ curvature_ayy @ found.slope
    hessian = np.zeros((count, count, 3, 3))
    sides = ((found.first, slice(0, 3)), (found.second, slice(3, 6)))
    for one, rows in sides:
        for other, columns in sides:
            np.add.at(hessian, (one, other), block[:, rows, columns])
    return hessian.transpose(0, 2, 1, 3)
