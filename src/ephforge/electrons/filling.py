"""How many electrons: metal, semiconductor or insulator, from the bands on a mesh."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

METAL, SEMICONDUCTOR, INSULATOR = "metal", "semiconductor", "insulator"
WIDEST_SEMICONDUCTOR = 3.0  # eV
SMALLEST_GAP = 0.01  # eV; less is a band touching up to rounding, or nothing a mesh can tell

GAPLESS = "polar without a gap"


class Filling(NamedTuple):
    """Electrons per cell, "metal" / "semiconductor" / "insulator", gap (eV, 0 in a metal).

    fermi is the middle of the gap, or for a metal the energy between the highest filled and
    the lowest empty state of the mesh; eV.
    """

    electrons: int
    kind: str
    gap: float
    fermi: float


def fill(energy_kn: Float[np.ndarray, "k n"], count: int, per_band: int = 2) -> Filling:
    """Fill all bands of a mesh with electrons.

    Args:
      energy_kn: all bands on a full mesh (or each point as often as it occurs), rising, eV.
      count: electrons per cell.
      per_band: 2, or 1 where the spins are bands of their own.

    Raises:
      ValueError: no electrons, or more than the bands hold.
    """
    n_points, n_bands = energy_kn.shape
    if not 0 < count <= per_band * n_bands:
        raise ValueError(f"{count} electrons in {n_bands} bands of {per_band}")
    states = np.sort(energy_kn, axis=None)
    highest = states[-(-count * n_points // per_band) - 1]
    above = states[min(count * n_points // per_band, len(states) - 1)]
    fermi = float(highest + above) / 2
    filled, rest = divmod(count, per_band)
    if rest or filled == n_bands:
        return Filling(count, METAL, 0.0, fermi)
    gap = float(band_gaps(energy_kn)[filled - 1])
    kind = kind_of(gap)
    return Filling(count, kind, 0.0 if kind == METAL else gap, fermi)


def objection(filling: Filling, is_polar: bool) -> str:
    """Reason to reject a material for its electrons, or "": a metal has no long-range dipoles."""
    return GAPLESS if is_polar and filling.kind == METAL else ""


def band_gaps(energy_kn: Float[np.ndarray, "k n"]) -> Float[np.ndarray, " gap"]:
    """Lowest energy of each band above the first minus the highest of the band below it, eV."""
    return energy_kn[:, 1:].min(axis=0) - energy_kn[:, :-1].max(axis=0)


def kind_of(gap: float) -> str:
    """What a crystal with this gap above its filled bands is called."""
    if gap <= SMALLEST_GAP:
        return METAL
    return SEMICONDUCTOR if gap <= WIDEST_SEMICONDUCTOR else INSULATOR


def counts_of_kind(energy_kn: Float[np.ndarray, "k n"], kind: str) -> list[int]:
    """Numbers of electrons that make the crystal that kind, two in each band."""
    n_bands = energy_kn.shape[1]
    counts = [2 * n for n, gap in enumerate(band_gaps(energy_kn), 1) if kind_of(gap) == kind]
    return sorted(counts + [2 * n + 1 for n in range(n_bands)]) if kind == METAL else counts
