"""Stage compress: error of every method at every budget, on held-out and on real materials."""

import logging
import time
from collections.abc import Mapping

import numpy as np

from ephforge.baselines.measure import relative_error
from ephforge.baselines.pca import decoder_bytes, fit
from ephforge.baselines.table import summary
from ephforge.compress.bounds import error_bounded
from ephforge.compress.comparison import best_classical, geometric_means
from ephforge.compress.methods import METHODS, Trial, try_all
from ephforge.compress.physics import physics
from ephforge.core.blocks import Block, on_grid, strongest_channel
from ephforge.core.netcdf import Variable, write
from ephforge.core.records import write_record
from ephforge.dataset.splits import evenly, read_materials, read_splits
from ephforge.model.storage import load_codec

log = logging.getLogger(__name__)

SYNTHETIC_EXAMPLES = 2
EXAMPLE_BUDGET = 0.001  # the budget nearest to it is drawn


def run(
    dataset: str,
    autoencoder: str,
    materials,
    metrics: str,
    examples: str,
    electrons: Mapping[str, float],
    options: dict,
    provenance: dict,
) -> None:
    """Write errors to a JSON record and a few true and rebuilt maps to a NetCDF file.

    Error: ||rebuilt - g|| / ||g|| over the full (m, n, v, k, q) grid as computed.  Budget:
    stored bits over 32 x the numbers of that grid, per material.  Classical methods that learn are
    fitted on the training split, as the autoencoder is; `electrons` names the real metals.
    """
    start = time.perf_counter()
    codec, splits = load_codec(autoencoder), read_splits(dataset)
    tested = evenly(splits["test"], options["test_materials"])
    budgets = options["budgets"]
    drawn = min(range(len(budgets)), key=lambda i: abs(np.log(budgets[i] / EXAMPLE_BUDGET)))
    real = read_materials([materials] if isinstance(materials, str) else list(materials))
    fitted = fit(splits["train"], tested + real)
    tables, bits, reasons, groups, bounded, sums = {}, {}, {}, {}, {}, {}
    for number, block in enumerate(tested + real):
        trials = try_all(block, budgets, codec, fitted)
        tables[block.name] = _errors(block, budgets, trials)
        is_real = number >= len(tested)
        if is_real:
            bits[block.name] = _bits(budgets, trials)
            bounded[block.name] = error_bounded(block, trials, options["bounds"])
            sums[block.name] = physics(block, budgets, trials, electrons, options)
        found = {method: trial.reason for method, trial in trials.items() if trial.codes is None}
        reasons |= {block.name: found} if found else {}
        if is_real or number < SYNTHETIC_EXAMPLES:
            groups[block.name] = _example(block, trials, drawn, budgets[drawn])
        log.info("%s done, %d of %d", block.name, number + 1, len(tested) + len(real))

    synthetic = {
        str(budget): summary([tables[b.name][str(budget)] for b in tested]) for budget in budgets
    }
    first_principles = {block.name: tables[block.name] for block in real}
    seconds = time.perf_counter() - start
    record = {
        "provenance": provenance,
        "budgets": budgets,
        "methods": METHODS,
        "synthetic_test": {budget: found["mean"] for budget, found in synthetic.items()},
        "synthetic_test_median": {budget: found["median"] for budget, found in synthetic.items()},
        "synthetic_test_materials": {b: found["materials"] for b, found in synthetic.items()},
        "first_principles": first_principles,
        "best_classical": best_classical(first_principles),
        "geometric_mean": geometric_means(first_principles),
        "bits": bits,
        "decoder_bytes": {
            block.name: {"pca_joint": decoder_bytes(fitted, block)} for block in real
        },
        "error_bounded": bounded,
        "physics": sums,
        "reasons": reasons,
        "wall_seconds": seconds,
    }
    write(examples, "examples", {}, {**provenance, "wall_seconds": seconds}, groups)
    write_record(metrics, record)


def _errors(block: Block, budgets: list[float], trials: dict[str, Trial]) -> dict:
    grid = on_grid(block)
    return {
        str(budget): {
            method: None if trial.codes is None else relative_error(trial.codes[i].g, grid)
            for method, trial in trials.items()
        }
        for i, budget in enumerate(budgets)
    }


def _bits(budgets: list[float], trials: dict[str, Trial]) -> dict:
    return {
        str(budget): {
            method: None if trial.codes is None else trial.codes[i].bits
            for method, trial in trials.items()
        }
        for i, budget in enumerate(budgets)
    }


def _example(block: Block, trials: dict[str, Trial], i: int, budget: float) -> tuple[dict, dict]:
    """The strongest channel of a material: the true map and what each method makes of it."""
    grid = on_grid(block)
    m, n, v = strongest_channel(block)
    maps = {"true": grid[m, n, v]}
    maps |= {name: trial.codes[i].g[m, n, v] for name, trial in trials.items() if trial.codes}
    variables = {
        name: Variable(map_kq, ("k", "q"), "meV", f"|g| of one channel, {name}")
        for name, map_kq in maps.items()
    }
    errors = {name: relative_error(map_kq, maps["true"]) for name, map_kq in maps.items()}
    channel = {"final_band": m, "initial_band": n, "mode": v}
    return variables, {
        "name": block.name,
        "labels": block.labels,
        "budget": budget,
        "channel": channel,
        "errors": errors,
    }
