"""A valence force field whose equilibrium is the structure it is given.

Springs resist changes of bond lengths and angles (Keating), so the structure has no forces,
whatever it is, and Phi = J^T k J with J the first derivatives of lengths and angles:

    E = sum_{pairs} k(r0) (r - r0)^2 / 2               k(r0) = k (d/r0)^n (1 - (r0/reach)^2)^2
      + sum_{angles at i} b_i r1 r2 (cos theta - cos theta0)^2 / 2        bonds of the first shell
      + sum_i w_i |sum_j r_ij|^2 / 2                            atoms amid their first shell

d is the shortest distance.  The first shell alone is often floppy (simple cubic, chains, between
layers): the springs therefore go on to the next shells, falling as a power of the distance, to
zero at the reach.  Bonds and angles do not hold an atom in the plane or on the line of its
neighbours; the third term does, and is there only where they balance, sum_j r_ij = 0, so that
rotating the crystal costs nothing.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.realspace import ForceConstants
from ephforge.lattice.neighbours import Gatherer, Pairs, pair_stiffness, pairs_within

_FIRST_SHELL = 1.23  # of an atom's shortest distance; between the first two shells of most types
_BALANCED = 1e-6  # of the shortest distance


class Network(NamedTuple):
    """Springs of one structure.

    Attributes:
      pairs: all pairs with a spring, both directions.
      spring_p: k(r0), eV/angstrom^2.
      shells: for each atom the numbers of the pairs of its first shell.
      bend_s, balance_s: b_i and w_i, eV/angstrom^2; w_i is zero where the shell does not balance.
    """

    pairs: Pairs
    spring_p: Float[np.ndarray, " p"]
    shells: list[Int[np.ndarray, " n"]]
    bend_s: Float[np.ndarray, " s"]
    balance_s: Float[np.ndarray, " s"]


def network(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
) -> Network:
    """The springs of a structure at rest."""
    nearest = pairs_within(cell_33, positions_s3, parameters["reach"] * parameters["start"])
    shortest = nearest.distance.min()
    reach = parameters["reach"] * shortest
    pairs = pairs_within(cell_33, positions_s3, reach)
    ratio_p = pairs.distance / shortest
    spring_xx = np.array(parameters["spring"])
    spring_p = spring_xx[species_s[pairs.i], species_s[pairs.j]]
    spring_p = spring_p * ratio_p ** -parameters["decay"]
    spring_p = spring_p * (1 - (ratio_p / parameters["reach"]) ** 2) ** 2
    shells, is_balanced = [], []
    for s in range(len(positions_s3)):
        own = np.flatnonzero(pairs.i == s)
        # sorted by distance, so the first one is the shortest
        shells.append(own[pairs.distance[own] < _FIRST_SHELL * pairs.distance[own[0]]])
        is_balanced.append(
            np.linalg.norm(pairs.vector[shells[-1]].sum(axis=0)) < _BALANCED * shortest
        )
    bend_s = np.array(parameters["bend"])[species_s]
    balance_s = np.array(parameters["balance"])[species_s] * np.array(is_balanced)
    return Network(pairs, spring_p, shells, bend_s, balance_s)


def energy(
    springs: Network, cell_33: Float[np.ndarray, "3 3"], positions_s3: Float[np.ndarray, "s 3"]
) -> float:
    """Energy per cell of a structure that came from the one at rest, eV."""
    pairs = springs.pairs
    moved_p3 = positions_s3[pairs.j] + pairs.cell @ cell_33 - positions_s3[pairs.i]
    length_p = np.linalg.norm(moved_p3, axis=1)
    total = np.sum(springs.spring_p * (length_p - pairs.distance) ** 2) / 4
    for shell, bend, balance in zip(springs.shells, springs.bend_s, springs.balance_s, strict=True):
        first, second = np.triu_indices(len(shell), 1)
        rest_n, unit_n3 = pairs.distance[shell], moved_p3[shell] / length_p[shell][:, None]
        rest_cosine = _cosines(pairs.vector[shell] / rest_n[:, None])[first, second]
        change = _cosines(unit_n3)[first, second] - rest_cosine
        total += bend * np.sum(rest_n[first] * rest_n[second] * change**2) / 2
        total += balance * np.sum(moved_p3[shell].sum(axis=0) ** 2) / 2
    return float(total)


def energy_forces_stress(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
) -> tuple[float, Float[np.ndarray, "s 3"], Float[np.ndarray, "3 3"]]:
    """All zero: every structure is at rest."""
    return 0.0, np.zeros_like(positions_s3), np.zeros((3, 3))


def force_constants(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
) -> tuple[ForceConstants, None]:
    """Phi(R) = J^T k J; positive semidefinite, with no dipole part."""
    gatherer = Gatherer(len(positions_s3))
    gather(gatherer, cell_33, positions_s3, species_s, parameters)
    return gatherer.force_constants(), None


def gather(
    gatherer: Gatherer,
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    species_s: Int[np.ndarray, " s"],
    parameters: dict,
) -> None:
    """Add the springs' Phi to what else there is."""
    springs = network(cell_33, positions_s3, species_s, parameters)
    pairs = springs.pairs
    at_rest = np.zeros_like(springs.spring_p)
    gatherer.add_pairs(pairs, pair_stiffness(pairs, at_rest, springs.spring_p))
    for shell, bend, balance in zip(springs.shells, springs.bend_s, springs.balance_s, strict=True):
        n = len(shell)
        flat_ax = angle_slopes(pairs.vector[shell]).reshape(-1, 3 * n)
        hessian = bend * (flat_ax.T @ flat_ax).reshape(n, 3, n, 3)
        hessian = hessian + balance * np.eye(3)[None, :, None, :]
        gatherer.add_neighbourhood(pairs.take(shell), hessian)


def angle_slopes(vector_n3: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "a n 3"]:
    """sqrt(r1 r2) d cos(theta) / d r for the angles a between any two of n vectors."""
    n = len(vector_n3)
    length_n = np.linalg.norm(vector_n3, axis=1)
    unit_n3 = vector_n3 / length_n[:, None]
    first, second = np.triu_indices(n, 1)
    cosine_a = _cosines(unit_n3)[first, second][:, None]
    weight_a = np.sqrt(length_n[first] * length_n[second])[:, None]
    slope_an3 = np.zeros((len(first), n, 3))
    angle = np.arange(len(first))
    towards_first = (unit_n3[second] - cosine_a * unit_n3[first]) / length_n[first][:, None]
    towards_second = (unit_n3[first] - cosine_a * unit_n3[second]) / length_n[second][:, None]
    slope_an3[angle, first] = weight_a * towards_first
    slope_an3[angle, second] = weight_a * towards_second
    return slope_an3


def _cosines(unit_n3: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n n"]:
    return unit_n3 @ unit_n3.T
