"""Stage superresolve: error at the q points that were not given, for every method, and maps."""

import logging
import time

import numpy as np

from ephforge.baselines.interpolation import coarse_points
from ephforge.baselines.measure import relative_error
from ephforge.baselines.table import summary
from ephforge.core.blocks import Block, on_grid, strongest_channel
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Variable, write
from ephforge.core.records import write_record
from ephforge.dataset.splits import read_materials, read_splits
from ephforge.model.storage import load_codec
from ephforge.superresolve.methods import METHODS, fit, hidden_error, rebuilt_by_all, tune

log = logging.getLogger(__name__)

MOST_TUNED = 40  # materials: enough to choose between three powers
SYNTHETIC_EXAMPLES = 2


def run(
    dataset: str,
    autoencoder: str,
    materials,
    metrics: str,
    examples: str,
    options: dict,
    provenance: dict,
) -> None:
    """Refine every held-out and every real material; write the errors, and maps of a few.

    Classical methods are tuned on the validation split (the training split where that is
    empty): the power of |g| that is interpolated, the strength of the ridge.

    Raises:
      EphforgeError: the coarse mesh does not divide the q mesh, or equals it.
    """
    start = time.perf_counter()
    coarse = tuple(options["coarse_q_mesh"])
    codec, splits = load_codec(autoencoder), read_splits(dataset)
    real = read_materials([materials] if isinstance(materials, str) else list(materials))
    for block in [*splits["train"], *splits["validation"], *splits["test"], *real]:
        _check_meshes(block, coarse)
    fitted = fit(splits["train"], coarse)
    tuning = tune((splits["validation"] or splits["train"])[:MOST_TUNED], fitted, coarse)
    log.info("tuned: %s", tuning)

    rows, reasons, groups = {}, {}, {}
    for number, block in enumerate(splits["test"] + real):
        rebuilt, found = rebuilt_by_all(block, coarse, codec, fitted, tuning)
        rows[block.name] = {m: hidden_error(g, block, coarse) for m, g in rebuilt.items()}
        reasons |= {block.name: found} if found else {}
        if number < SYNTHETIC_EXAMPLES or number >= len(splits["test"]):
            groups[block.name] = _example(block, coarse, rebuilt)
    synthetic = summary([rows[block.name] for block in splits["test"]])
    record = {
        "provenance": provenance,
        "methods": METHODS,
        "coarse_q_mesh": list(coarse),
        "tuning": tuning._asdict(),
        "synthetic_test": synthetic["mean"],
        "synthetic_test_median": synthetic["median"],
        "synthetic_test_materials": synthetic["materials"],
        "first_principles": {block.name: rows[block.name] for block in real},
        "reasons": reasons,
        "wall_seconds": time.perf_counter() - start,
    }
    write(examples, "examples", {}, {**provenance, "wall_seconds": record["wall_seconds"]}, groups)
    write_record(metrics, record)


def _example(block: Block, coarse: tuple[int, int, int], rebuilt: dict) -> tuple[dict, dict]:
    """The strongest channel of a material: as computed, and as refined by each method."""
    m, n, v = strongest_channel(block)
    grid = on_grid(block)
    is_given_q = np.zeros(grid.shape[-1], dtype=np.int8)
    is_given_q[coarse_points(coarse, block.q_mesh)] = 1
    hidden_q = is_given_q == 0
    maps = {"true": grid[m, n, v]}
    maps |= {method: g[m, n, v] for method, g in rebuilt.items() if g is not None}
    variables = {
        name: Variable(map_kq, ("k", "q"), "meV", f"|g| of one channel, {name}")
        for name, map_kq in maps.items()
    }
    variables["is_given"] = Variable(is_given_q, ("q",), "1", "1 at the q points that are given")
    errors = {
        name: relative_error(map_kq[:, hidden_q], maps["true"][:, hidden_q])
        for name, map_kq in maps.items()
    }
    channel = {"final_band": m, "initial_band": n, "mode": v}
    labels = {"name": block.name, "labels": block.labels}
    return variables, labels | {"channel": channel, "errors": errors}


def _check_meshes(block: Block, coarse: tuple[int, int, int]) -> None:
    divides = all(f % c == 0 for f, c in zip(block.q_mesh, coarse, strict=True))
    if not divides or coarse == tuple(block.q_mesh):
        raise EphforgeError(
            f"superresolve.coarse_q_mesh = {list(coarse)}: must divide the q mesh "
            f"{list(block.q_mesh)} of {block.name} and be coarser; choose another"
        )
