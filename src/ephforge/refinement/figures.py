"""One picture of a material: the coupling along a path, errors of the methods, minutes of DFPT."""

import os
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np

from ephforge.core.realspace import Mesh
from ephforge.observables.paths import ticks
from ephforge.refinement.along import Along
from ephforge.refinement.cost import Cost, saved
from ephforge.refinement.judge import Trial

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# measure of errors.Errors -> what it is called; the phonons are those that the method itself has
MEASURES = {
    "magnitude": "phonons of the\nfine mesh",
    "own_modes": "own phonons,\nmode by mode",
    "own_summed": "own phonons,\nsummed",
}
# shape and filling of the marker of each
_MARKERS = {"magnitude": ("o", True), "own_modes": ("s", False), "own_summed": ("o", False)}
_EPW, _OURS, _FINE = "#E69F00", "#0072B2", "black"  # Okabe and Ito, safe for colour-blind readers
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.3,
    "savefig.dpi": 130,
    "figure.constrained_layout.use": True,
}
_TOP = 1.3  # of the largest DFPT value: in polar materials lines go to infinity at Gamma


class Picture(NamedTuple):
    """Everything that is drawn for one material.

    Attributes:
      method: the recommended one. few: the coarse mesh of the path and of the methods.
    """

    title: str
    method: str
    few: Mesh
    fine: Mesh
    trials: dict[Mesh, dict[str, Trial]]
    along: Along
    costs: dict[Mesh, Cost]


def draw(picture: Picture, path: str | Path) -> None:
    """Write the picture as PNG, whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(_STYLE):
        figure = plt.figure(figsize=(8.6, 5.6))
        top, below = figure.subfigures(2, 1, height_ratios=(1, 1.05))
        _path(top.subplots(), picture)
        left, right = below.subplots(1, 2, width_ratios=(1.25, 1))
        _methods(left, picture)
        _minutes(right, picture)
        temporary = path.with_name(f".{path.name}.part")
        figure.savefig(temporary, format="png")
        plt.close(figure)
    os.replace(temporary, path)


def label(mesh: Mesh) -> str:
    """ "4³" of a cubic mesh, "4x4x2" of another."""
    return f"{mesh[0]}³" if len(set(mesh)) == 1 else "x".join(map(str, mesh))


def _path(axes, picture: Picture) -> None:
    found, few, fine = picture.along, label(picture.few), label(picture.fine)
    named = (
        (f"{few}, EPW's interpolation", _EPW, 2),
        (f"{few}, refined ({picture.method})", _OURS, 3),
        (f"{fine}, EPW's interpolation", _FINE, 1),
    )
    for line_x, (text, colour, order) in zip(found.line_lx, named, strict=True):
        for piece in np.unique(found.path.piece_k):
            own = found.path.piece_k == piece
            first = {"label": text} if piece == 0 else {}
            axes.plot(found.path.x_k[own], line_x[own], color=colour, zorder=order, **first)
    for is_given, face, text in (
        (True, "black", f"DFPT, in {few}"),
        (False, "white", f"DFPT, not in {few}"),
    ):
        own = found.is_given_d == is_given
        axes.scatter(
            found.dot_x[own], found.dot_strength[own], s=18, facecolors=face, edgecolors="black",
            zorder=4, linewidths=0.8, label=text,
        )  # fmt: skip
    places = ticks(found.path)
    axes.set_xticks(list(places), list(places.values()))
    axes.grid(axis="x", color="#d9d9d9", lw=0.6)
    bottom = min(np.nanmin(found.line_lx), found.dot_strength.min())
    top = min(np.nanmax(found.line_lx), _TOP * found.dot_strength.max())
    axes.set(
        xlim=found.path.x_k[[0, -1]] * [1, 1.005],
        ylim=(bottom - 0.08 * (top - bottom), top + 0.08 * (top - bottom)),
    )
    axes.set_ylabel("coupling at k = 0\n(eV/Å/√Da)")
    axes.set_title(f"{picture.title}: q along the path of the lattice", loc="left")
    axes.figure.legend(ncols=5, fontsize=7, loc="outside lower center", handlelength=1.5)


def _methods(axes, picture: Picture) -> None:
    """Errors at hidden q of every method, three ways to take the phonons."""
    trials = picture.trials[picture.few]
    for y, measure in enumerate(MEASURES):
        errors = {name: one.errors[measure] for name, one in trials.items() if one.errors}
        pair = errors["epw"], errors[picture.method]
        axes.plot(pair, (y, y), color="#bdbdbd", zorder=1)
        others = [e for name, e in errors.items() if name not in ("epw", picture.method)]
        axes.scatter(others, [y] * len(others), s=14, color="#a6a6a6", zorder=2)
        for error, colour, up in zip(pair, (_EPW, _OURS), (-13, 6), strict=True):
            axes.scatter(error, y, s=36, color=colour, zorder=3)
            axes.annotate(
                f"{100 * error:.3g} %", (error, y), (0, up), textcoords="offset points",
                ha="center", fontsize=7, color=colour,
            )  # fmt: skip
    axes.set_yticks(range(len(MEASURES)), list(MEASURES.values()))
    axes.set(xscale="log", xlabel="relative error of |g| at hidden q", ylim=(2.5, -0.6))
    axes.margins(x=0.12)
    _labelled(axes.xaxis, 100.0, " %")
    axes.set_title(f"from {label(picture.few)}: EPW, {picture.method}, other methods", loc="left")


def _minutes(axes, picture: Picture) -> None:
    """Error against what DFPT took, for each way to take the phonons."""
    if not picture.costs:
        axes.axis("off")
        axes.text(0.5, 0.5, "the file does not tell\nwhat DFPT took", ha="center", va="center")
        return
    meshes = list(picture.trials)
    minutes = [picture.costs[mesh].minutes for mesh in meshes]
    fine = picture.costs[picture.fine].minutes
    for method, colour in (("epw", _EPW), (picture.method, _OURS)):
        for measure, (marker, is_filled) in _MARKERS.items():
            errors = [picture.trials[mesh][method].errors[measure] for mesh in meshes]
            axes.plot(
                minutes, errors, marker, ls="-", color=colour, ms=5.5, lw=0.8,
                mfc=colour if is_filled else "white",
                label=MEASURES[measure].replace("\n", " ") if method == "epw" else None,
            )  # fmt: skip
    axes.axvline(fine, color=_FINE, ls="--", lw=1)
    for mesh in (*meshes, picture.fine):
        own = picture.costs[mesh]
        text = f"{label(mesh)}, {_told(own.minutes)}{'' if own.run else ', estimate'}"
        axes.annotate(
            text, (own.minutes, 1), (-3 if mesh == picture.fine else 3, -3), rotation=90,
            ha="right" if mesh == picture.fine else "left", va="top", fontsize=7,
            xycoords=("data", "axes fraction"), textcoords="offset points",
        )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="minutes of DFPT (processor)")
    axes.set_xlim(min(minutes) / 1.5, fine * 1.3)
    low, high = axes.get_ylim()
    # room for the words on top, of which an estimate has more
    is_run = all(picture.costs[mesh].run for mesh in meshes)
    axes.set_ylim(low / 1.5, high * (4 if is_run else 30))
    _bounds(axes, picture)
    _labelled(axes.yaxis, 100.0, " %")
    _labelled(axes.xaxis, 1.0, "")
    handles = axes.get_legend_handles_labels()
    axes.figure.legend(*handles, ncols=3, fontsize=7, loc="outside lower right")
    axes.set_title(f"error against DFPT: EPW, {picture.method}", loc="left")


def _bounds(axes, picture: Picture) -> None:
    """What interpolation takes to be as good as the refined coarsest mesh."""
    cost, trials = picture.costs, picture.trials
    error = trials[picture.few][picture.method].errors["magnitude"]
    known = [(cost[m].minutes, own["epw"].errors["magnitude"]) for m, own in trials.items()]
    own, fine = cost[picture.few].minutes, cost[picture.fine].minutes
    found = saved(error, own, known, fine)
    ends = own + found.least, own + found.most
    axes.annotate(
        "", (ends[1], error), (ends[0], error), zorder=1,
        arrowprops={"arrowstyle": "<->", "color": _EPW, "shrinkA": 6, "shrinkB": 2},
    )  # fmt: skip
    axes.annotate(
        f"EPW gets there with\nmore than {_told(ends[0])},\nat most {_told(ends[1])}",
        (np.sqrt(ends[0] * ends[1]), error), (0, 3), textcoords="offset points",
        ha="center", va="bottom", fontsize=7, color=_EPW,
    )  # fmt: skip


def _told(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 2 else f"{minutes:.3g} min"


def _labelled(axis, unit: float, word: str) -> None:
    """Plain numbers at 1, 2 and 5 of a logarithmic axis."""
    axis.set_major_formatter(lambda x, _: f"{unit * x:g}{word}")
    axis.set_minor_formatter(lambda x, _: f"{unit * x:g}{word}" if f"{x:e}"[0] in "25" else "")
    axis.set_tick_params(which="minor", labelsize=7)
