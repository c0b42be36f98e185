"""Fermi level and density of states: linear tetrahedra; and the Gaussian of the delta sums.

The mesh cells are cut into six tetrahedra each and the bands taken as linear inside.  With the
corner energies sorted, e1 <= e2 <= e3 <= e4, and e_ji = e_j - e_i, the share of a tetrahedron
below E is

    (E-e1)^3 / (e21 e31 e41)                                                 e1 < E < e2
    [e21^2 + 3 e21 (E-e2) + 3 (E-e2)^2
       - (e31+e42)/(e32 e42) (E-e2)^3] / (e31 e41)                           e2 < E < e3
    1 - (e4-E)^3 / (e41 e42 e43)                                             e3 < E < e4

the volume that the plane of energy E cuts off.  Its derivative is the density of states.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.realspace import Hopping
from ephforge.observables.mesh import states

_SPINS = 2
_HALVINGS = 40  # of the bracket of the Fermi level: to 1e-11 of the band width


class FermiLevel(NamedTuple):
    """E_F in eV, and the density of states there, per eV, cell and spin."""

    energy: float
    density: float


def delta(
    energy: Float[np.ndarray, "..."], width: float | Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """Normalised Gaussian, 1/eV; `width` is its standard deviation, eV, and broadcasts."""
    return np.exp(-((energy / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))


def tetrahedra(
    energy_kn: Float[np.ndarray, "k n"], mesh: tuple[int, int, int]
) -> Float[np.ndarray, "4 t"]:
    """Sorted corner energies of all tetrahedra of all bands; equal shares of the zone."""
    corners_k8 = _cell_corners(mesh)
    paths = itertools.permutations((4, 2, 1))  # from corner 0 to corner 7 along the three axes
    corners_k64 = np.stack(
        [corners_k8[:, np.cumsum([0, *steps])] for steps in paths], axis=1
    )  # the six share the diagonal
    corners_4t = np.moveaxis(energy_kn[corners_k64], 2, 0).reshape(4, -1)
    return np.sort(corners_4t, axis=0)


def fermi_level(hopping: Hopping, electrons: float, mesh: tuple[int, int, int]) -> FermiLevel:
    """Where the bands hold the electrons of one cell: by bisection of the filled share.

    Raises:
      EphforgeError: the bands cannot hold that many, or would be full or empty.
    """
    energy_kn, _ = states(hopping, mesh)
    return level_of(tetrahedra(energy_kn, mesh), energy_kn.shape[1], electrons)


def level_of(corner_4t: Float[np.ndarray, "4 t"], bands: int, electrons: float) -> FermiLevel:
    """Of bands known as tetrahedra; errors as `fermi_level`."""
    if not 0 < electrons < _SPINS * bands:
        raise EphforgeError(
            f"{electrons} electrons per cell: expected more than 0 and less than "
            f"{_SPINS * bands}, which fill the {bands} bands of the model; correct "
            "observables.metals"
        )
    wanted = electrons / _SPINS / bands
    low, high = corner_4t.min(), corner_4t.max()
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_below = filled_share(corner_4t, middle) < wanted
        low, high = (middle, high) if is_below else (low, middle)
    density = bands * filled_slope(corner_4t, high)
    return FermiLevel(float(high), density)


def filled_share(corner_4t: Float[np.ndarray, "4 t"], energy: float) -> float:
    """Share of all tetrahedra below an energy."""
    cut_4t = corner_4t[:, (corner_4t[0] < energy) & (corner_4t[3] > energy)]
    full = np.count_nonzero(corner_4t[3] <= energy)
    return float(full + _share(cut_4t, energy).sum()) / corner_4t.shape[1]


def filled_slope(corner_4t: Float[np.ndarray, "4 t"], energy: float) -> float:
    """Derivative of `filled_share`, 1/eV."""
    cut_4t = corner_4t[:, (corner_4t[0] < energy) & (corner_4t[3] > energy)]
    return float(_slope(cut_4t, energy).sum()) / corner_4t.shape[1]


def _cell_corners(mesh: tuple[int, int, int]) -> Int[np.ndarray, "k 8"]:
    """Point numbers of the corners of every mesh cell; corner number 4 i1 + 2 i2 + i3."""
    offset_83 = np.array(list(itertools.product((0, 1), repeat=3)))
    return point_number(mesh_indices(mesh)[:, None, :] + offset_83, mesh)


def _share(cut_4t: Float[np.ndarray, "4 t"], level: float) -> Float[np.ndarray, " t"]:
    e1, e2, e3, e4 = cut_4t
    with np.errstate(divide="ignore", invalid="ignore"):  # branches not taken may divide by 0
        low = (level - e1) ** 3 / ((e2 - e1) * (e3 - e1) * (e4 - e1))
        high = 1 - (e4 - level) ** 3 / ((e4 - e1) * (e4 - e2) * (e4 - e3))
        x = level - e2
        cubic = (e3 - e1 + e4 - e2) / ((e3 - e2) * (e4 - e2)) * x**3
        middle = (e2 - e1) ** 2 + 3 * (e2 - e1) * x + 3 * x**2 - cubic
        middle /= (e3 - e1) * (e4 - e1)
    return np.where(level < e2, low, np.where(level < e3, middle, high))


def _slope(cut_4t: Float[np.ndarray, "4 t"], level: float) -> Float[np.ndarray, " t"]:
    e1, e2, e3, e4 = cut_4t
    with np.errstate(divide="ignore", invalid="ignore"):
        low = 3 * (level - e1) ** 2 / ((e2 - e1) * (e3 - e1) * (e4 - e1))
        high = 3 * (e4 - level) ** 2 / ((e4 - e1) * (e4 - e2) * (e4 - e3))
        x = level - e2
        square = 3 * (e3 - e1 + e4 - e2) / ((e3 - e2) * (e4 - e2)) * x**2
        middle = (3 * (e2 - e1) + 6 * x - square) / ((e3 - e1) * (e4 - e1))
    return np.where(level < e2, low, np.where(level < e3, middle, high))
