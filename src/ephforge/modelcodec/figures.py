"""Bits of a material's g against the error, the codec beside everything else."""

import os
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# method -> name, colour (Okabe and Ito's), marker; the codec alone is vermilion
METHODS = {
    "codec": ("codec", "#D55E00", "o"),
    "templates": ("codec, with templates", "#D55E00", "*"),
    "decay": ("decay fit", "#E69F00", "s"),
    "dead_zone": ("dead zone, entropy", "#009E73", "P"),
    "histogram": ("rounded, entropy", "#0072B2", "^"),
    "symmetric": ("symmetric truncation", "#000000", "D"),
    "entropy": ("entropy, no symmetry", "#56B4E9", "v"),
    "truncation": ("truncation + index", "#8C6D31", "X"),
    "sz3": ("SZ3", "#6A3D9A", "<"),
    "zfp": ("ZFP", "#B2A0D0", ">"),
    "svd": ("SVD, each channel", "#CC79A7", "d"),
    "svd_joint": ("SVD, joint", "#999999", "p"),
}
# of many materials side by side
_BESIDE = ("codec", "templates", "decay", "histogram", "symmetric", "entropy", "truncation", "sz3")
_COLUMNS = 4
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "savefig.dpi": 130,
    "figure.constrained_layout.use": True,
}


def draw(name: str, numbers: int, rows: list[dict], path: str | Path) -> None:
    """Write the picture as PNG, whole or not at all.

    Args:
      numbers: entries of g on the coarse meshes.
      rows: "error" and "bits" by method; None where a method cannot be had.
    """
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(7.2, 4.2))
        _lines(axes, rows, METHODS)
        axes.set(xlabel="relative error of complex g", ylabel="bits of g")
        axes.set_title(f"{name}: {numbers:,} numbers", loc="left")
        figure.legend(loc="outside right center")
        _written(figure, path)


def draw_all(records: list[dict], path: str | Path) -> None:
    """Write a picture of all materials, those of the fewest bits first, whole or not at all.

    Args:
      records: of the stage; "name", "free" and "rows" count.
    """
    records = sorted(records, key=lambda record: _ours(_by_error(record["rows"])[0]["bits"]))
    height = -(-len(records) // _COLUMNS)
    with plt.rc_context(_STYLE | {"font.size": 8, "axes.titlesize": 8}):
        figure, axes_yx = plt.subplots(
            height, _COLUMNS, figsize=(8.6, 0.9 + 1.7 * height), sharex=True, sharey=True,
            squeeze=False,
        )  # fmt: skip
        for axes, record in zip(axes_yx.flat, records, strict=False):
            _lines(axes, record["rows"], {method: METHODS[method] for method in _BESIDE})
            axes.set_title(f"{record['name']}: {record['free']:,} independent", loc="left")
        for axes in axes_yx.flat[len(records) :]:
            axes.axis("off")
        for axes in axes_yx.flat[max(len(records) - _COLUMNS, 0) : len(records)]:
            axes.tick_params(labelbottom=True)  # the last of its column
        figure.supxlabel("relative error of complex g", fontsize=8)
        figure.supylabel("bits of g", fontsize=8)
        shown = {}
        for axes in axes_yx.flat:
            lines, words = axes.get_legend_handles_labels()
            shown |= dict(zip(words, lines, strict=True))
        figure.legend(shown.values(), shown.keys(), loc="outside upper center", ncols=4)
        _written(figure, path)


def _lines(axes, rows: list[dict], methods: dict[str, tuple[str, str, str]]) -> None:
    rows = _by_error(rows)
    for method, (text, colour, marker) in methods.items():
        points = [(row["error"], row["bits"][method]) for row in rows if row["bits"].get(method)]
        if points:
            is_ours = colour == METHODS["codec"][1]
            axes.plot(
                *zip(*points, strict=True), color=colour, marker=marker, label=text,
                lw=2 if is_ours else 1, ms=9 if marker == "*" else 5, zorder=2 + is_ours,
                ls="--" if marker == "*" else "-",
            )  # fmt: skip
    axes.set(xscale="log", yscale="log")
    errors = [row["error"] for row in rows]
    axes.set_xticks(errors, [f"{100 * error:g} %" for error in errors])
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def _by_error(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: row["error"])


def _ours(bits: dict[str, int]) -> int:
    return min(bits["codec"], bits.get("templates") or bits["codec"])


def _written(figure, path: str | Path) -> None:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    figure.savefig(temporary, format="png")
    plt.close(figure)
    os.replace(temporary, path)
