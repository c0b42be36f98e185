"""Refinement with the help of other real materials, each of some files in turn from the rest.

`python -m ephforge.refinement.leave_one_out FILES` prints Markdown; `-o FILE` keeps all errors.
What of a material enters is its coarse mesh and its crystal: no file of the same
composition is among its relatives, be it a polymorph, another mesh or other bands.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.refinement import coarse, response
from ephforge.refinement.errors import Errors, Judge
from ephforge.refinement.judge import coarse_meshes
from ephforge.refinement.lattice import force_constants
from ephforge.refinement.refine import METHODS, RELATIVES, Columns, Method, couplings
from ephforge.refinement.relatives import Relative, checked, columns, composition, read_relative

# name: method, and which couplings it combines
WAYS: dict[str, tuple[Method, tuple[str, ...]]] = {
    "epw": (METHODS["epw"], ()),
    "split": (METHODS["split"], ()),
    "response": (METHODS["response"], ("electrons",)),
    "response, deviations": (RELATIVES, ("electrons",)),
    "relatives": (RELATIVES, ("relatives",)),
    "relatives, response": (RELATIVES, ("relatives", "electrons")),
}


class Row(NamedTuple):
    """One material: errors of each of `WAYS` that it has, sources of its relatives, refusals."""

    name: str
    errors: dict[str, Errors]
    relatives: list[str]
    refused: dict[str, str]


def chosen(one: Relative, others: list[Relative]) -> tuple[list[Relative], dict[str, str]]:
    """Those of other composition that fit, and why others do not."""
    kept, refused = [], {}
    for other in others:
        if composition(other.model) == composition(one.model):
            refused[other.source] = "the same material"
            continue
        try:
            checked(one.model, other, one.k_mesh, one.q_mesh)
        except EphforgeError as error:
            refused[other.source] = str(error)
        else:
            kept.append(other)
    return kept, refused


def row(one: Relative, others: list[Relative], electrons: bool = True) -> Row:
    """Errors of every way from the coarsest mesh, at the q that it lacks.

    Args:
      electrons: whether model electrons are solved for, a minute (a metal: ten).

    Raises:
      EphforgeError: no coarser mesh divides that of the material.
    """
    meshes = coarse_meshes(one.q_mesh)
    if not meshes:
        raise EphforgeError(
            f"{one.source}: no coarser mesh divides q mesh {'x'.join(map(str, one.q_mesh))}, "
            "expected one with a half or a third; leave it out"
        )
    few, fine, model = meshes[0], one.q_mesh, one.model
    kept, refused = chosen(one, others)
    known = _known(one, kept, refused, electrons)
    q_q3 = mesh_points(fine)
    true = coarse.at_points(model, one.k_mesh, q_q3), coarse.dynamical(model, q_q3)
    judge = Judge(model, one.k_mesh, coarse.points_of(few, fine), fine, *true)
    unit, errors = float(np.linalg.norm(model.crystal.cell[0])), {}
    for name, (method, parts) in WAYS.items():
        if not all(known.get(part) for part in parts):
            continue
        both = [column for part in parts for column in known[part]]
        g = couplings(model, one.k_mesh, few, fine, method, both)
        own = replace(model, force_constants=force_constants(model, few, method.lattice * unit))
        errors[name] = judge.errors(g, coarse.dynamical(own, q_q3))
    return Row(model.name, errors, [other.source for other in kept], refused)


def _known(
    one: Relative, kept: list[Relative], refused: dict[str, str], electrons: bool
) -> dict[str, Columns]:
    """Couplings that are combined; adds to `refused`."""
    known = {"relatives": columns(one.model, kept, one.k_mesh, one.q_mesh)}
    if not electrons:
        return known
    try:
        known["electrons"] = response.templates(one.model, one.k_mesh, one.q_mesh)
    except EphforgeError as error:
        refused["model electrons"] = str(error)
    return known


def table(rows: list[Row], measure: str) -> str:
    """Markdown of one error (errors.Errors), and the number of relatives."""
    lines = [f"| {measure} | {' | '.join(WAYS)} | relatives, number |"]
    lines.append("| --- " * (2 + len(WAYS)) + "|")
    for one in rows:
        cells = [
            f"{getattr(one.errors[way], measure):.3f}" if way in one.errors else "-" for way in WAYS
        ]
        lines.append(f"| {one.name} | {' | '.join(cells)} | {len(one.relatives)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", metavar="MODEL", help="files of kind model")
    parser.add_argument("-o", "--output", type=Path, help="JSON with all errors")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="rows of these materials alone")
    parser.add_argument(
        "--without-electrons", action="store_true", help="relatives alone, in seconds"
    )
    words = parser.parse_args()
    try:
        found = [read_relative(path) for path in words.files]
        rows = [
            row(one, [other for other in found if other is not one], not words.without_electrons)
            for one in found
            if words.only is None or one.model.name in words.only
        ]
    except EphforgeError as error:
        sys.exit(f"error: {error}")
    if words.output:
        words.output.write_text(json.dumps(record(rows), indent=1) + "\n")
    tables = [table(rows, measure) for measure in Errors._fields]
    sys.stdout.write("\n\n".join(tables) + "\n")


def record(rows: list[Row]) -> dict:
    """Plain numbers, digits as in the tables."""
    return {
        one.name: {
            "errors": {
                way: {name: round(value, 4) for name, value in errors._asdict().items()}
                for way, errors in one.errors.items()
            },
            "relatives": [Path(source).stem for source in one.relatives],
            "refused": {
                Path(source).stem: reason.removeprefix(f"{source}: ")
                for source, reason in one.refused.items()
            },
        }
        for one in rows
    }


if __name__ == "__main__":
    main()
