"""What errors of rebuilt |g| do to lambda of metals and to linewidths of semiconductors."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from ephforge.baselines.measure import relative_error
from ephforge.compress.methods import Trial
from ephforge.core.blocks import Block, on_grid
from ephforge.core.units import MEV
from ephforge.observables.block_sums import coupling_of, linewidths_of


def physics(
    block: Block,
    budgets: list[float],
    trials: dict[str, Trial],
    electrons: Mapping[str, float],
    options: dict,
) -> dict:
    """Deviations by budget and method of what rebuilt |g| gives from what |g| itself gives.

    Metals (those in `electrons`): `lambda` and |lambda_rebuilt / lambda - 1|.  Others, whose
    bands in the window are taken as filled: ||Gamma_rebuilt - Gamma|| / ||Gamma|| over all states.
    Modes softer than `options["soft_mode"]` (meV) do not couple, whatever was rebuilt.  Both on
    the meshes of the block, which converge neither.
    """
    grid = on_grid(block)
    if block.name in electrons:
        quantity, true = "lambda", np.array(_coupling(block, grid, electrons, options))
    else:
        quantity, true = "linewidths", _linewidths(block, grid, options)

    def deviation(g_mnvkq: Float[np.ndarray, "m n v k q"]) -> float:
        if quantity == "lambda":
            return relative_error(np.array(_coupling(block, g_mnvkq, electrons, options)), true)
        return relative_error(_linewidths(block, g_mnvkq, options), true)

    rows = {
        str(budget): {
            method: None if trial.codes is None else deviation(trial.codes[i].g)
            for method, trial in trials.items()
        }
        for i, budget in enumerate(budgets)
    }
    value = float(true) if quantity == "lambda" else float(true.mean())
    return {"quantity": quantity, "value": value, "deviations": rows}


def _coupling(block: Block, g_mnvkq, electrons: Mapping[str, float], options: dict) -> float:
    width, soft_mode = options["broadening"], options["soft_mode"] / MEV
    return coupling_of(block, g_mnvkq, electrons[block.name], width, soft_mode)


def _linewidths(block: Block, g_mnvkq, options: dict) -> Float[np.ndarray, "k n"]:
    filled_kn = np.ones(block.energies.shape)
    width, soft_mode = options["broadening"], options["soft_mode"] / MEV
    return linewidths_of(block, g_mnvkq, filled_kn, width, options["temperature"], soft_mode)
