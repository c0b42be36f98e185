"""One picture of a material: bands, phonons, small q; alpha2F and convergence of metals.

Lines are the model, open circles the first-principles calculation it was made from.
"""

import os
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float, Int

from ephforge.core.units import MEV
from ephforge.observables.limits import DIRECTIONS, SmallQ

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = ("#0072B2", "#D55E00", "#009E73")  # Okabe and Ito, safe for colour-blind readers
_LINE = "#0072B2"
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.3,
    "savefig.dpi": 130,
}
_POINTS = {"ls": "", "marker": "o", "ms": 3.5, "mfc": "none", "mec": "black", "mew": 0.7}


class Dispersion(NamedTuple):
    """Energies along a path, and points of another calculation on it (empty if none).

    Attributes:
      x_k, energy_kn: lines; piece_k tells where they break.
      tick_x, tick_names: special points.
      point_x, point_xn: first-principles energies.
    """

    x_k: Float[np.ndarray, " k"]
    energy_kn: Float[np.ndarray, "k n"]
    piece_k: Int[np.ndarray, " k"]
    tick_x: list[float]
    tick_names: list[str]
    point_x: Float[np.ndarray, " x"]
    point_xn: Float[np.ndarray, "x n"]


class Polar(NamedTuple):
    """|g_LO| |q| over its analytic limit, for each direction and |q|."""

    ratio_dq: Float[np.ndarray, "d q"]


class Metal(NamedTuple):
    """Spectral function, running coupling, and lambda of every mesh and broadening."""

    energy_e: Float[np.ndarray, " e"]  # meV
    spectrum_e: Float[np.ndarray, " e"]
    running_e: Float[np.ndarray, " e"]  # 2 int_0^E alpha2F / E
    broadening_b: Float[np.ndarray, " b"]
    coupling_ib: Float[np.ndarray, "i b"]
    mesh_names: list[str]
    literature: tuple[float, float] | None  # range of published lambda


class Picture(NamedTuple):
    """Everything that is drawn for one material."""

    title: str
    bands: Dispersion  # eV
    is_from_fermi: bool  # zero of the bands is the Fermi level
    phonons: Dispersion  # meV
    small_q: SmallQ
    window: tuple[float, float]
    polar: Polar | None
    metal: Metal | None


def draw(picture: Picture, path: str | Path) -> None:
    """Write the picture as PNG, whole or not at all."""
    rows, size, widths = [["bands", "phonons", "acoustic"]], (12.5, 3.8), (1.15, 1.15, 1)
    if picture.metal is not None:
        rows = [["bands", "phonons", "spectrum"], ["acoustic", "couplings", "couplings"]]
        size, widths = (10.5, 7.4), (1.25, 1, 0.5)
    elif picture.polar is not None:
        rows, size, widths = [["bands", "phonons"], ["acoustic", "polar"]], (10, 7.4), (1, 1)
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplot_mosaic(
            rows, figsize=size, layout="constrained", width_ratios=widths
        )
        figure.suptitle(picture.title, fontweight="bold")
        label = r"energy $- E_\mathrm{F}$ (eV)" if picture.is_from_fermi else "energy (eV)"
        _dispersion(axes["bands"], picture.bands, "bands", label, picture.is_from_fermi)
        _dispersion(axes["phonons"], picture.phonons, "phonons", "energy (meV)")
        axes["phonons"].set_ylim(min(0, 1.05 * axes["phonons"].dataLim.y0))
        _acoustic(axes["acoustic"], picture.small_q, picture.window)
        if picture.polar is not None:
            _polar(axes["polar"], picture.small_q, picture.polar)
        if picture.metal is not None:
            _spectrum(axes["spectrum"], picture.metal, axes["phonons"].get_ylim())
            _couplings(axes["couplings"], picture.metal)
        _save(figure, Path(path))
        plt.close(figure)


def _save(figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    figure.savefig(temporary, format="png")
    os.replace(temporary, path)


def _dispersion(
    axis, found: Dispersion, title: str, label: str, is_from_fermi: bool = False
) -> None:
    for piece in np.unique(found.piece_k):
        inside_k = found.piece_k == piece
        axis.plot(found.x_k[inside_k], found.energy_kn[inside_k], color=_LINE)
    for n in range(found.point_xn.shape[1]):
        label_n = "first principles" if n == 0 else None
        axis.plot(found.point_x, found.point_xn[:, n], label=label_n, **_POINTS)
    if len(found.point_x):
        axis.legend(loc="best")
    if is_from_fermi:
        axis.axhline(0, color="black", lw=0.7, ls=":")
    axis.set_xticks(found.tick_x, found.tick_names)
    axis.grid(axis="x", color="#bbbbbb", lw=0.6)
    axis.set_xlim(found.tick_x[0], found.tick_x[-1])
    axis.set(title=title, ylabel=label)


def _acoustic(axis, found: SmallQ, window: tuple[float, float]) -> None:
    square_dqv = found.strength_dqv[..., :3] ** 2 * MEV**2
    for name, colour, square_qv in zip(DIRECTIONS, COLOURS, square_dqv, strict=True):
        axis.loglog(found.size_q, square_qv[:, 2], color=colour, label=name)
        axis.loglog(found.size_q, square_qv[:, :2].sum(axis=1), color=colour, ls="--")
    guide_q = np.array(window)
    top = 2 * square_dqv[..., 2].max()
    axis.loglog(guide_q, top * guide_q / guide_q[1], color="black", lw=1)
    axis.annotate(r"$\propto q$ ", (guide_q[0], top * guide_q[0] / guide_q[1]), ha="right")
    axis.axvspan(*window, color="#eeeeee", zorder=0)
    axis.legend(title="upper mode solid,\ntwo lower dashed", title_fontsize=8)
    axis.set(
        title="acoustic modes, bands n to n",
        xlabel=r"$|q|$ (1/$\mathrm{\AA}$)",
        ylabel=r"$|g|^2$ (meV$^2$)",
    )


def _polar(axis, found: SmallQ, polar: Polar) -> None:
    for name, colour, ratio_q in zip(DIRECTIONS, COLOURS, polar.ratio_dq, strict=True):
        axis.semilogx(found.size_q, ratio_q, color=colour, label=name)
    axis.axhline(1, color="black", lw=0.8, ls=":")
    axis.legend()
    axis.set(
        title="polar coupling over its analytic limit",
        xlabel=r"$|q|$ (1/$\mathrm{\AA}$)",
        ylabel=r"$|g_\mathrm{LO}|\,|q|$ / limit",
    )


def _spectrum(axis, metal: Metal, limits: tuple[float, float]) -> None:
    axis.fill_betweenx(metal.energy_e, metal.spectrum_e, color=_LINE, alpha=0.25, lw=0)
    axis.plot(metal.spectrum_e, metal.energy_e, color=_LINE, label=r"$\alpha^2F$")
    axis.plot(metal.running_e, metal.energy_e, color=COLOURS[1], label=r"$\lambda(E)$")
    axis.set(title=r"$\alpha^2F$", ylim=limits, xlim=(0, None))
    axis.tick_params(labelleft=False)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.06), ncol=2, handlelength=1.2)


def _couplings(axis, metal: Metal) -> None:
    shades = plt.colormaps["viridis"](np.linspace(0.85, 0.1, len(metal.mesh_names)))
    for name, colour, coupling_b in zip(metal.mesh_names, shades, metal.coupling_ib, strict=True):
        axis.plot(metal.broadening_b, coupling_b, "o-", ms=4, color=colour, label=name)
    if metal.literature is not None:
        axis.axhspan(*metal.literature, color="#e6e6e6", zorder=0, label="literature")
    axis.legend(title="k mesh, q mesh", title_fontsize=8)
    axis.set_ylim(0, 1.4 * max(metal.coupling_ib.max(), *(metal.literature or (0.0,))))
    axis.set(title=r"convergence of $\lambda$", xlabel="broadening (eV)", ylabel=r"$\lambda$")
