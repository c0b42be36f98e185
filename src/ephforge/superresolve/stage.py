"""Stage superresolve: error at the q points that were not given, for every method."""

import logging
import time

from ephforge.baselines import regression
from ephforge.baselines.table import summary
from ephforge.core.blocks import Block
from ephforge.core.errors import EphforgeError
from ephforge.core.records import write_record
from ephforge.dataset.splits import read_materials, read_splits
from ephforge.model.storage import load_codec
from ephforge.superresolve.methods import METHODS, errors, given, tune

log = logging.getLogger(__name__)

MOST_TUNED = 40  # materials: enough to choose between three powers


def run(
    dataset: str, autoencoder: str, materials, metrics: str, options: dict, provenance: dict
) -> None:
    """Refine every held-out and every real material and write the errors.

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
    fitted = regression.fit(splits["train"], [given(b, coarse) for b in splits["train"]])
    tuning = tune((splits["validation"] or splits["train"])[:MOST_TUNED], fitted, coarse)
    log.info("tuned: %s", tuning)

    rows, reasons = {}, {}
    for block in splits["test"] + real:
        rows[block.name], found = errors(block, coarse, codec, fitted, tuning)
        reasons |= {block.name: found} if found else {}
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
    write_record(metrics, record)


def _check_meshes(block: Block, coarse: tuple[int, int, int]) -> None:
    divides = all(f % c == 0 for f, c in zip(block.q_mesh, coarse, strict=True))
    if not divides or coarse == tuple(block.q_mesh):
        raise EphforgeError(
            f"superresolve.coarse_q_mesh = {list(coarse)}: must divide the q mesh "
            f"{list(block.q_mesh)} of {block.name} and be coarser; choose another"
        )
