"""Stage refinement: how well coarse q meshes of one real material are refined, record and picture.

The model's own q mesh is the truth; every coarser mesh that divides it is taken for a run.  Errors
stand beside the minutes that DFPT took, with phonons of the fine mesh for all and with
those that each has from its coarse mesh alone.
"""

import logging
import time
from pathlib import Path

import numpy as np

from ephforge.core.devices import settle
from ephforge.core.netcdf import read
from ephforge.core.realspace import Mesh
from ephforge.core.records import write_record
from ephforge.observables.paths import ticks
from ephforge.refinement import figures
from ephforge.refinement.along import Along, along
from ephforge.refinement.coarse import of_run
from ephforge.refinement.cost import Cost, costs, saved
from ephforge.refinement.judge import Trial, hidden, judged, recommended

log = logging.getLogger(__name__)


def run(
    model: str, record: str, figure: str, metals: list[str], options: dict, provenance: dict,
    runs: str | list[str] = (),
) -> None:  # fmt: skip
    """Read a file of kind "model", write what refinement is worth for it.

    Args:
      model, record, figure: paths of the input and of the two outputs.
      metals: names of materials that are metals, which another method is recommended for.
      options: the section `refinement` of the configuration.
      provenance: stage, options and code of the caller, kept in the record.
      runs: files of other models that may be of the same material, for what their DFPT took.

    Raises:
      EphforgeError: a file is absent, damaged or incomplete, or no coarser mesh divides the
        model's q mesh.
    """
    settle()
    start = time.perf_counter()
    contents = read(model, "model")
    material, (k_mesh, fine) = of_run(model, contents)
    trials = judged(material, k_mesh, fine)
    meshes = list(trials)
    few = meshes[0]
    method = recommended(trials[few], material.name in metals)
    path = along(material, (k_mesh, few, fine), method, options["path_points"])
    others = [read(one, "model").attributes for one in ([runs] if isinstance(runs, str) else runs)]
    cost = costs(contents.attributes, others, [*meshes, fine], options["cost_exponent"])
    figures.draw(figures.Picture(material.name, method, few, fine, trials, path, cost), figure)
    values = {
        "name": material.name,
        "k_mesh": list(k_mesh),
        "q_mesh": list(fine),
        "hidden_q": len(hidden(meshes, fine)),
        "method": method,
        "coarse": {_key(mesh): _row(found) for mesh, found in trials.items()},
        "dfpt": {_key(mesh): found._asdict() for mesh, found in cost.items()},
        "saved_minutes": _savings(trials, cost, method, fine) if cost else {},
        "path": _drawn(path),
    }
    write_record(record, values | provenance | {"wall_seconds": time.perf_counter() - start})
    log.info("%s: written to %s", material.name, Path(record).name)


def _key(mesh: Mesh) -> str:
    return "x".join(map(str, mesh))


def _row(trials: dict[str, Trial]) -> dict:
    return {
        name: {"refused": one.refusal} if one.refusal else one.errors | {"seconds": one.seconds}
        for name, one in trials.items()
    }


def _savings(
    trials: dict[Mesh, dict[str, Trial]], cost: dict[Mesh, Cost], method: str, fine: Mesh
) -> dict:
    """Of every coarse mesh and every way to take the phonons: bounds on minutes saved."""
    found = {}
    for measure in figures.MEASURES:
        known = [(cost[m].minutes, own["epw"].errors[measure]) for m, own in trials.items()]
        found[measure] = {
            _key(mesh): saved(
                own[method].errors[measure], cost[mesh].minutes, known, cost[fine].minutes
            )._asdict()
            for mesh, own in trials.items()
            if not own[method].refusal
        }
    return found


def _drawn(found: Along) -> dict:
    """The path in plain numbers; null at Gamma."""
    lines = zip(("coarse", "refined", "fine"), found.line_lx, strict=True)
    return {
        "unit": "eV/angstrom/sqrt(dalton)",
        "ticks": ticks(found.path),
        "x": found.path.x_k.tolist(),
        "piece": found.path.piece_k.tolist(),
        "lines": {
            name: [float(x) if np.isfinite(x) else None for x in line_x] for name, line_x in lines
        },
        "dots": {
            "x": found.dot_x.tolist(),
            "strength": found.dot_strength.tolist(),
            "is_given": found.is_given_d.tolist(),
        },
    }
