"""Tables of the docs: what the models of real materials are, and what they cost.

`python -m ephforge.espresso.summary CARD MODEL.nc ...` prints Markdown; CARD is
results/dataset/card.json of a campaign on the machine that made the models.
"""

import json
import sys
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read

STEPS = ("scf", "phonon", "nscf", "wannier", "check")
USAGE = "usage: python -m ephforge.espresso.summary results/dataset/card.json MODEL.nc ..."


def checks_table(models: dict[str, dict], sizes: dict[str, int]) -> str:
    """Meshes, size, and the checks that were recorded when a model was made."""
    rows = []
    for name, attributes in models.items():
        entry, checks = attributes["run_input"], attributes["checks"]
        rows.append(
            [
                name,
                entry["crystal"],
                f"{_mesh(entry['k_mesh'])} / {_mesh(entry['q_mesh'])}",
                str(entry["wannier"]["functions"]),
                "yes" if entry["polar"] else "no",
                f"{sizes[name] / 1e6:.1f}",
                f"{max(checks['wannier_spreads_angstrom2']):.2f}",
                f"{checks['bands_on_path_mev']:.0f}",
                f"{checks['epw_g_relative']:.1e}",
                f"{attributes['deviations']['relative_g']:.1e}",
            ]
        )
    head = ["model", "structure", "k / q", "functions", "polar", "MB", "spread", "bands"]
    return _markdown([*head, "g, EPW's files", "g, as shipped"], rows)


def costs_table(models: dict[str, dict], synthetic: float) -> str:
    """CPU seconds of every step, and how many synthetic materials cost as much."""
    rows = []
    for name, attributes in models.items():
        cpu = attributes["run_seconds"]["cpu"]
        total = sum(cpu.values())
        times = [f"{cpu[step]:.0f}" for step in STEPS]
        rows.append([name, *times, f"{total:.0f}", f"{total / synthetic:.0f}"])
    return _markdown(["model", *STEPS, "all", "synthetic at that cost"], rows)


def synthetic_seconds(card: dict) -> float:
    """Seconds of the stages lattice and coupling for one accepted synthetic material."""
    stages = ("lattice", "coupling")
    return sum(card["earlier"][stage]["wall_seconds"] for stage in stages) / card["accepted"]


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _mesh(mesh: list[int]) -> str:
    return "x".join(map(str, mesh))


def _made_here(path: str) -> dict:
    attributes = read(path, "model").attributes
    if "run_seconds" not in attributes:
        raise EphforgeError(f"{path}: no run_seconds, expected a model that the workflow made")
    return attributes


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 wrong input, 2 wrong usage."""
    if len(arguments) < 2:
        print(USAGE, file=sys.stderr)
        return 2
    card, *paths = map(Path, arguments)
    try:
        synthetic = synthetic_seconds(json.loads(card.read_text()))
        models = {path.stem: _made_here(str(path)) for path in paths}
    except (OSError, ValueError, KeyError, EphforgeError) as error:
        print(f"ephforge: error: {error}", file=sys.stderr)
        return 1
    print(checks_table(models, {path.stem: path.stat().st_size for path in paths}))
    print()
    print(costs_table(models, synthetic))
    print(f"\nOne accepted synthetic material, lattice and coupling: {synthetic:.3f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
