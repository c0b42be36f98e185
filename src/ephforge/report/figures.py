"""Figures: each takes records of the stages and returns a matplotlib figure."""

import re

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ephforge.report.style import COLOURS, IN_RANGE, MARKERS, OUT_OF_RANGE, name, points_of

LEAST_ERROR = 5e-3  # smaller errors are drawn at the lower edge of the compression panels


def campaign(card: dict) -> Figure:
    """The funnel from drawn to accepted; below, accepted of drawn for prototype and potential."""
    pairs = {tuple(pair.split("/")): found for pair, found in card["pairs"].items()}
    rows = sorted({prototype for prototype, _ in pairs})
    columns = sorted({potential for _, potential in pairs})
    funnel = funnel_bars(card)
    heights = 0.5 + 0.22 * len(funnel), 1.3 + 0.23 * len(rows)
    width = max(6.4, 2.2 + 0.62 * len(columns))
    figure, (top, axes) = plt.subplots(
        2, 1, figsize=(width, 0.5 + sum(heights)), gridspec_kw={"height_ratios": heights}
    )
    _funnel(top, funnel)
    share = np.full((len(rows), len(columns)), np.nan)
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


def funnel_bars(card: dict) -> list[tuple[str, int, int, str]]:
    """Label, where the bar starts, its length, colour: each loss hangs at the end of the rest."""
    left, bars = card["drawn"], [("drawn", 0, card["drawn"], "#bdbdbd")]
    for reason, count in sorted(card["rejected"].items(), key=lambda item: -item[1]):
        left -= count
        bars.append((f"rejected: {reason}", left, count, "#D55E00"))
    bars.append(("accepted", 0, card["accepted"], "#0072B2"))
    start = 0
    for split, found in card["splits"].items():
        bars.append((split, start, found["materials"], "#56B4E9"))
        start += found["materials"]
    return bars


def _funnel(axes, bars: list[tuple[str, int, int, str]]) -> None:
    for y, (_, start, length, colour) in enumerate(bars):
        axes.barh(y, length, 0.72, left=start, color=colour)
        axes.text(start + length, y, f" {length}", va="center", fontsize=7.5)
    axes.set_yticks(range(len(bars)), [bar[0] for bar in bars], fontsize=8)
    axes.set(xlabel="materials", xlim=(0, 1.08 * bars[0][2]))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


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
        axes.set_xticks([float(b) for b in budgets], [f"{100 * float(b):g} %" for b in budgets])
        axes.tick_params(axis="x", which="major", labelsize=7, rotation=45)
        axes.xaxis.set_minor_locator(plt.NullLocator())
        axes.set_title(name(material) if material != "synthetic_test" else "synthetic test, mean")
        _plain_percent(axes)
    figure.supxlabel("stored bits / (32 x numbers in the full grid)", fontsize=9)
    figure.supylabel(r"$\|g_{\rm rebuilt}-g\|\,/\,\|g\|$", fontsize=9)
    _shared_legend(figure, grid, columns=min(3, grid.shape[1]))
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


def novelty(latent: dict) -> Figure:
    """Distance of each real material from the training materials, and what held-out ones have."""
    found = latent["novelty"]
    real = dict(sorted(found["first_principles"].items(), key=lambda item: item[1]))
    # families that training never saw
    groups = {part: found[part] for part in ("validation", "test") if found[part]}
    figure, axes = plt.subplots(figsize=(7.2, 1.3 + 0.22 * (len(real) + 2 * len(groups))))
    for y, scores in enumerate(groups.values()):
        axes.plot(scores, np.full(len(scores), 2 * y), "|", color="#888888", ms=9, alpha=0.6)
        axes.plot(np.median(scores), 2 * y, "o", color="black", ms=4)
    below = 2 * len(groups)
    limit = found["limit"]
    for y, score in enumerate(real.values()):
        beyond = limit is not None and score > limit
        colour = OUT_OF_RANGE if beyond else IN_RANGE
        axes.plot([0, score], [below + y] * 2, "-", color=colour, lw=1, alpha=0.5)
        axes.plot(score, below + y, "o", color=colour)
    if limit is not None:
        axes.axvline(limit, color="black", ls="--", lw=1)
        text = f" {100 * found['level']:g} % limit"
        axes.text(limit, -1.4, text, fontsize=8, va="center")
    labels = [f"synthetic {part}, families held out" for part in groups] + [name(m) for m in real]
    places = [2 * y for y in range(len(groups))] + [below + y for y in range(len(real))]
    axes.set_yticks(places, labels, fontsize=8)
    axes.set(xlabel="mean distance to the five nearest training materials", xlim=(0, None))
    axes.set_ylim(below + len(real) - 0.3, -2.1)
    axes.grid(visible=False, axis="y")
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
