"""Figures: each takes records of the stages and returns a matplotlib figure."""

import re

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ephforge.core.netcdf import Contents
from ephforge.report.metrics import OWN
from ephforge.report.style import COLOURS, MARKERS, name, points_of

LEAST_ERROR = 5e-3  # smaller errors are drawn at the lower edge of the compression panels
MOST_SYNTHETIC = 2


def campaign(card: dict) -> Figure:
    """Accepted of drawn materials for each prototype and potential; shade: their share."""
    pairs = {tuple(pair.split("/")): found for pair, found in card["pairs"].items()}
    rows = sorted({prototype for prototype, _ in pairs})
    columns = sorted({potential for _, potential in pairs})
    share = np.full((len(rows), len(columns)), np.nan)
    figure, axes = plt.subplots(figsize=(2.2 + 0.62 * len(columns), 1.6 + 0.23 * len(rows)))
    for (prototype, potential), found in pairs.items():
        y, x = rows.index(prototype), columns.index(potential)
        share[y, x] = found["accepted"] / found["drawn"]
        axes.text(
            x, y, f"{found['accepted']} of {found['drawn']}", ha="center", va="center", fontsize=6.5
        )
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    axes.set_xticks(range(len(columns)), [c.replace("_", "\n") for c in columns], rotation=35)
    axes.set_yticks(range(len(rows)), [row.replace("_", " ") for row in rows])
    axes.set(xlabel="interatomic potential", ylabel="prototype")
    axes.grid(visible=False)
    return figure


def learning_curve(history: dict) -> Figure:
    """Relative error over training steps."""
    columns = history["columns"]
    figure, axes = plt.subplots(figsize=(7.2, 4.2))
    labels = {
        "train": ("training batches, random codes", "#999999", "-"),
        "validation": ("validation score, which picks the weights that compress", "black", "-"),
        "validation_refined": ("validation, coarse q mesh given", "#0072B2", "--"),
    }
    steps = sorted((float(found), key) for key in columns if (found := _step(key)))
    for shade, (step, key) in zip(np.linspace(0.4, 0.9, len(steps)), steps, strict=True):
        text = f"validation, codes of step {step:g} rms |g|"
        labels[key] = (text, plt.cm.YlOrBr(shade), "-")
    for key, (label, colour, line) in labels.items():
        values = [np.nan if e is None else e for e in columns.get(key, [])]
        if np.any(np.isfinite(values)):
            axes.plot(columns["step"], values, line, color=colour, label=label)
    axes.set(xlabel="optimiser step", ylabel="relative error", yscale="log")
    _plain_percent(axes)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def compression(compress: dict) -> Figure:
    """Error against budget, a panel per material."""
    panels = {"synthetic_test": compress["synthetic_test"]} | compress["first_principles"]
    methods = [m for m in compress["methods"] if m in COLOURS]
    figure, grid = _panels(len(panels), 2.5, 2.3, sharex=True, sharey=True)
    for axes, (material, table) in zip(grid.flat, panels.items(), strict=False):
        budgets = sorted(table, key=float)
        for method in methods:
            errors = [table[b].get(method) for b in budgets]
            if any(e is not None for e in errors):
                _line(axes, [float(b) for b in budgets], errors, method)
        axes.set(xscale="log", yscale="log", ylim=(0.9 * LEAST_ERROR, None))
        axes.set_title(name(material) if material != "synthetic_test" else "synthetic test, mean")
        _plain_percent(axes)
    figure.supxlabel("stored bits / (32 x numbers in the full grid)", fontsize=9)
    figure.supylabel(r"$\|g_{\rm rebuilt}-g\|\,/\,\|g\|$", fontsize=9)
    _shared_legend(figure, grid, columns=min(3, grid.shape[1]))
    return figure


def example_maps(examples: Contents) -> Figure:
    """One channel of some materials: true, and rebuilt by three methods."""
    groups = _chosen(list(examples.groups.values()))
    figure, grid = plt.subplots(
        len(groups), 4, figsize=(8.6, 1.95 * len(groups) + 0.4), squeeze=False
    )
    for row, group in zip(grid, groups, strict=True):
        errors = {m: e for m, e in group.attributes["errors"].items() if m != "true"}
        classical = {m: e for m, e in errors.items() if m not in (*OWN, "svd")}
        shown = ["true", "autoencoder", "svd", min(classical, key=classical.get)]
        top = np.quantile(group.variables["true"], 0.998) or 1.0
        for axes, method in zip(row, shown, strict=True):
            if method not in group.variables:
                axes.axis("off")
                continue
            image = axes.imshow(
                group.variables[method], vmin=0, vmax=top, cmap="cividis", origin="lower"
            )
            title = "as computed" if method == "true" else f"{name(method)}: {errors[method]:.2f}"
            axes.set_title(title, fontweight="normal", fontsize=8)
            axes.grid(visible=False)
            axes.tick_params(labelsize=7)
        row[0].set_ylabel(f"{_channel_label(group)}\nk number", fontsize=7.5)
        figure.colorbar(image, ax=list(row), label="|g| (meV)", pad=0.01, shrink=0.85)
    for axes in grid[-1]:
        axes.set_xlabel("q number", fontsize=8)
    return figure


def super_resolution(refine: dict) -> Figure:
    """Bars of the error at the q points that were not given."""
    tables = {"synthetic_test": refine["synthetic_test"]} | refine["first_principles"]
    methods = [m for m in refine["methods"] if m in COLOURS]
    figure, axes = plt.subplots(figsize=(max(6.2, 1.5 + 1.05 * len(tables)), 3.4))
    width = 0.8 / len(methods)
    for i, method in enumerate(methods):
        errors = [np.nan if (e := t.get(method)) is None else e for t in tables.values()]
        x = np.arange(len(tables)) + (i - (len(methods) - 1) / 2) * width
        axes.bar(x, errors, width * 0.92, color=COLOURS[method], label=name(method))
    labels = [name(material).replace(" (", "\n(") for material in tables]
    axes.set_xticks(range(len(tables)), labels)
    axes.set(ylabel=r"$\|g_{\rm rebuilt}-g\|\,/\,\|g\|$ at hidden q", ylim=(0, None))
    axes.grid(visible=False, axis="x")
    figure.legend(loc="outside upper center", ncols=min(4, len(methods)))
    return figure


def classification(classify: dict) -> Figure:
    """Accuracies of the probes, and the confusion matrix of the encoder's features."""
    found = classify["synthetic_test"]
    side = max(3.7, 0.2 * len(found["classes"]))
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(5.3 + side, side), gridspec_kw={"width_ratios": [4.2, side + 0.6]}
    )
    kinds = [*classify["methods"], "chance"]
    for shift, table, alpha in ((-0.2, found, 1.0), (0.2, found["within_lattice"], 0.45)):
        values = [np.nan if (a := table.get(kind)) is None else a for kind in kinds]
        x = np.arange(len(kinds)) + shift
        left.bar(x, values, 0.38, color=[COLOURS[kind] for kind in kinds], alpha=alpha)
        for place, value in zip(x, values, strict=True):
            if np.isfinite(value):
                left.text(place, value + 0.015, f"{value:.2f}", ha="center", fontsize=7.5)
    left.set_xticks(range(len(kinds)), [name(kind).replace(" ", "\n", 1) for kind in kinds])
    left.set(ylabel="accuracy on synthetic test families", ylim=(0, 1.1))
    left.set_title("all prototypes (full), one lattice (pale)")
    left.grid(visible=False, axis="x")
    table = found["confusion"].get("latent")
    if table is None:
        right.axis("off")
        right.text(0.5, 0.5, found.get("reason", "no test materials"), ha="center", wrap=True)
        return figure
    _confusion(right, np.array(table), found["classes"])
    return figure


def latent_plane(latent: dict) -> Figure:
    """All materials in the plane of the two strongest components of the encoder's features."""
    figure, axes = plt.subplots(figsize=(7.6, 5.9))
    looks = points_of([p["prototype"] for p in latent["points"] if p["split"] != "real"])
    for prototype, (colour, marker) in looks.items():
        mine = [p for p in latent["points"] if p["prototype"] == prototype and p["split"] != "real"]
        if mine:
            style = {"c": colour, "marker": marker, "s": 18, "alpha": 0.55, "linewidths": 0}
            axes.scatter([p["x"] for p in mine], [p["y"] for p in mine], label=prototype, **style)
    real = sorted((p for p in latent["points"] if p["split"] == "real"), key=lambda p: p["y"])
    for i, point in enumerate(real):
        colour, marker = looks.get(point["prototype"], ("#444444", "*"))
        at = (point["x"], point["y"])
        axes.scatter(*at, c=colour, marker=marker, s=60, edgecolors="#D55E00", linewidths=1.5)
        axes.annotate(  # labels in a column beside the plane, in the order of the points
            name(point["name"]),
            at,
            (1.03, (i + 0.5) / len(real)),
            textcoords="axes fraction",
            va="center",
            arrowprops={"arrowstyle": "-", "color": "#bbbbbb", "lw": 0.6},
        )
    share = [f"{100 * x:.0f} % of the variance" for x in latent["explained_variance"]]
    share += ["no variance"] * (2 - len(share))
    axes.set(xlabel=f"first component ({share[0]})", ylabel=f"second component ({share[1]})")
    figure.legend(
        loc="outside lower center", ncols=7, columnspacing=1.0, handletextpad=0.2, fontsize=7
    )
    axes.set_title("small: synthetic; large with red edge: real", fontweight="normal", fontsize=9)
    return figure


def _step(column: str) -> str | None:
    """The step of codes in the name of a column of the learning curve."""
    found = re.fullmatch(r"validation_(\d\S*)", column)
    return found and found[1]


def _confusion(axes, table: np.ndarray, classes: list[str]) -> None:
    size = 9 if len(classes) < 12 else 6.5
    axes.imshow(
        table / np.maximum(table.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1
    )
    for i, j in np.argwhere(table):
        dark = table[i, j] > 0.6 * table[i].sum()
        axes.text(
            j, i, table[i, j], ha="center", va="center", color="white" if dark else "black",
            fontsize=size,
        )  # fmt: skip
    labels = [c.replace("_", " ") for c in classes]
    axes.set_xticks(range(len(classes)), labels, rotation=60, ha="right", fontsize=size)
    axes.set_yticks(range(len(classes)), labels, fontsize=size)
    axes.set(xlabel="predicted from the encoder's features", ylabel="true prototype")
    axes.set_title("materials of the test split")
    axes.grid(visible=False)


def _line(axes, budgets, errors, method: str) -> None:
    errors = [np.nan if e is None else max(e, LEAST_ERROR) for e in errors]
    axes.plot(
        budgets,
        errors,
        "-",
        color=COLOURS[method],
        marker=MARKERS[method],
        lw=2.2 if method == "autoencoder" else 1.2,
        zorder=3 if method == "autoencoder" else 2,
        label=name(method),
    )


def _panels(count: int, width: float, height: float, **shared):
    columns = min(4, count)
    rows = -(-count // columns)
    size = (width * columns, height * rows + 0.9)
    figure, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, **shared)
    for axes in grid.flat[count:]:
        axes.axis("off")
    return figure, grid


def _shared_legend(figure: Figure, grid: np.ndarray, columns: int) -> None:
    found = {}
    for axes in grid.flat:
        handles, labels = axes.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
    figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=columns)


def _plain_percent(axes) -> None:
    """0.1 rather than 10^-1 on a logarithmic error axis."""
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.tick_params(axis="y", which="minor", labelsize=7)


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
