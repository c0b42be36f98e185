"""Weights of the prior of modelcodec/ from synthetic three-centre materials, and none other.

    python benchmarks/model_prior.py [--materials 48] [--seed 1000]

Materials are drawn on seven structure types, reduced by symmetry and quantised with a dead zone to
errors of 2 % and 6 %.  All share the weights of the features; each has a constant of its own.  What
is made smallest is the mean number of bits of a number that is not zero.
"""

import argparse
import sys
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Crystal, ForceConstants, Model
from ephforge.modelcodec.prior import triangle
from ephforge.modelcodec.weights import DECAY
from ephforge.symmetry.actions import Geometry, site_places
from ephforge.symmetry.symmetrise import reduced
from ephforge.threecentre.build import build

ERRORS = (0.02, 0.06)
UNIT = 16  # weights are in octaves / 16
TAIL, ZERO_ENDS = 5, 0.6  # of the law in modelcodec/laws.py
KEPT_ZEROS, KEPT_OTHERS = 3000, 1500  # of one material; they stand for all, with weights
PULL = 1e-3  # towards the weights of DECAY
FCC = (np.ones((3, 3)) - np.eye(3)) / 2
BCC = np.ones((3, 3)) / 2 - np.eye(3)
STRUCTURES = (
    (FCC, ((0, 0, 0), (0.25, 0.25, 0.25)), (1, 1)),
    (FCC, ((0, 0, 0), (0.25, 0.25, 0.25)), (1, 2)),
    (FCC, ((0, 0, 0), (0.5, 0.5, 0.5)), (1, 2)),
    (FCC, ((0, 0, 0),), (1,)),
    (BCC, ((0, 0, 0),), (1,)),
    (np.eye(3), ((0, 0, 0), (0.5, 0.5, 0.5)), (1, 2)),
    (np.eye(3), ((0, 0, 0),), (1,)),
)


class Told(NamedTuple):
    """One material at one error: features, |q|, log2 of the step, what each number stands for."""

    features_nf: np.ndarray
    size_n: np.ndarray
    step: float
    weight_n: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--materials", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1000)
    arguments = parser.parse_args()
    told = []
    for number in range(arguments.materials):
        generator = np.random.default_rng(arguments.seed + number)
        try:
            features_nf, free_n = material(generator, number)
        except EphforgeError as error:
            sys.stdout.write(f"{number}: {error}\n")
            continue
        told += [quantised(generator, features_nf, free_n, error) for error in ERRORS]
    weight_f, bits = fitted([one for one in told if one is not None])
    sys.stdout.write(f"{len(told)} cases, {bits:.3f} bits a number that is not zero\n")
    sys.stdout.write(f"{np.rint(weight_f * UNIT).astype(int).tolist()}\n")


def material(generator: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Features and independent coefficients of one drawn material."""
    lattice, fractions, species = STRUCTURES[number % len(STRUCTURES)]
    mesh = (4, 4, 4) if number // len(STRUCTURES) % 2 == 0 else (3, 3, 3)
    cell = lattice * generator.uniform(3.5, 6.0)
    count = len(species)
    crystal = Crystal(cell, np.array(fractions) @ cell, np.array(species), np.ones(count))
    hopping, coupling, _ = build(generator, crystal, mesh)
    at_rest = ForceConstants(np.zeros((1, 3), int), np.zeros((1, count, 3, count, 3)))
    found = reduced(Model("drawn", crystal, hopping, at_rest, coupling), mesh, mesh)
    how = found.reductions.g
    site_x3 = site_places(hopping.centres, found.reductions.place_xi)
    geometry = Geometry(cell, crystal.positions, site_x3, mesh, mesh)
    between_o3, atom_o3, _, _ = geometry.triples(how.first_o)
    orbit_n, place_n = np.nonzero(how.is_free_oj)
    length = float(np.mean(np.linalg.norm(cell, axis=1)))
    features_nf = triangle(
        between_o3[orbit_n], atom_o3[orbit_n], place_n, how.size_o[orbit_n], length
    )
    return features_nf, found.coefficients[2]


def quantised(generator, features_nf, free_n, error: float) -> Told | None:
    """Numbers of a dead zone at an error; some of them, to save time. None if few are not zero."""
    low, high = -64.0, 64.0
    for _ in range(20):
        middle = (low + high) / 2
        size_n = np.floor(np.abs(free_n) / 2**middle + 0.35)
        off = np.sign(free_n) * size_n * 2**middle - free_n
        if np.linalg.norm(off) > error * np.linalg.norm(free_n):
            high = middle
        else:
            low = middle
    size_n = np.floor(np.abs(free_n) / 2**low + 0.35)
    parts = []
    for own, most in ((size_n > 0, KEPT_OTHERS), (size_n == 0, KEPT_ZEROS)):
        every = np.flatnonzero(own)
        some = generator.choice(every, min(most, len(every)), replace=False)
        parts.append((some, np.full(len(some), len(every) / max(len(some), 1))))
    others = np.count_nonzero(size_n)
    if others < 10:
        return None
    chosen = np.concatenate([part[0] for part in parts])
    weight_n = np.concatenate([part[1] for part in parts]) / others
    return Told(features_nf[chosen], size_n[chosen], low, weight_n)


def bits(log_scale_n, size_n):
    """Bits of |q| at scale 2^x steps."""
    scale_n = np.exp2(np.clip(log_scale_n, -40, 40))

    def beyond(x):
        return (1 + x / (TAIL * scale_n)) ** -(TAIL + 1)

    inside = (beyond(np.maximum(size_n - 1 + ZERO_ENDS, 0)) - beyond(size_n + ZERO_ENDS)) / 2
    share = np.where(size_n == 0, 1 - beyond(ZERO_ENDS), inside)
    return -np.log2(np.maximum(share, 1e-12))


def fitted(told: list[Told]) -> tuple[np.ndarray, float]:
    """Common weights, octaves, the constant the median of all; and the mean bits."""
    start_f = DECAY.weight_f[1:] / UNIT
    count = len(start_f)

    def total(x):
        value, slope = 0.0, np.zeros_like(x)
        for number, one in enumerate(told):
            scale_n = one.features_nf[:, 1:] @ x[:count] + x[count + number] - one.step
            here_n, there_n = bits(scale_n, one.size_n), bits(scale_n + 1e-4, one.size_n)
            change_n = one.weight_n * (there_n - here_n) / 1e-4
            value += np.sum(one.weight_n * here_n)
            slope[:count] += change_n @ one.features_nf[:, 1:]
            slope[count + number] += np.sum(change_n)
        away_f = x[:count] - start_f
        pull = PULL * len(told)
        slope[:count] += 2 * pull * away_f
        return value + pull * np.sum(away_f**2), slope

    start = np.concatenate([start_f, [one.step + 1 for one in told]])
    best = minimize(total, start, jac=True, method="L-BFGS-B", options={"maxiter": 250})
    constant = np.median(best.x[count:])
    return np.concatenate([[constant], best.x[:count]]), float(best.fun / len(told))


if __name__ == "__main__":
    main()
