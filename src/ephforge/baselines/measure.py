"""What every method is measured by: stored numbers, and the relative error on the full grid.

A method gets a number of real numbers it may store for one material.  Everything counts:
values, scales, and positions where they are not known in advance (one number each).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Code(NamedTuple):
    """A reconstruction g_mnv(k, q) in meV and how many numbers it was made from."""

    g: Float[np.ndarray, "m n v k q"]
    stored: int


def allowed_numbers(budget: float, g_mnvkq: Float[np.ndarray, "m n v k q"]) -> int:
    """floor(budget * numbers of the full grid)."""
    return int(budget * g_mnvkq.size)


def relative_error(rebuilt: Float[np.ndarray, "*grid"], true: Float[np.ndarray, "*grid"]) -> float:
    """||rebuilt - true|| / ||true||, Frobenius; 0/0 counts as 0."""
    difference, size = np.linalg.norm(rebuilt - true), np.linalg.norm(true)
    return float(difference / size) if size > 0 else float(difference > 0)


def largest_mixture(
    energy_e: Float[np.ndarray, " e"], count: int, order_e: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """Which coefficients of an orthonormal basis to keep with `count` numbers.

    Some leading coefficients of an order known in advance cost one number each; further ones,
    wherever they are large, cost two (value and position).  The split between the two kinds
    is tried at every quarter of `count` and costs one number; without an order all are of the
    second kind.

    Args:
      energy_e: squared coefficients of this material.
      count: numbers that may be stored.
      order_e: coefficients from the most to the least important on the training split.

    Returns:
      Boolean mask of the kept coefficients, and the numbers stored.
    """
    if order_e is None:
        return _with_leading(energy_e, np.arange(energy_e.size), 0, count)
    shares = np.unique((np.arange(5) * max(count - 1, 0)) // 4)
    tried = [_with_leading(energy_e, order_e, int(lead), count - 1) for lead in shares]
    keep_e, stored = max(tried, key=lambda found: energy_e[found[0]].sum())
    return keep_e, min(stored + 1, count)


def _with_leading(energy_e, order_e, lead: int, count: int) -> tuple[np.ndarray, int]:
    keep_e = np.zeros(energy_e.size, dtype=bool)
    keep_e[order_e[:lead]] = True
    extra = min((count - lead) // 2, energy_e.size - int(keep_e.sum()))
    if extra > 0:
        keep_e[np.argsort(np.where(keep_e, -1.0, energy_e))[-extra:]] = True
    return keep_e, min(lead, energy_e.size) + 2 * max(extra, 0)
