"""lambda, T_c, linewidths, mobility of original, compressed and refined models.

    python benchmarks/model_observables.py -o model_observables.json resources/first_principles/*.nc

Metals: lambda, moments of alpha2F, T_c.  Others: linewidths of all states within 10 k_B T of the
band edge and the mobility of few carriers, 300 K.  First the convergence of the original with mesh
and broadening, then, on one mesh, how far everything else is from the original:
  g x %       g as it decodes from a file of that error, H and Phi of the original
  file x %    everything as it decodes (bands to 10 meV, phonons to 0.1 meV)
  ... edges   the same with full bands told (--filled), of semiconductors
  epw         g from half the q mesh as EPW interpolates it, H and Phi of the original
  refined     the same data refined; own phonons: Phi from half the q mesh too
A finished material is written at once, and not computed again; the tables come last.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.core.symmetry import reciprocal_operations
from ephforge.core.units import KELVIN, MEV
from ephforge.modelcodec import errors
from ephforge.modelcodec.encode import Bounds, compress
from ephforge.observables import eliashberg, paths
from ephforge.observables.carriers import carriers, mobility, slopes_squared
from ephforge.observables.fermi import fermi_level
from ephforge.observables.mesh import irreducible
from ephforge.observables.scattering import linewidths
from ephforge.refinement.coarse import as_run_on
from ephforge.refinement.refine import METHODS, refine

BANDS, PHONONS = 0.01, 1e-4  # eV, bounds of compressed files
SOFT = 1e-3  # eV
METALS = {"al": 3.0, "pb": 4.0}  # electrons in the bands
FILLED = {"si_4b8": 4}  # full bands where not all are
DENSITY = (48, 48, 48)
WIDTHS_OF_METALS = [0.1, 0.2, 0.3]  # eV
REPULSION = 0.12  # mu*
TEMPERATURE, REACH = 300.0, 10.0  # kelvin; k_B T above the edge
WIDTHS = [0.01, 0.02]  # eV


def models(model, meshes, budgets: list[float]) -> tuple[dict, dict]:
    """Everything that is compared, by name, the original first; bits of what is compressed."""
    found, bits = {"original": model}, {}
    for budget in budgets:
        for filled in (None,) if is_metal(model.name) else (None, full_bands(model)):
            compressed = compress(model, *meshes, Bounds(budget, BANDS, PHONONS, None), filled)
            again = compressed.model
            label = f"{100 * budget:g} %" + (", edges" if filled else "")
            found[f"g {label}"] = replace(model, coupling=again.coupling)
            found[f"file {label}"], bits[label] = again, compressed.bits
    few = tuple(n // 2 if n % 2 == 0 and n > 2 else n for n in meshes[1])
    if few == meshes[1]:
        return found, bits
    own = {"force_constants": model.force_constants}
    found["epw"] = replace(as_run_on(model, meshes[0], few), **own)
    fine = refined(model, (meshes[0], few), meshes[1])
    return found | {"refined": replace(fine, **own), "refined, own phonons": fine}, bits


def refined(model, meshes, fine):
    """By the method that docs/refinement.md recommends for the material."""
    names = ("short",) if is_metal(model.name) else ("response", "multipoles")
    for name in names:
        try:
            return refine(model, meshes, fine, METHODS[name])
        except EphforgeError as error:
            refused = error
    raise refused


def full_bands(model) -> int:
    return FILLED.get(model.name, len(model.hopping.site))


def is_metal(name: str) -> bool:
    return name.split("_")[0] in METALS


def metal(model, density, k: int, width: int) -> dict:
    """lambda, moments of alpha2F (meV) and T_c (K) on a mesh of k^3, q half as dense."""
    electrons = METALS[model.name.split("_")[0]]
    fermi = fermi_level(model.hopping, electrons, density)
    found = eliashberg.mode_couplings(model, fermi, (k,) * 3, (k // 2,) * 3, WIDTHS_OF_METALS, SOFT)
    average = eliashberg.summary(found, width)
    weight_qv = found.weight_q[:, None] * found.lambda_bqv[width]
    return {
        "lambda": average.coupling,
        "alpha2F_mev": MEV * float(np.sum(weight_qv * found.energy_qv)) / 2,
        "energy_log_mev": MEV * average.energy_log,
        "energy_rms_mev": MEV * average.energy_rms,
        "critical_temperature_k": eliashberg.critical_temperature(average, REPULSION),
    }


def edge(model, mesh: int, is_hole: bool, width: int) -> tuple[dict, np.ndarray]:
    """Mobility (cm^2/Vs) and mean linewidth (meV); and Gamma of all states within the reach."""
    filled = full_bands(model)
    reach = REACH * KELVIN * TEMPERATURE
    highest = float(paths.phonons(model, np.array([[0.5, 0, 0], [1e-4, 0, 0]])).max())
    own = (model.hopping, (mesh,) * 3, filled, is_hole)
    final = carriers(*own, reach + 1.2 * highest + 4 * max(WIDTHS))
    near = carriers(*own, reach)
    crystal = model.crystal
    operations_g33 = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    number_k, weight_k = irreducible(operations_g33, (mesh,) * 3)
    place_k = np.ravel_multi_index(near.index_k3.T, near.mesh)
    chosen = np.flatnonzero(np.isin(place_k, number_k))
    initial = near.take(chosen)
    own_k = weight_k[np.searchsorted(number_k, place_k[chosen])]
    width_kn = linewidths(model, initial, final, WIDTHS, TEMPERATURE, SOFT)[width]
    square_kn = slopes_squared(model.hopping, crystal.cell, initial)
    value = mobility(initial, square_kn, width_kn, own_k, TEMPERATURE)
    share_kn = own_k[:, None] * initial.is_near_kn
    mean = MEV * float(np.sum(share_kn * width_kn) / np.sum(share_kn))
    weighed = np.sqrt(share_kn / share_kn.sum()) * width_kn
    return {"mobility": value, "linewidth_mev": mean}, weighed


def material(path: Path, budgets: list[float], meshes: list[int], chosen: int) -> dict:
    """Convergence of the original and what every other model gives."""
    contents = read(path, "model")
    model = read_model(contents)
    coarse = tuple(tuple(map(int, contents.variables[f"g_{x}_mesh"])) for x in "kq")
    start = time.perf_counter()
    compared, bits = models(model, coarse, budgets)
    cases = ["metal"] if is_metal(model.name) else ["holes"]
    if full_bands(model) < len(model.hopping.site):
        cases = ["holes", "electrons"] if not is_metal(model.name) else cases
    found = {"mesh": chosen, "bits": bits, "errors_of_g": {}}
    for name, own in compared.items():
        found["errors_of_g"][name] = errors.coupling(model, own, coarse)
    for case in cases:
        found[case] = one_case(model.name, compared, case, meshes, chosen)
    return found | {"seconds": time.perf_counter() - start}


def one_case(name: str, compared: dict, case: str, meshes: list[int], chosen: int) -> dict:
    """Of a metal, of holes or of electrons."""
    widths = WIDTHS_OF_METALS if case == "metal" else WIDTHS
    middle = 1

    def value(model, mesh: int, width: int):
        if case == "metal":
            return metal(model, DENSITY, mesh, width), None
        return edge(model, mesh, case == "holes", width)

    converged = [
        {"mesh": mesh, "broadening_ev": widths[width]} | value(compared["original"], mesh, width)[0]
        for mesh in meshes
        for width in range(len(widths))
    ]
    found = {"convergence": converged, "broadening_ev": widths[middle], "models": {}}
    for label, model in compared.items():
        values, weighed = value(model, chosen, middle)
        if label == "original":
            first, first_weighed = values, weighed
        own = {"values": values, "errors": {key: values[key] / first[key] - 1 for key in first}}
        # other bands have other states within reach, and no linewidth to hold against
        if weighed is not None and weighed.shape == first_weighed.shape:
            away = np.linalg.norm(weighed - first_weighed) / np.linalg.norm(first_weighed)
            own["errors"]["linewidths"] = float(away)
        found["models"][label] = own
        report = ", ".join(f"{key} {error:+.4f}" for key, error in own["errors"].items())
        sys.stdout.write(f"{name} {case} {label}: {report}\n")
        sys.stdout.flush()
    return found


def tables(record: dict) -> str:
    """Markdown: errors of all models, then the convergence."""
    lines = []
    for name, found in sorted(record.items()):
        for case in ("metal", "holes", "electrons"):
            if case not in found:
                continue
            rows = found[case]["models"]
            keys = list(rows["g 2 %"]["errors"] if "g 2 %" in rows else rows["original"]["errors"])
            lines += ["", f"| {name}, {case} | error of g | {' | '.join(keys)} |"]
            lines.append("| --- " * (2 + len(keys)) + "|")
            for label, row in rows.items():
                cells = [
                    f"{100 * row['errors'][k]:+.2f} %" if k in row["errors"] else "-" for k in keys
                ]
                error = f"{100 * found['errors_of_g'][label]:.2f} %"
                lines.append(f"| {label} | {error} | {' | '.join(cells)} |")
            keys = list(found[case]["convergence"][0])
            lines += ["", "| " + " | ".join(keys) + " |", "| --- " * len(keys) + "|"]
            for row in found[case]["convergence"]:
                lines.append("| " + " | ".join(f"{row[key]:.4g}" for key in keys) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--errors", nargs="*", type=float, default=[0.02])
    parser.add_argument("--meshes", nargs="+", type=int, default=[16, 24, 32])
    parser.add_argument("--metal-meshes", nargs="+", type=int, default=[16, 24, 32])
    options = parser.parse_args()
    record = json.loads(options.output.read_text()) if options.output.exists() else {}
    for path in options.models:
        if path.stem in record:
            continue
        meshes = options.metal_meshes if is_metal(path.stem) else options.meshes
        chosen = meshes[max(len(meshes) - 2, 0)]
        record[path.stem] = material(path, options.errors, meshes, chosen)
        options.output.write_text(json.dumps(record, indent=1))
    sys.stdout.write(tables(record) + "\n")


if __name__ == "__main__":
    main()
