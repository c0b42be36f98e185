"""The autoencoder beside the best classical method: per material, and over materials."""

import math

from ephforge.compress.methods import OWN

Table = dict[str, dict[str, float | None]]  # budget -> method -> relative error


def best_classical(tables: dict[str, Table]) -> dict[str, dict[str, dict]]:
    """By material and budget: the best classical `method`, its `error`, and the `ratio` of the
    autoencoder's error to it; None where the autoencoder does not take the material."""
    return {
        material: {budget: _best(row) for budget, row in table.items()}
        for material, table in tables.items()
    }


def geometric_means(tables: dict[str, Table]) -> dict[str, dict[str, float | None]]:
    """By budget: of the errors of each method and of the `ratio`, over the materials.

    A method that does not apply to all materials has None: its mean would be over others.
    """
    best = best_classical(tables)
    budgets = list(next(iter(tables.values()), {}))
    found = {}
    for budget in budgets:
        rows = [table[budget] for table in tables.values()]
        means = {method: _mean([row[method] for row in rows]) for method in rows[0]}
        ratio = _mean([best[material][budget]["ratio"] for material in tables])
        classical = _mean([best[material][budget]["error"] for material in tables])
        found[budget] = means | {"best_classical": classical, "ratio": ratio}
    return found


def _best(row: dict[str, float | None]) -> dict:
    known = {m: e for m, e in row.items() if m not in OWN and e is not None}
    method = min(known, key=known.get)
    ours = row.get("autoencoder")
    ratio = ours / known[method] if ours is not None and known[method] > 0 else None
    return {"method": method, "error": known[method], "ratio": ratio}


def _mean(values: list[float | None]) -> float | None:
    if any(value is None for value in values):
        return None
    if any(value == 0 for value in values):
        return 0.0
    return math.exp(sum(map(math.log, values)) / len(values))
