"""How far the synthetic materials cover the real ones: two figures, their captions, a table."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from ephforge.core.netcdf import Contents
from ephforge.report.style import IN_RANGE, OUT_OF_RANGE, name

COLUMNS = 5
BINS = 30
OUTLIER = 0.95  # score beyond which a material is said to lie outside
_SYNTHETIC = "#bdbdbd"
# structure of a real material -> colour of its line
_STRUCTURES = {
    "diamond": "#000000",
    "zincblende": "#E69F00",
    "rocksalt": "#CC79A7",
    "fcc": "#0072B2",
}
_OTHER = "#009E73"
WORDS = {
    "bandwidth": "bandwidth",
    "phonon_top": "phonon top",
    "acoustic_top": "acoustic top",
    "phonon_spread": "phonon spread",
    "g_rms": "rms |g|",
    "g_kurtosis": "kurtosis of |g|",
    "optical_share": "optical share",
    "interband_share": "interband share",
    "k_variation": "variation over k",
    "q_variation": "variation over q",
    "map_rank": "rank of maps",
    "electron_range": "range in |Re|",
    "phonon_range": "range in |Rp|",
    "electron_reach": "reach in |Re|",
    "phonon_reach": "reach in |Rp|",
    "entries": "entries for 99 %",
    "rank": "rank of g(Re,Rp)",
    "gap": "gap",
}
_PANELS = {
    "electron_decay": ("|Re| / nearest-neighbour distance", "largest |g| beyond / largest"),
    "phonon_decay": ("|Rp| / nearest-neighbour distance", "largest |g| beyond / largest"),
    "sparsity": ("share of entries g(Re,Rp) kept", "relative error"),
    "rank_joint": ("share of singular values kept, joint", "relative error"),
    "rank_channel": ("share of singular values kept, per channel", "relative error"),
}


def distributions(record: dict, arrays: Contents) -> Figure:
    """A histogram of the synthetic materials per descriptor, with the real ones below it."""
    columns = _columns(arrays)
    shown = [key for key in record["distributions"] if key in columns]
    rows = -(-len(shown) // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(11, 1.75 * rows + 0.5), squeeze=False)
    for axes, key in zip(grid.flat, shown, strict=False):
        facts = record["descriptors"][key]
        _histogram(axes, columns[key], record["distributions"][key], facts["is_log"])
        unit = "" if facts["unit"] == "1" else f" ({facts['unit']})"
        axes.set_title(f"{WORDS.get(key, key)}{unit}", fontweight="normal", fontsize=8.5)
    for axes in grid.flat[len(shown) :]:
        axes.axis("off")
    handles = [
        plt.Rectangle((0, 0), 1, 1, color=_SYNTHETIC),
        plt.Line2D([], [], color=IN_RANGE, marker="o", ls=""),
        plt.Line2D([], [], color=OUT_OF_RANGE, marker="o", ls=""),
    ]
    labels = ("synthetic; dark: 5 to 95 %", "real, within that range", "real, outside of it")
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def spectra(record: dict, arrays: Contents) -> Figure:
    """Decays, sparsity and ranks: the range of the synthetic models, a line per real one."""
    figure, grid = plt.subplots(2, 3, figsize=(11, 6))
    found, places = arrays.variables, record["first_principles"]
    for axes, (key, (xlabel, ylabel)) in zip(grid.flat, _PANELS.items(), strict=False):
        x, band_lx = found[f"{key}_grid"], found[f"{key}_synthetic"]
        axes.fill_between(x, band_lx[0], band_lx[-1], color=_SYNTHETIC, alpha=0.6, lw=0)
        axes.plot(x, band_lx[len(band_lx) // 2], color="#666666", lw=1.2, ls="--")
        for material, curve_x in zip(
            arrays.attributes["real_models"], found[f"{key}_real"], strict=True
        ):
            structure = places.get(material, {}).get("prototype")
            axes.plot(x, curve_x, color=_STRUCTURES.get(structure, _OTHER), lw=0.9, alpha=0.85)
        axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log", ylim=(3e-5, 1.3))
        if key == "sparsity":
            axes.set(xscale="log")
    legend = grid.flat[-1]
    legend.axis("off")
    handles = [
        plt.Rectangle((0, 0), 1, 1, color=_SYNTHETIC, alpha=0.6),
        plt.Line2D([], [], color="#666666", ls="--"),
        *(plt.Line2D([], [], color=c) for c in (*_STRUCTURES.values(), _OTHER)),
    ]
    labels = ("synthetic, 5 to 95 %", "synthetic, median", *_STRUCTURES, "other structures")
    legend.legend(handles, labels, loc="center", title="real models by structure")
    return figure


def distribution_caption(record: dict) -> str:
    """Caption of `distributions`: how many, and the shares of overlap in words."""
    tables = {k: t for k, t in record["distributions"].items() if t["within"] is not None}
    within = float(np.mean([table["within"] for table in tables.values()]))
    overlap = float(np.mean([table["overlap"] for table in tables.values()]))
    worst = sorted(tables, key=lambda key: tables[key]["within"])[:3]
    poor = ", ".join(f"{WORDS.get(k, k)} {100 * tables[k]['within']:.0f} %" for k in worst)
    counts = record["materials"]
    outside = [n for n, p in record["first_principles"].items() if p["maps"]["score"] > OUTLIER]
    said = ", ".join(map(name, outside)) or "none of the real materials"
    gaps = "" if "gap" in tables else " No gap is compared: no model of both sources has one."
    return (
        f"{counts['described']} of {counts['all']} accepted synthetic materials, of all splits, "
        f"and {counts['models']} of them in real space. Of the real values "
        f"{100 * within:.0f} % lie within the range that holds 90 % of the synthetic ones (a "
        f"perfect sampler of them would give 90 %); least: {poor}. The mean overlap coefficient "
        f"of the densities is {overlap:.2f} (1: equal). By all descriptors of the maps together, "
        f"{said} would be an outlier among held-out synthetic families (score above {OUTLIER:g})."
        f"{gaps} Models of one compound on several meshes count each."
    )


def spectra_caption(record: dict) -> str:
    """Caption of `spectra`."""
    shares = ", ".join(
        f"{words} {100 * np.mean(list(record['curves'][key].values())):.0f} %"
        for key, words in (
            ("electron_decay", "decay in |Re|"),
            ("phonon_decay", "decay in |Rp|"),
            ("sparsity", "sparsity"),
            ("rank_joint", "joint rank"),
            ("rank_channel", "rank per channel"),
        )
    )
    return (
        "g(Re,Rp) between orthonormal orbitals, all models on the same supercells; Re from orbital "
        "to orbital, Rp from the first orbital to the atom that moves; the dipole part of polar "
        f"materials is apart. Points of the real curves within the synthetic range: {shares}. "
        "Wannier functions and atomic orbitals are different gauges: part of the difference is "
        "theirs. Real models of coarse q meshes cannot reach farther than these."
    )


def rows(record: dict) -> list[dict]:
    """Rows of the table: scores, neighbours, and what lies outside, in words."""
    return [
        {
            "key": material,
            "material": name(material),
            "maps": found["maps"]["score"],
            "models": found.get("models", {}).get("score"),
            "is_outlier": found["maps"]["score"] > OUTLIER,
            "nearest": [near["family"].replace("_", " ") for near in found["maps"]["neighbours"]],
            "outside": [
                f"{WORDS.get(key, key)} {side}" for key, side in sorted(found["outside"].items())
            ],
        }
        for material, found in record["first_principles"].items()
    ]


def _columns(arrays: Contents) -> dict[str, np.ndarray]:
    """Descriptor -> values of the synthetic materials."""
    maps, models = arrays.attributes["descriptors"]
    found = {
        key: arrays.variables[f"synthetic_{kind}"][:, i]
        for kind, keys in (("maps", maps), ("models", models))
        for i, key in enumerate(keys)
    }
    return found | {"gap": arrays.variables["synthetic_gap"]}


def _histogram(axes, values, table: dict, is_log: bool) -> None:
    """Bars of the synthetic values, and below the axis one dot for each real material."""
    real = {material: found["value"] for material, found in table["real"].items()}
    every = np.concatenate([values, list(real.values())])
    if is_log:
        every = every[every > 0]
        edges = np.geomspace(every.min() / 1.05, every.max() * 1.05, BINS + 1)
        axes.set_xscale("log")
    else:
        margin = 0.02 * (np.ptp(every) or 1.0)
        edges = np.linspace(every.min() - margin, every.max() + margin, BINS + 1)
    low, high = table["synthetic"]["0.05"], table["synthetic"]["0.95"]
    counts, _ = np.histogram(values, edges)
    inside = (edges[1:] > low) & (edges[:-1] <= high)
    colours = np.where(inside, "#9a9a9a", "#dcdcdc")
    axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=colours)
    top = counts.max()
    is_out = {material: not low <= value <= high for material, value in real.items()}
    for material, value in real.items():
        colour = OUT_OF_RANGE if is_out[material] else IN_RANGE
        axes.plot(value, -0.09 * top, "o", color=colour, ms=3.2, alpha=0.8)
    beyond = {m: v for m, v in real.items() if is_out[m]}
    if beyond and len(beyond) <= 4:
        for i, (material, value) in enumerate(sorted(beyond.items(), key=lambda item: item[1])):
            axes.text(
                value, (-0.3 - 0.17 * i) * top, material, fontsize=6, ha="center", va="center"
            )
    deepest = 0.22 + (0.17 * len(beyond) if len(beyond) <= 4 else 0)
    axes.set(yticks=[], ylim=(-deepest * top, 1.08 * top))
    axes.spines["left"].set_visible(False)
    if is_log:
        few = edges[-1] / edges[0] < 100
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        axes.xaxis.set_minor_formatter(
            lambda x, _: f"{x:g}" if few and f"{x:e}"[0] in "125" else ""
        )
    axes.tick_params(axis="x", which="both", labelsize=7)
    axes.grid(visible=False)
