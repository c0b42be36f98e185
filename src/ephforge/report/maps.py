"""Maps |g(k,q)| of single channels as pictures: compressed and rebuilt, given and refined in q."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ephforge.core.netcdf import Contents
from ephforge.report.metrics import OWN
from ephforge.report.style import name

MOST_SYNTHETIC = 2
_TOP = 0.998  # quantile of the true map that the colours end at


def compressed_maps(examples: Contents) -> Figure:
    """One channel of some materials: true, and rebuilt by three methods."""
    groups = _chosen(list(examples.groups.values()))
    figure, grid = _grid(len(groups), 4)
    for row, group in zip(grid, groups, strict=True):
        found = group.variables
        columns = {"as computed": found["true"]}
        for method in ("autoencoder", "svd", _best_other(group, ("svd",))):
            columns |= _titled(group, method)
        _row(figure, row, group, columns)
    return figure


def refined_maps(examples: Contents) -> Figure:
    """One channel of some materials: true, what is given, refined by two methods."""
    groups = _chosen(list(examples.groups.values()))
    figure, grid = _grid(len(groups), 4)
    for row, group in zip(grid, groups, strict=True):
        found = group.variables
        hidden_q = found["is_given"] == 0
        given = np.where(hidden_q, np.nan, found["true"])
        columns = {"as computed": found["true"], f"given: {np.sum(~hidden_q)} q": given}
        for method in ("autoencoder", _best_other(group)):
            columns |= _titled(group, method)
        _row(figure, row, group, columns)
    return figure


def _grid(rows: int, columns: int):
    return plt.subplots(rows, columns, figsize=(8.6, 1.95 * rows + 0.4), squeeze=False)


def _best_other(group: Contents, apart: tuple[str, ...] = ()) -> str:
    """The method with the smallest error that is neither the autoencoder's own nor shown anyway."""
    left = ("true", *OWN, *apart)
    errors = {m: e for m, e in group.attributes["errors"].items() if m not in left}
    return min(errors, key=errors.get)


def _titled(group: Contents, method: str) -> dict:
    """Title -> map of one method; an empty map where the method does not apply."""
    error = group.attributes["errors"].get(method)
    if error is None:
        return {f"{name(method)}: not possible": None}
    return {f"{name(method)}: {error:.2f}": group.variables[method]}


def _row(figure: Figure, row, group: Contents, columns: dict) -> None:
    top = np.quantile(group.variables["true"], _TOP) or 1.0
    for axes, (title, map_kq) in zip(row, columns.items(), strict=True):
        axes.set_title(title, fontweight="normal", fontsize=8)
        if map_kq is None:
            axes.axis("off")
            continue
        image = axes.imshow(map_kq, vmin=0, vmax=top, cmap="cividis", origin="lower")
        axes.set_facecolor("#f2f2f2")
        axes.grid(visible=False)
        axes.tick_params(labelsize=7)
        if axes.get_subplotspec().is_last_row():
            axes.set_xlabel("q number", fontsize=8)
    row[0].set_ylabel(f"{_channel_label(group)}\nk number", fontsize=7.5)
    figure.colorbar(image, ax=list(row), label="|g| (meV)", pad=0.01, shrink=0.85)


def _chosen(groups: list[Contents]) -> list[Contents]:
    """The last of the models of each real compound, then some synthetic materials."""
    by_name = sorted(groups, key=lambda group: group.attributes["name"])
    real = {
        g.attributes["name"].split("_")[0]: g
        for g in by_name
        if g.attributes["labels"]["potential"] == "dft"
    }
    synthetic = [g for g in by_name if g.attributes["labels"]["potential"] != "dft"]
    return [*real.values(), *synthetic[:MOST_SYNTHETIC]]


def _channel_label(group: Contents) -> str:
    """Material and channel of an example, bands and modes counted from one."""
    found, channel = group.attributes, group.attributes["channel"]
    material = name(found["name"])
    if found["labels"]["potential"] != "dft":
        material = f"synthetic {found['name']}\n{found['labels']['family'].replace('_', ' ')}"
    bands = f"m={channel['final_band'] + 1}, n={channel['initial_band'] + 1}"
    return f"{material}\n{bands}, mode {channel['mode'] + 1}"
