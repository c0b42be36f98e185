"""Errors of many methods on many materials: rows, and what they amount to."""

import numpy as np

Row = dict[str, float | None]  # method -> relative error; None where a method does not apply


def summary(rows: list[Row]) -> dict[str, Row]:
    """Mean, median and number of materials of each method; None over no materials."""
    methods = list(dict.fromkeys(method for row in rows for method in row))
    found = {m: [row[m] for row in rows if row.get(m) is not None] for m in methods}
    return {
        "mean": {m: float(np.mean(e)) if e else None for m, e in found.items()},
        "median": {m: float(np.median(e)) if e else None for m, e in found.items()},
        "materials": {m: len(e) for m, e in found.items()},
    }
