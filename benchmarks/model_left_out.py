"""Bits of g when other real materials tell what is expected: leave one out.

    python benchmarks/model_left_out.py -o model_left_out.json resources/first_principles/*_[34]*.nc

For each material the weights of the prior are fitted as those of the codec are (model_prior.py),
but to all real materials whose set of elements is another, and its templates are those of them on
the same crystal structure and meshes, functions matched.  It is no method of the codec, whose
weights and templates are synthetic: it shows what knowing other real materials would be worth.

  real             bytes of g in bits, weights from other real materials, no templates
  real_templates   the same with multiples of other real materials subtracted first
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from model_prior import ERRORS, UNIT, Told, fitted, quantised

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import Model, read_model
from ephforge.core.records import read_record
from ephforge.modelcodec import templates
from ephforge.modelcodec.encode import Bounds, coded, model_header, with_mean
from ephforge.modelcodec.header import Header
from ephforge.modelcodec.parts import Parts, parts
from ephforge.modelcodec.prior import Prior
from ephforge.symmetry.coarse import Coarse, coarse

BOUNDS = Bounds(0.02, 0.01, 1e-4, None)  # of the header
NEAR = 0.05  # of a cell vector: atoms of one crystal structure stand as near as that


class Material(NamedTuple):
    """One real material: reduced numbers, and what the fit of weights sees of them."""

    model: Model
    values: Coarse
    header: Header
    known: Parts
    free_n: np.ndarray
    told: list[Told]


def material(path: Path) -> Material:
    """Read and reduce a model file."""
    contents = read(path, "model")
    meshes = [tuple(map(int, contents.variables[f"g_{which}_mesh"])) for which in "kq"]
    model = read_model(contents)
    values = coarse(model, *meshes)
    header = model_header(model, values, BOUNDS)
    known = parts(header)
    free_n = known.reductions.coefficients(values)[2]
    draw = np.random.default_rng(0)
    told = [quantised(draw, known.g_nf, free_n, error) for error in ERRORS]
    return Material(model, values, header, known, free_n, [one for one in told if one is not None])


def elements(found: Material) -> set[int]:
    return set(found.model.crystal.numbers.tolist())


def expected(own: Material, others: list[Material]) -> tuple[list[int], list[np.ndarray]]:
    """Numbers and coefficients, of unit norm, of others on the crystal of a material."""
    number_k, template_kn = [], []
    for number, other in enumerate(others):
        try:
            found_n = template(own, other)
        except EphforgeError:
            continue
        number_k.append(number)
        template_kn.append(found_n / np.linalg.norm(found_n))
    if own.header.long_range is not None:
        number_k.append(templates.FIELD)
        home_ab = own.values.hopping_rab[0]
        field = (templates.FIELD, own.header, own.known.reductions, home_ab)
        template_kn.append(templates.template(*field))
    return number_k, template_kn


def template(own: Material, other: Material) -> np.ndarray:
    """Coefficients of another material in the functions of this one."""
    cell_33, there_33 = own.header.crystal.cell, other.header.crystal.cell
    if own.values.g_psrcab.shape != other.values.g_psrcab.shape or (
        own.values.k_mesh != other.values.k_mesh
    ):
        raise EphforgeError("other meshes or another number of atoms")
    away_s3 = own.header.crystal.positions @ np.linalg.inv(cell_33)
    away_s3 = away_s3 - other.header.crystal.positions @ np.linalg.inv(there_33)
    # angles between cell vectors
    shape = [x @ x.T / np.linalg.norm(x[0]) ** 2 for x in (cell_33, there_33)]
    if np.abs(away_s3 - np.rint(away_s3)).max() > NEAR or not np.allclose(*shape, atol=NEAR):
        raise EphforgeError("another crystal structure")
    centre_b3 = other.header.centre_a3 @ np.linalg.inv(there_33) @ cell_33
    home_ab = own.values.hopping_rab[0]
    values = templates.brought(other.values, centre_b3, own.header, home_ab)
    return own.known.reductions.coefficients(values)[2]


def left_out(own: Material, every: list[Material], errors: list[float]) -> list[dict]:
    """Bits at each error, nothing known of materials that share all elements with this one."""
    others = [one for one in every if elements(one) != elements(own)]
    weight_f, _ = fitted([told for one in others for told in one.told])
    start = Prior(np.rint(weight_f * UNIT).astype(int))
    found = expected(own, others)
    names = ["field" if k == templates.FIELD else others[k].model.name for k in found[0]]
    rows = []
    for error in errors:
        largest = error * float(np.linalg.norm(own.values.g_psrcab))
        bits = {"real": 8 * len(coded(own.free_n, own.known.g_nf, start, largest).data)}
        if names:
            mean, rest = with_mean(own.free_n, own.known, found, largest, start=start)
            bits["real_templates"] = 8 * (len(mean) + len(rest.data))
        rows.append({"error": error, "bits": bits})
        sys.stdout.write(f"{own.model.name}, error {error:g}: {bits}, from {names}\n")
        sys.stdout.flush()
    return [row | {"templates": names} for row in rows]


def table(record: dict, folder: Path, error: float) -> str:
    """Markdown: what is learnt from nothing, from synthetic and from real materials, in bits."""
    head = ["model", "rounded, entropy", "decay fit", "synthetic weights", "and templates"]
    head += ["real weights", "and templates", "of them"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for name, rows in record.items():
        bits = {row["error"]: row["bits"] for row in read_record(folder / f"{name}.json")["rows"]}
        (left,) = [row for row in rows if row["error"] == error]
        told = bits[error] | left["bits"]
        keys = ("histogram", "decay", "codec", "templates", "real", "real_templates")
        cells = [f"{told[key]:,}" if key in told else "-" for key in keys]
        lines.append(f"| {' | '.join([name, *cells, ', '.join(left['templates'])])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--errors", nargs="*", type=float, default=[0.02, 0.05, 0.1])
    parser.add_argument("--records", type=Path, help="folder of stage modelcodec: print a table")
    options = parser.parse_args()
    record = json.loads(options.output.read_text()) if options.output.exists() else {}
    every = [material(path) for path in options.models]
    for own in every:
        if own.model.name not in record:
            record[own.model.name] = left_out(own, every, options.errors)
            options.output.write_text(json.dumps(record, indent=1) + "\n")
    if options.records:
        for error in options.errors:
            sys.stdout.write(f"{error:g}:\n\n{table(record, options.records, error)}\n\n")


if __name__ == "__main__":
    main()
