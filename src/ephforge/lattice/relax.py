"""The lattice parameters of lowest energy, within bounds.

The structure types leave one length free and at most one ratio c/a, so two bounded searches
in one dimension do it, in turn.  A general cell optimiser would leave the structure type or
blow up on potentials that end at a cutoff.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar

from ephforge.lattice.forces import Potential, energy
from ephforge.lattice.prototypes import Prototype, structure
from ephforge.lattice.rejection import OUT_OF_BOUNDS, SHELL_AT_CUTOFF, Rejected

_LENGTH_BOUNDS = (0.75, 1.3)  # of the expected lattice parameter
_RATIO_BOUNDS = (0.8, 1.3)  # of the ideal c/a; l1_0 becomes cscl near 0.71
_SCAN_POINTS = 23
_RELATIVE_TOLERANCE = 1e-5
_RATIO_ROUNDS = 8  # a and c/a in turn; each round shrinks what is left several times


class Relaxed(NamedTuple):
    """Lattice parameter a in unscaled angstrom, and c/a where it is free."""

    length: float
    ratio: float | None


def relax(
    prototype: Prototype,
    numbers_s: Int[np.ndarray, " s"],
    potential: Potential,
    expected_length: float,
) -> Relaxed:
    """Lowest local minimum of the energy over a, then over a and c/a in turn.

    Raises:
      Rejected: no minimum inside the bounds.
    """

    def energy_of(length: float, ratio: float | None) -> float:
        cell_33, positions_s3 = structure(prototype, length, ratio)
        return energy(cell_33, positions_s3, numbers_s, potential)

    low, high = (expected_length * bound for bound in _LENGTH_BOUNDS)
    ratio = prototype.ratio
    length = _lowest_minimum(lambda a: energy_of(a, ratio), low, high, "a")
    if ratio is None:
        return Relaxed(length, None)
    low_ratio, high_ratio = (prototype.ratio * bound for bound in _RATIO_BOUNDS)
    for _ in range(_RATIO_ROUNDS):
        before = ratio
        # at fixed volume, which decouples the two searches best
        volume = length**3 * ratio
        ratio = _minimum(
            lambda x, volume=volume: energy_of((volume / x) ** (1 / 3), x), low_ratio, high_ratio
        )
        if not low_ratio * 1.002 < ratio < high_ratio / 1.002:
            raise Rejected(OUT_OF_BOUNDS, f"c/a runs to {ratio:.3f}")
        length = (volume / ratio) ** (1 / 3)
        length = _minimum(lambda a, ratio=ratio: energy_of(a, ratio), 0.97 * length, 1.03 * length)
        if abs(ratio / before - 1) < 10 * _RELATIVE_TOLERANCE:
            return Relaxed(length, ratio)
    raise Rejected(OUT_OF_BOUNDS, f"a and c/a do not settle near {length:.3f} and {ratio:.3f}")


def cutoff_between_shells(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    cutoff: float,
    displacement: float,
) -> float:
    """Cutoff moved to the middle of the widest gap between neighbour shells nearby.

    Pair potentials end with a jump of the force; a shell there would make its finite
    difference meaningless.

    Raises:
      Rejected: no gap is wide enough for the displacement.
    """
    low, high = 0.93 * cutoff, 1.07 * cutoff
    heights = 1 / np.linalg.norm(np.linalg.inv(cell_33), axis=0)
    counts = np.ceil(high / heights).astype(int) + 1
    cells_m3 = np.stack(
        np.meshgrid(*(np.arange(-n, n + 1) for n in counts), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    between_ss3 = positions_s3[None, :] - positions_s3[:, None]
    distance = np.linalg.norm((cells_m3 @ cell_33)[:, None, None] + between_ss3, axis=-1).ravel()
    inside = distance[(distance > low) & (distance < high)]
    shells = np.concatenate([[low], np.sort(inside), [high]])
    widest = int(np.argmax(np.diff(shells)))
    if shells[widest + 1] - shells[widest] < 4 * displacement:
        raise Rejected(SHELL_AT_CUTOFF, f"no gap between shells near {cutoff:.2f} angstrom")
    return float(shells[widest] + shells[widest + 1]) / 2


def _lowest_minimum(
    function: Callable[[float], float], low: float, high: float, name: str
) -> float:
    """Scan, then refine the lowest inner minimum; end points are no minima."""
    points = np.geomspace(low, high, _SCAN_POINTS)
    values = np.array([function(x) for x in points])
    finite = np.where(np.isfinite(values), values, np.inf)
    is_minimum = (finite[1:-1] < finite[:-2]) & (finite[1:-1] <= finite[2:])
    inner = 1 + np.flatnonzero(is_minimum & (finite[1:-1] < finite[-1]))
    if len(inner) == 0:
        raise Rejected(OUT_OF_BOUNDS, f"no energy minimum for {name} in {low:.2f}-{high:.2f}")
    best = inner[np.argmin(finite[inner])]
    return _minimum(function, points[best - 1], points[best + 1])


def _minimum(function: Callable[[float], float], low: float, high: float) -> float:
    found = minimize_scalar(
        function, bounds=(low, high), method="bounded", options={"xatol": _RELATIVE_TOLERANCE * low}
    )
    return float(found.x)
