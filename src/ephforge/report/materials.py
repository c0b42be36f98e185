"""Example materials side by side: bands, phonons and |g| along the path of their lattice."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ephforge.core.netcdf import Contents
from ephforge.report.style import name

_COLUMNS = (
    "bands (eV)",
    r"phonons $\hbar\omega$ (meV)",
    "|g|, branches (meV)",
    "|g|, k by q (meV)",
)
_BAND = "#0072B2"
_DIVERGES = 2.0  # |g| more than this many times its 95th percentile goes off the axis
_CROWDED = 0.065  # of the axis: a tick nearer to the one before it goes one line down


def along_paths(arrays: Contents) -> Figure:
    """A row for each material, synthetic ones above: bands, phonons, |g| in lines and as a map."""
    groups = sorted(
        arrays.groups.values(),
        key=lambda g: (g.attributes["labels"]["potential"] == "dft", g.attributes["name"]),
    )
    figure, grid = plt.subplots(
        len(groups), 4, figsize=(11, 2.25 * len(groups) + 0.3), squeeze=False
    )
    for row, group in zip(grid, groups, strict=True):
        found = group.variables
        _lines(row[0], group, found["energies"], [_BAND] * found["energies"].shape[1])
        _lines(row[1], group, found["frequencies"], _colours(group))
        if found["frequencies"].min() > -0.01:
            row[1].set_ylim(0, None)
        _branches(row[2], group)
        _map(figure, row[3], group)
        row[0].set_ylabel(_label(group), fontsize=7.5)
    for axes, title in zip(grid[0], _COLUMNS, strict=True):
        axes.set_title(title, fontweight="normal", fontsize=9)
    return figure


def path_caption(arrays: Contents) -> str:
    """Caption of `along_paths`: how the synthetic ones were chosen, what is drawn."""
    groups = arrays.groups.values()
    real = [g for g in groups if g.attributes["labels"]["potential"] == "dft"]
    polar = [name(g.attributes["name"]) for g in real if g.attributes["is_polar"]]
    long_range = f" Polar ones ({', '.join(polar)}) grow as 1/|q| near \u0393." if polar else ""
    return (
        f"{len(groups) - len(real)} synthetic materials, chosen to differ in kind, structure, "
        f"potential and basis among small ones, and {len(real)} real ones, along the standard path "
        "of their lattice. |g| of branches: an electron at \u0393 and a phonon on the path, over "
        "the lowest bands, as many as the campaign's maps hold; colours are those of the phonon "
        "branches. The map has k (up) and q (across) both on the path, and sums over bands and "
        f"modes.{long_range}"
    )


def _lines(axes, group: Contents, value_kn, colours) -> None:
    x_k, piece_k = group.variables["place"], group.variables["piece"]
    for piece in np.unique(piece_k):
        inside_k = piece_k == piece
        for value_k, colour in zip(value_kn[inside_k].T, colours, strict=True):
            axes.plot(x_k[inside_k], value_k, color=colour, lw=1)
    _path_axis(axes, group, (x_k[0], x_k[-1]))


def _branches(axes, group: Contents) -> None:
    # points: branches are numbered by energy, and |g| jumps where two of them cross
    x_k, coupling_kv = group.variables["place"], group.variables["coupling"]
    for coupling_k, colour in zip(coupling_kv.T, _colours(group), strict=True):
        axes.plot(x_k, coupling_k, ls="", marker=".", ms=2.2, color=colour)
    usual, top = np.nanpercentile(coupling_kv, 95), np.nanmax(coupling_kv)
    axes.set_ylim(0, 1.2 * usual if top > _DIVERGES * usual > 0 else None)
    _path_axis(axes, group, (x_k[0], x_k[-1]))


def _map(figure: Figure, axes, group: Contents) -> None:
    x_k, map_kq = group.variables["map_place"], group.variables["map"]
    top = np.nanquantile(map_kq, 0.98) or 1.0
    edges = np.concatenate([[x_k[0]], (x_k[1:] + x_k[:-1]) / 2, [x_k[-1]]])
    image = axes.pcolormesh(edges, edges, map_kq, vmin=0, vmax=top, cmap="cividis", rasterized=True)
    figure.colorbar(image, ax=axes, pad=0.02).ax.tick_params(labelsize=7)
    _path_axis(axes, group, (x_k[0], x_k[-1]))
    axes.set_yticks([], [])
    axes.grid(visible=False)


def _path_axis(axes, group: Contents, ends: tuple[float, float]) -> None:
    # ticks are rounded: the last one must not fall off the axis
    places, names = np.clip(group.attributes["ticks"], *ends), group.attributes["tick_names"]
    labels, last = [], None
    for place, text in zip(places, names, strict=True):
        near = last is not None and place - last < _CROWDED * (ends[1] - ends[0])
        labels.append(f"\n{text}" if near else text)
        last = None if near else place
    axes.set_xticks(places, labels, fontsize=6.5)
    axes.set_xlim(*ends)
    axes.tick_params(axis="y", labelsize=7)
    axes.grid(visible=False, axis="y")


def _colours(group: Contents):
    """Of the phonon branches, from low to high energy."""
    return plt.colormaps["viridis"](np.linspace(0, 0.88, group.variables["frequencies"].shape[1]))


def _label(group: Contents) -> str:
    labels = group.attributes["labels"]
    if labels["potential"] == "dft":
        return f"{name(group.attributes['name'])}\nfirst principles"
    words = labels["family"].replace("_", " ").replace("/", "\n", 1)
    return f"synthetic {group.attributes['name']}\n{words}\n{labels['kind']}"
