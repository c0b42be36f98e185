"""Figure: coupling strength along L - Gamma - X from a coarse mesh by EPW's way, refined, and fine.

    python benchmarks/refinement_path.py -o refinement.png resources/first_principles/si_4.nc ...

The numbers that are drawn go to a file of the same name that ends in .json.
sqrt(sum |g_sc,ab(k, q)|^2 / M_s) at k = 0, which has no gauge and needs no phonons; the coarse
mesh is every second q of the file's.  Dots are DFPT's own q; filled ones those of the coarse mesh.
"""

import argparse
import itertools
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.refinement.coarse import as_run_on, at_points
from ephforge.refinement.refine import METHODS, refine

CORNERS = np.array([[0.5, 0.5, 0.5], [0.0, 0.0, 0.0], [0.5, 0.0, 0.5]])
STEPS = 24  # of each piece of the path


def strength(model, k_mesh, q_q3) -> np.ndarray:
    """eV/angstrom/sqrt(dalton) at k = 0."""
    g_qscab = at_points(model, k_mesh, q_q3).sum(axis=3)
    square_qs = np.sum(np.abs(g_qscab) ** 2, axis=(2, 3, 4))
    return np.sqrt(square_qs @ (1 / model.crystal.masses))


def panel(axes, path: Path, method: str) -> dict:
    """Draw one material; what was drawn: lines and dots by name, the places of dots."""
    contents = read(path, "model")
    model = read_model(contents)
    k_mesh, fine = (tuple(map(int, contents.variables[n])) for n in ("g_k_mesh", "g_q_mesh"))
    few = tuple(n // 2 for n in fine)
    share = np.arange(STEPS) / STEPS
    pieces = [a + share[:, None] * (b - a) for a, b in itertools.pairwise(CORNERS)]
    q_q3 = np.concatenate([*pieces, CORNERS[-1:]])
    x = np.arange(len(q_q3)) / STEPS
    away = np.any(np.abs(q_q3) > 1e-6, axis=1)  # Gamma has no direction
    lines = {
        f"{fine[0]}³, EPW": (model, "k"),
        f"{few[0]}³, EPW": (as_run_on(model, k_mesh, few), "tab:orange"),
        f"{few[0]}³, {method}": (
            refine(model, (k_mesh, few), fine, METHODS[method]), "tab:blue"
        ),
    }  # fmt: skip
    drawn = {"x": x.tolist(), "lines": {}, "dots": {}}
    for label, (own, colour) in lines.items():
        values = np.where(away, strength(own, k_mesh, q_q3), np.nan)
        axes.plot(x, values, color=colour, label=label, lw=1.2)
        drawn["lines"][label] = [
            v if there else None for v, there in zip(values, away, strict=True)
        ]
    for mesh, face in ((fine, "none"), (few, "k")):
        is_on = away & np.all(np.abs(q_q3 * mesh - np.round(q_q3 * mesh)) < 1e-6, axis=1)
        dots = strength(model, k_mesh, q_q3[is_on])
        axes.scatter(x[is_on], dots, s=22, facecolors=face, edgecolors="k", zorder=3)
        drawn["dots"][f"{mesh[0]}³"] = {"x": x[is_on].tolist(), "y": dots.tolist()}
    axes.set_title(path.stem)
    axes.set_xticks([0, 1, 2], ["L", "Γ", "X"])
    return drawn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--method", default="response", choices=METHODS)
    options = parser.parse_args()
    count = len(options.models)
    figure, axes = plt.subplots(1, count, figsize=(3.6 * count, 3), squeeze=False)
    pairs = zip(axes[0], options.models, strict=True)
    drawn = {path.stem: panel(own, path, options.method) for own, path in pairs}
    options.output.with_suffix(".json").write_text(json.dumps(drawn))
    axes[0, 0].set_ylabel("strength at k = 0 (eV/Å/√Da)")
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(options.output, dpi=110)


if __name__ == "__main__":
    main()
