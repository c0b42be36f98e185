"""Bands, phonons and |g| of any model along the standard path of its lattice, and their picture.

Everything comes from the kernel that fills the maps, so that two-centre models with overlap and
polar ones need nothing of their own here.
"""

import os
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Model
from ephforge.core.units import MEV
from ephforge.coupling.grid import Limits
from ephforge.coupling.points import Lists, magnitudes
from ephforge.observables import paths

matplotlib.use("Agg")
import matplotlib.pyplot as plt

PANELS = ("bands", "phonons", "coupling")
FORMATS = ("png", "pdf", "svg")
_LIMITS = Limits(1e-4, 1e-4)  # eV: degenerate states, soft modes
_DIVERGES = 2.0  # |g| more than this many times the 95th percentile goes off the axis
_BAND = "#0072B2"


class Along(NamedTuple):
    """What a model gives on a path.

    Attributes:
      energy_kn: bands, eV.
      frequency_kv: phonon energies, meV, negative where imaginary; Gamma is approached along
        the path, which matters in polar materials.
      coupling_kv: meV; see `along`.
      k: fractional wave vector of the electron that is scattered.
      first, last: numbers of the bands that count in the coupling, from 0, the last included.
    """

    path: paths.Path
    energy_kn: Float[np.ndarray, "k n"]
    frequency_kv: Float[np.ndarray, "k v"]
    coupling_kv: Float[np.ndarray, "k v"]
    k: tuple[float, float, float]
    first: int
    last: int


def along(
    model: Model,
    points: int,
    k: tuple[float, float, float] = (0.0, 0.0, 0.0),
    window: tuple[int, int] | None = None,
) -> Along:
    """Bands at k and phonons at q along the path, and the coupling of an electron at k.

        coupling_v(q) = sqrt( (1/N) sum_{n,m} |g_mnv(k,q)|^2 )   n, m in the window of N bands

    The sum over bands has no gauge as long as the window cuts no degenerate states; |g|^2 is
    shared equally by degenerate modes.

    Args:
      points: on the whole path, about.
      window: first and last band, from 0; None takes all.

    Raises:
      EphforgeError: a window that is not one of the model's bands.
    """
    count = len(model.hopping.site)
    first, last = window or (0, count - 1)
    if not 0 <= first <= last < count:
        raise EphforgeError(
            f"bands {first + 1} to {last + 1}: expected two numbers from 1 to {count}, "
            f"the bands of {model.name}, the lower one first"
        )
    path = paths.standard_path(model.crystal.cell, points)
    energy_kn = _found(model, path.point_k3, np.zeros((1, 3)))[0].energy_k
    parts = _found(model, np.array([k]), paths.off_gamma(path))
    frequency_kv = np.concatenate([part.frequency_q for part in parts])
    magnitude_kvmn = np.concatenate([part.magnitude[:, 0] for part in parts])
    inside = magnitude_kvmn[..., first : last + 1, first : last + 1]
    coupling_kv = np.sqrt(np.sum(inside**2, axis=(2, 3)) / (last + 1 - first))
    if model.long_range is not None:
        # |g| of longitudinal modes has no limit there
        coupling_kv[np.all(np.abs(path.point_k3) < 1e-9, axis=1)] = np.nan
    return Along(
        path, np.array(energy_kn), frequency_kv * MEV, coupling_kv * MEV, tuple(k), first, last
    )


def _found(model: Model, point_k3, point_q3) -> list:
    """Copies: the kernel takes its memory back."""
    return [
        part._replace(frequency_q=np.array(part.frequency_q), magnitude=np.array(part.magnitude))
        for part in magnitudes(model, Lists(point_k3, point_q3), _LIMITS)
    ]


def draw(title: str, found: Along, panels: tuple[str, ...], path: Path) -> None:
    """Write the chosen panels above each other; the suffix of the path says the format.

    Raises:
      EphforgeError: a suffix that is none of `FORMATS`.
    """
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in FORMATS:
        raise EphforgeError(f"{path}: expected a name that ends in .{', .'.join(FORMATS)}")
    heights = [1.5 if panel == "bands" else 1.0 for panel in panels]
    style = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with plt.rc_context(style | {"savefig.dpi": 160, "svg.hashsalt": "ephforge"}):
        figure, axes = plt.subplots(
            len(panels), 1, sharex=True, squeeze=False, layout="constrained",
            figsize=(6.4, 0.7 + 2.0 * sum(heights)), height_ratios=heights,
        )  # fmt: skip
        figure.suptitle(title, fontweight="bold")
        for panel, axis in zip(panels, axes[:, 0], strict=True):
            _PANELS[panel](axis, found)
            _path_axis(axis, found.path)
        _save(figure, path, suffix)
        plt.close(figure)


def _bands(axis, found: Along) -> None:
    _lines(axis, found.path, found.energy_kn, [_BAND] * found.energy_kn.shape[1])
    axis.set(ylabel="electron energy (eV)")


def _phonons(axis, found: Along) -> None:
    _lines(axis, found.path, found.frequency_kv, _colours(found))
    axis.set(ylabel=r"phonon energy $\hbar\omega$ (meV)")
    if found.frequency_kv.min() > -0.01:
        axis.set_ylim(0, None)


def _coupling(axis, found: Along) -> None:
    # points: branches are numbered by energy, and |g| jumps where two of them cross
    for coupling_k, colour in zip(found.coupling_kv.T, _colours(found), strict=True):
        axis.plot(found.path.x_k, coupling_k, ls="", marker=".", ms=2.5, color=colour)
    usual, top = np.nanpercentile(found.coupling_kv, 95), np.nanmax(found.coupling_kv)
    axis.set_ylim(0, 1.2 * usual if top > _DIVERGES * usual else None)
    bands = f"bands {found.first + 1} to {found.last + 1}"
    if found.first == found.last:
        bands = f"band {found.first + 1}"
    axis.set(ylabel="coupling |g| (meV)")
    k = " ".join(f"{x:g}" for x in found.k)
    axis.set_title(f"electron at k = ({k}), {bands}; colour: phonon branch", fontsize=8, loc="left")


_PANELS = {"bands": _bands, "phonons": _phonons, "coupling": _coupling}


def _lines(axis, path: paths.Path, value_kn, colours) -> None:
    for piece in np.unique(path.piece_k):
        inside_k = path.piece_k == piece
        for value_k, colour in zip(value_kn[inside_k].T, colours, strict=True):
            axis.plot(path.x_k[inside_k], value_k, color=colour, lw=1.2)


def _colours(found: Along):
    """Of the branches, from low to high energy."""
    return plt.colormaps["viridis"](np.linspace(0, 0.88, found.frequency_kv.shape[1]))


def _path_axis(axis, path: paths.Path) -> None:
    ticks = paths.ticks(path)
    inside = np.clip(list(ticks), path.x_k[0], path.x_k[-1])  # they are rounded
    axis.set_xticks(inside, list(ticks.values()))
    axis.grid(axis="x", color="#bbbbbb", lw=0.6)
    axis.set_xlim(path.x_k[0], path.x_k[-1])


def _save(figure, path: Path, suffix: str) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        figure.savefig(temporary, format=suffix)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
