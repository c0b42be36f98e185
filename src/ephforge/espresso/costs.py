"""What a real material costs, step by step, beside a synthetic one: a table for the docs.

`python -m ephforge.espresso.costs CARD MODEL.nc ...` prints Markdown; CARD is
results/dataset/card.json of a campaign on the same machine.
"""

import json
import sys
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read

STEPS = ("scf", "phonon", "nscf", "wannier", "check")
USAGE = "usage: python -m ephforge.espresso.costs results/dataset/card.json MODEL.nc ..."


def table(card: dict, models: list[str]) -> str:
    """CPU seconds of every step and material, and how many synthetic ones cost as much."""
    stages = ("lattice", "coupling")
    synthetic = sum(card["earlier"][s]["wall_seconds"] for s in stages) / card["accepted"]
    head = ["material", "k", "q", *STEPS, "all", "synthetic ones at that cost"]
    rows = [head, ["---"] * len(head)]
    for path in models:
        attributes = read(path, "model").attributes
        if "run_seconds" not in attributes:
            raise EphforgeError(f"{path}: no run_seconds, expected a model that espresso made")
        cpu, entry = attributes["run_seconds"]["cpu"], attributes["run_input"]
        total = sum(cpu.values())
        meshes = ["x".join(map(str, entry[key])) for key in ("k_mesh", "q_mesh")]
        times = [f"{cpu[step]:.0f}" for step in STEPS]
        rows.append([entry["name"], *meshes, *times, f"{total:.0f}", f"{total / synthetic:.0f}"])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(
        [*lines, "", f"One accepted synthetic material, lattice and coupling: {synthetic:.3f} s."]
    )


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 wrong input, 2 wrong usage."""
    if len(arguments) < 2:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        card = json.loads(Path(arguments[0]).read_text())
        print(table(card, arguments[1:]))
    except (OSError, ValueError, EphforgeError) as error:
        print(f"ephforge: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
