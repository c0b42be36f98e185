"""Couplings of a model at any points, as the command `couple` writes them."""

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from ephforge.core.realspace import Model
from ephforge.core.units import MEV
from ephforge.coupling.grid import Limits
from ephforge.coupling.points import Lists, magnitudes

_STATES = ("band_final", "band_initial")


def couplings(
    model: Model, k: ArrayLike, q: ArrayLike, degeneracy: float = 0.1, soft_mode: float = 1.0
) -> xr.Dataset:
    """|g_mnv(k, q)|, bands and phonons at lists of fractional points.

    Args:
      k, q: points, shapes (k, 3) and (q, 3).
      degeneracy: meV; |g|^2 is averaged over bands and modes closer than this.
      soft_mode: meV; modes softer than this get |g| = 0.

    Returns:
      coupling_magnitude (q, k, mode, band_final, band_initial) in meV, electron_energy_initial
      (k, band) and electron_energy_final (q, k, band) in eV, phonon_energy (q, mode) in meV,
      negative where imaginary: the names of the file that `ephforge couple` writes, m the final
      band at k+q. All of it is in memory; the command is for more than that.
    """
    k_k3, q_q3 = (np.asarray(points, dtype=float).reshape(-1, 3) for points in (k, q))
    limits = Limits(degeneracy / MEV, soft_mode / MEV)
    parts = [
        (part.energy_k, *map(np.array, part[1:]))  # copies: the kernel takes its memory back
        for part in magnitudes(model, Lists(k_k3, q_q3), limits)
    ]
    final_qkm, frequency_qv, magnitude = (np.concatenate([p[i] for p in parts]) for i in (1, 2, 3))
    return xr.Dataset(
        {
            "coupling_magnitude": (("q", "k", "mode", *_STATES), magnitude * MEV, _unit("meV")),
            "electron_energy_initial": (("k", "band"), np.array(parts[0][0]), _unit("eV")),
            "electron_energy_final": (("q", "k", "band"), final_qkm, _unit("eV")),
            "phonon_energy": (("q", "mode"), frequency_qv * MEV, _unit("meV")),
        },
        {"k_point": (("k", "vector"), k_k3), "q_point": (("q", "vector"), q_q3)},
        {"name": model.name},
    )


def _unit(name: str) -> dict[str, str]:
    return {"units": name}
