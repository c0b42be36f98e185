"""Tables of the docs: errors of every method and material.

`python -m ephforge.refinement.tables results/refinement/*.json` prints Markdown.
"""

import sys

from ephforge.core.errors import EphforgeError
from ephforge.core.records import read_record
from ephforge.refinement.errors import Errors
from ephforge.refinement.refine import METHODS

USAGE = "usage: python -m ephforge.refinement.tables results/refinement/NAME.json ..."


def table(paths: list[str], measure: str) -> str:
    """One error (errors.Errors) of all methods; a row for each material and coarse mesh."""
    lines = [f"| {measure} | {' | '.join(METHODS)} |", "| --- " * (1 + len(METHODS)) + "|"]
    for path in paths:
        record = read_record(path)
        fine = "x".join(map(str, record["q_mesh"]))
        for mesh, trials in record["coarse"].items():
            errors = [trials.get(method, {}).get(measure) for method in METHODS]
            cells = ["-" if error is None else f"{error:.3f}" for error in errors]
            lines.append(f"| {record['name']}, {mesh} of {fine} | {' | '.join(cells)} |")
    return "\n".join(lines)


def costs(paths: list[str]) -> str:
    """Seconds of DFPT on both meshes, and bounds on what is saved at equal error."""
    head = ["material", "DFPT, s", "fine mesh, s", "saved, fine phonons", "own phonons, summed"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for path in paths:
        record = read_record(path)
        cost, fine = record["dfpt"], "x".join(map(str, record["q_mesh"]))
        for mesh in record["coarse"] if cost else ():
            about = "" if cost[mesh]["run"] else "about "
            cells = [f"{about}{_seconds(cost[mesh]['minutes'])}", _seconds(cost[fine]["minutes"])]
            for measure in ("magnitude", "own_summed"):
                one = record["saved_minutes"][measure][mesh]
                cells.append(f"{_seconds(one['least'])} to {_seconds(one['most'])}")
            lines.append(f"| {record['name']}, {mesh} of {fine} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _seconds(minutes: float) -> str:
    return f"{60 * minutes:.0f}"


def main() -> None:
    paths = sys.argv[1:]
    if not paths:
        sys.exit(USAGE)
    try:
        texts = [*(table(paths, measure) for measure in Errors._fields), costs(paths)]
    except EphforgeError as error:
        sys.exit(f"error: {error}")
    sys.stdout.write("\n\n".join(texts) + "\n")


if __name__ == "__main__":
    main()
