"""Stage coverage: do the synthetic materials cover the real ones, and where do they not?"""

import logging
import time

import numpy as np
from jaxtyping import Float

from ephforge.core.netcdf import Variable, read, write
from ephforge.core.realspace import read_model
from ephforge.core.records import write_record
from ephforge.core.rng import generator
from ephforge.coupling.again import models_again
from ephforge.coverage.collect import Described, from_blocks, from_models
from ephforge.coverage.distance import cloud_of
from ephforge.coverage.gaps import gap
from ephforge.coverage.sample import choose
from ephforge.coverage.spectra import CURVES, FLOOR, Spectra
from ephforge.coverage.table import (
    LEVELS,
    curve_quantiles,
    curve_within,
    distribution,
    outside,
    where,
)
from ephforge.dataset.index import Index, read_index
from ephforge.dataset.splits import iterate, read_materials

log = logging.getLogger(__name__)

GAP = {"gap": ("eV", True, "band gap, metals left out")}


def run(
    dataset: str,
    lattice,
    materials,
    models,
    metrics: str,
    arrays: str,
    coupling: dict,
    seed: int,
    options: dict,
    provenance: dict,
) -> None:
    """Write distributions, neighbours and scores, and the arrays of the figures.

    Args:
      dataset: file of stage dataset.
      lattice: all lattice shards; models of a sample are made again from them.
      materials, models: real ones: files of stage firstprinciples, and their model files.
      metrics, arrays: JSON record and NetCDF file to write.
      coupling, seed: of the campaign.
      options: section `coverage` of the configuration.
    """
    start = time.perf_counter()
    draw = generator(seed, 0, "coverage")
    meshes = tuple(coupling["k_mesh"]), tuple(coupling["q_mesh"])
    index = read_index(dataset)
    names = choose(index.names, options["materials"], draw)
    maps = (
        from_blocks(iterate(dataset, names=names)),
        from_blocks(read_materials(_listed(materials))),
    )
    log.info("%d of %d synthetic materials described", len(maps[0].names), len(index.names))

    again = models_again(
        choose(maps[0].names, options["models"], draw), _listed(lattice), seed, coupling
    )
    found_models, curves = from_models(again, maps[0].labels, meshes, options["numbers"], draw)
    real_models = [read_model(read(path, "model")) for path in _listed(models)]
    found_real, real_curves = from_models(
        real_models, maps[1].labels, meshes, options["numbers"], draw
    )
    couplings = found_models, found_real
    log.info("%d synthetic models in real space", len(curves))

    gaps = _gaps(index, {model.name: gap(model, meshes[0]) for model in real_models})
    bands = {key: curve_quantiles(_stack(curves, key)) for key in CURVES}
    record = {
        "provenance": provenance,
        "seed": seed,
        "materials": {
            "all": len(index.names),
            "described": len(maps[0].names),
            "models": len(curves),
        },
        **_findings(maps, couplings, gaps, options["neighbours"]),
        "curves": {key: _curves_within(bands[key], real_curves, key) for key in CURVES},
        "wall_seconds": time.perf_counter() - start,
    }
    facts = provenance | {"wall_seconds": record["wall_seconds"]}
    _write_arrays(arrays, index, maps, couplings, bands, real_curves, facts)
    write_record(metrics, record)


def _write_arrays(
    path: str, index: Index, maps, couplings, bands: dict, real_curves: dict, facts: dict
) -> None:
    facts |= {"levels": list(LEVELS), "real": maps[1].names, "real_models": list(real_curves)}
    facts |= {"descriptors": [list(maps[0].table), list(couplings[0].table)]}
    variables = _variables(maps, couplings, bands, real_curves)
    meaning = "band gaps of all synthetic materials but metals"
    variables["synthetic_gap"] = Variable(_synthetic_gaps(index), ("insulator",), "eV", meaning)
    write(path, "coverage", variables, facts)


def _listed(paths) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)


def _findings(maps, couplings, gaps: dict, neighbours: int) -> dict:
    """Descriptors, their distributions, and where each real material lies."""
    distributions = _distributions(*maps) | _distributions(*couplings) | gaps
    return {
        "descriptors": {
            key: dict(zip(("unit", "is_log", "meaning"), facts, strict=True))
            for key, facts in (maps[0].table | couplings[0].table | GAP).items()
        },
        "distributions": distributions,
        "first_principles": _places(maps, couplings, distributions, neighbours),
    }


def _curves_within(band, real_curves: dict[str, Spectra], key: str) -> dict[str, float]:
    return {
        name: curve_within(band, found.curves[key], FLOOR) for name, found in real_curves.items()
    }


def _distributions(synthetic: Described, real: Described) -> dict[str, dict]:
    return {
        key: distribution(np.array(list(synthetic.column(key).values())), real.column(key), is_log)
        for key, (_, is_log, _) in synthetic.table.items()
    }


def _gaps(index: Index, real: dict[str, float | None]) -> dict[str, dict]:
    """Distribution of the gaps above zero; empty where no synthetic material has one."""
    synthetic = _synthetic_gaps(index)
    if not len(synthetic):
        return {}
    known = {name: value for name, value in real.items() if value}
    return {"gap": distribution(synthetic, known, GAP["gap"][1])}


def _synthetic_gaps(index: Index) -> Float[np.ndarray, " i"]:
    """Those above zero: not of metals, nor unknown ones."""
    gap_i = np.asarray(index.columns["gap"], dtype=float)
    return gap_i[gap_i > 0]


def _places(maps, couplings, distributions: dict, neighbours: int) -> dict[str, dict]:
    """Scores and neighbours of each real material, from its maps and from its model."""
    places = {}
    for key, (synthetic, real) in {"maps": maps, "models": couplings}.items():
        cloud = cloud_of(synthetic.compared(), [label["family"] for label in synthetic.labels])
        for name, value_d in zip(real.names, real.compared(), strict=True):
            found = where(cloud, synthetic.labels, value_d, neighbours)
            places.setdefault(name, {})[key] = found
    prototypes = {label["name"]: label["prototype"] for label in maps[1].labels}
    return {
        name: {"prototype": prototypes[name], "outside": outside(distributions, name)} | found
        for name, found in places.items()
    }


def _stack(curves: dict[str, Spectra], key: str) -> Float[np.ndarray, "i x"]:
    return np.array([found.curves[key] for found in curves.values()])


def _variables(maps, couplings, bands: dict, real_curves: dict) -> dict[str, Variable]:
    """Descriptors of all materials and curves of all models."""
    variables = {}
    for kind, (synthetic, real) in {"maps": maps, "models": couplings}.items():
        for source, found in {"synthetic": synthetic, "real": real}.items():
            values = np.array([[n[key] for key in found.table] for n in found.numbers])
            axes = (f"{source}_{kind}", f"{kind}_descriptor")
            meaning = f"descriptors of {source} materials, in the order of the attribute"
            variables[f"{source}_{kind}"] = Variable(values, axes, "1", meaning)
    for key, (grid, meaning) in CURVES.items():
        variables[f"{key}_grid"] = Variable(grid, (key,), "1", f"abscissa of {key}")
        variables[f"{key}_synthetic"] = Variable(
            bands[key], ("level", key), "1", f"{meaning}; quantiles over synthetic models"
        )
        variables[f"{key}_real"] = Variable(
            _stack(real_curves, key), ("real_model", key), "1", f"{meaning}; real models"
        )
    return variables
