"""A small record of stage coverage and its arrays, for tests of the report."""

import numpy as np

from ephforge.core.netcdf import Variable, write

GRIDS = {"electron_decay": 5, "phonon_decay": 5, "sparsity": 4, "rank_joint": 4, "rank_channel": 4}
TABLES = {"bandwidth": ("eV", True), "optical_share": ("1", False), "gap": ("eV", True)}


def coverage_record(provenance):
    """One real material, si_4: outside in one number, an outlier by its model only."""
    distribution = {
        "synthetic": {"0.05": 0.2, "0.5": 0.5, "0.95": 0.9, "least": 0.1, "largest": 1.0},
        "materials": 8,
        "real": {"si_4": {"value": 0.95, "quantile": 0.97}},
        "within": 0.0,
        "overlap": 0.5,
    }
    near = {"name": "000003", "prototype": "fcc", "family": "fcc/emt/s", "distance": 1.0}
    scores = {"distance": 1.0, "mahalanobis": 1.0, "mahalanobis_score": 0.5, "neighbours": [near]}
    return {
        "provenance": provenance,
        "materials": {"all": 9, "described": 8, "models": 4},
        "descriptors": {
            key: {"unit": unit, "is_log": is_log, "meaning": ""}
            for key, (unit, is_log) in TABLES.items()
        },
        "distributions": dict.fromkeys(TABLES, distribution),
        "curves": {key: {"si_4": 0.25} for key in GRIDS},
        "first_principles": {
            "si_4": {
                "prototype": "diamond",
                "outside": {"bandwidth": "above"},
                "maps": scores | {"score": 0.4},
                "models": scores | {"score": 0.99},
            }
        },
        "wall_seconds": 1.0,
    }


def write_coverage_arrays(path):
    """Descriptors of eight synthetic materials, curves of one real model."""
    random = np.random.default_rng(0)
    variables = {
        "synthetic_maps": Variable(random.uniform(0.1, 1, (8, 1)), ("i", "d"), "1", ""),
        "synthetic_models": Variable(random.uniform(0.1, 1, (4, 1)), ("j", "e"), "1", ""),
    }
    variables["synthetic_gap"] = Variable(random.uniform(0.1, 1, 3), ("k",), "eV", "")
    for key, length in GRIDS.items():
        grid = np.linspace(0.1, 1, length)
        variables |= {
            f"{key}_grid": Variable(grid, (key,), "1", ""),
            f"{key}_synthetic": Variable(np.outer([0.1, 0.5, 0.9], grid), ("l", key), "1", ""),
            f"{key}_real": Variable(grid[None], ("r", key), "1", ""),
        }
    attributes = {"descriptors": [["bandwidth"], ["optical_share"]], "real_models": ["si_4"]}
    write(path, "coverage", variables, attributes)
