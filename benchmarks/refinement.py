"""Errors of every refinement method on first-principles models: coarse q mesh in, DFPT beside it.

    python benchmarks/refinement.py -o refinement.json resources/first_principles/si_4.nc ...

A model on a fine q mesh is folded onto every second q (of directions with an even number of
them) and refined again; errors (ephforge.refinement.errors) are those at the q that this
leaves out, once with the phonons of the fine mesh for all, once with everybody's own.
Materials whose mesh has no half are named and passed over.  Each finished material is
written at once, and not computed again; tables of all that are there come last.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.refinement import coarse
from ephforge.refinement.errors import Errors, Judge
from ephforge.refinement.lattice import force_constants
from ephforge.refinement.refine import METHODS, couplings


def half(mesh: tuple[int, ...]) -> tuple[int, ...] | None:
    """Half of every even number of points above two; None where there is none."""
    found = tuple(n // 2 if n % 2 == 0 and n > 2 else n for n in mesh)
    return None if found == mesh else found


def material(path: Path) -> dict | None:
    """Errors of every method."""
    contents = read(path, "model")
    model = read_model(contents)
    k_mesh, fine = (tuple(map(int, contents.variables[n])) for n in ("g_k_mesh", "g_q_mesh"))
    few = half(fine)
    if few is None:
        return None
    q = mesh_points(fine)
    g, phi = coarse.at_points(model, k_mesh, q), coarse.dynamical(model, q)
    judge = Judge(model, k_mesh, coarse.points_of(few, fine), fine, g, phi)
    unit = float(np.linalg.norm(model.crystal.cell[0]))
    found = {"k_mesh": k_mesh, "fine": fine, "coarse": few, "methods": {}}
    for name, method in METHODS.items():
        start = time.perf_counter()
        try:
            refined = couplings(model, k_mesh, few, fine, method)
        except EphforgeError as error:
            found["methods"][name] = {"error": str(error)}
            continue
        own = replace(model, force_constants=force_constants(model, few, method.lattice * unit))
        seconds = time.perf_counter() - start
        errors = judge.errors(refined, coarse.dynamical(own, q))._asdict()
        found["methods"][name] = errors | {"seconds": seconds}
        print(path.stem, name, *(f"{key} {value:.4f}" for key, value in errors.items()), flush=True)
    return found


def table(record: dict, measure: str) -> str:
    """Markdown: one error of all methods and materials."""
    lines = [f"| {measure} | {' | '.join(METHODS)} |", "| --- " * (1 + len(METHODS)) + "|"]
    for name, found in sorted(record.items()):
        errors = [found["methods"].get(method, {}).get(measure) for method in METHODS]
        cells = ["-" if error is None else f"{error:.4f}" for error in errors]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    record = json.loads(options.output.read_text()) if options.output.exists() else {}
    for path in options.models:
        if path.stem in record:
            continue
        found = material(path)
        if found is None:
            print(f"{path.stem}: its q mesh has no half")
            continue
        record[path.stem] = found
        options.output.write_text(json.dumps(record, indent=1))
    for measure in Errors._fields:
        print(f"\n{table(record, measure)}")


if __name__ == "__main__":
    main()
