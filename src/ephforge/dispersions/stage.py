"""Stage dispersions: bands, phonons and |g| of a few synthetic and real materials along a path."""

import logging
import time
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.devices import settle
from ephforge.core.netcdf import Variable, read, write
from ephforge.core.realspace import Model, read_model
from ephforge.core.rng import generator
from ephforge.core.units import MEV
from ephforge.coupling.again import models_again
from ephforge.coupling.grid import Limits
from ephforge.coupling.points import Lists, magnitudes
from ephforge.dataset.index import read_index
from ephforge.dispersions.choice import chosen
from ephforge.observables import paths
from ephforge.observables.along import Along, along

log = logging.getLogger(__name__)

GAMMA = (0.0, 0.0, 0.0)
_SHOWN = ("prototype", "potential", "basis", "family", "kind", "split")
_FILE = {"potential": "dft", "basis": "wannier", "family": "first-principles", "split": "real"}


class PathMap(NamedTuple):
    """|g| with k and q both along the path, and where the points stand on its axis.

    Attributes:
      g_kq: meV, sqrt( (1/N) sum_{mnv} |g_mnv(k,q)|^2 ) over N bands, which has no gauge; nan at
        q = 0 of polar materials, where longitudinal modes have no limit.
      x_k: 1/angstrom.
    """

    g_kq: Float[np.ndarray, "k q"]
    x_k: Float[np.ndarray, " k"]


def run(
    dataset: str,
    lattice,
    models,
    arrays: str,
    coupling: dict,
    seed: int,
    options: dict,
    provenance: dict,
) -> None:
    """Write what the report draws of example materials.

    Args:
      dataset: file of stage dataset; `lattice`: all lattice shards, models are made again from.
      models: model files of real materials.
      arrays: NetCDF file to write, one group for each material.
      coupling, seed: of the campaign; the window of bands is that of its maps.
      options: section `dispersions` of the configuration.

    Raises:
      EphforgeError: a file is absent or damaged, or a GPU was asked for in vain.
    """
    settle()
    start = time.perf_counter()
    found = chosen(read_index(dataset), options["synthetic"], generator(seed, 0, "dispersions"))
    groups = {}
    for model in models_again(list(found), _listed(lattice), seed, coupling):
        labels = {key: found[model.name][key] for key in _SHOWN}
        groups[model.name] = _group(model, labels, coupling["bands"], options)
        log.info("%s done", model.name)
    for path in _listed(models):
        model = read_model(read(path, "model"))
        groups[model.name] = _group(model, _FILE, coupling["bands"], options)
        log.info("%s done", model.name)
    facts = provenance | {"seed": seed, "wall_seconds": time.perf_counter() - start}
    write(arrays, "dispersions", {}, facts, groups)


def path_map(model: Model, points: int, bands: int) -> PathMap:
    """|g| with k and q both along the path, of the lowest bands; Gamma of q is approached."""
    path = paths.standard_path(model.crystal.cell, points)
    pairs = Lists(path.point_k3, paths.off_gamma(path))
    parts = [
        np.sqrt(np.sum(part.magnitude[..., :bands, :bands] ** 2, axis=(2, 3, 4)) / bands)
        for part in magnitudes(model, pairs, Limits(1e-4, 1e-4))
    ]
    g_kq = np.concatenate(parts).T * MEV
    if model.long_range is not None:
        g_kq[:, np.all(np.abs(path.point_k3) < 1e-9, axis=1)] = np.nan
    return PathMap(g_kq, path.x_k)


def _group(model: Model, labels: dict, window: int, options: dict) -> tuple[dict, dict]:
    bands = min(window, len(model.hopping.site))
    found = along(model, options["points"], GAMMA, (0, bands - 1))
    mapped = path_map(model, options["map_points"], bands)
    ticks = paths.ticks(found.path)
    about = {
        "name": model.name,
        "labels": labels,
        "ticks": list(ticks),
        "tick_names": list(ticks.values()),
        "bands": bands,
        "is_polar": model.long_range is not None,
    }
    return _variables(found, mapped), about


def _variables(found: Along, mapped: PathMap) -> dict[str, Variable]:
    unit = "angstrom-1"
    return {
        "place": Variable(found.path.x_k, ("point",), unit, "length along the path"),
        "piece": Variable(found.path.piece_k, ("point",), "1", "number of the straight piece"),
        "energies": Variable(found.energy_kn, ("point", "band"), "eV", "all bands"),
        "frequencies": Variable(
            found.frequency_kv, ("point", "mode"), "meV", "phonon energies; imaginary ones below 0"
        ),
        "coupling": Variable(
            found.coupling_kv, ("point", "mode"), "meV",
            "|g| of an electron at Gamma and a phonon on the path; nan: no limit",
        ),
        "map_place": Variable(mapped.x_k, ("map_point",), unit, "length along the path"),
        "map": Variable(
            mapped.g_kq, ("map_k", "map_q"), "meV",
            "|g| over bands and modes, k and q on the path; nan: no limit",
        ),
    }  # fmt: skip


def _listed(paths_or_one) -> list[str]:
    return [paths_or_one] if isinstance(paths_or_one, str) else list(paths_or_one)
