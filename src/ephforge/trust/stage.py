"""Calibrate one autoencoder: classifiers from the training split, distributions of novelty and of
errors of refinement from the families that are held out of it.

These are few, so that validation and test split are taken together, and coverage is measured on
each family with what the others say.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.core.symmetry import given_orbits
from ephforge.dataset.splits import read_splits
from ephforge.model.codec import Codec
from ephforge.model.storage import load_codec
from ephforge.trust.calibration import COVERAGE, LEVEL, Calibration, fingerprint_of
from ephforge.trust.cloud import Cloud, fit_cloud, novelty
from ephforge.trust.conformal import fit_regression, interval, quantile, scores
from ephforge.trust.linear_probe import fitted
from ephforge.trust.refinement import features, hidden_error
from ephforge.trust.storage import KIND, calibration_groups

log = logging.getLogger(__name__)

LABELS = ("prototype", "potential", "basis")
FEWEST = 4  # held-out materials that errors of refinement are calibrated with


def run(dataset: str, autoencoder: str, calibration: str, folds: int, provenance: dict) -> dict:
    """Write the calibration of an autoencoder, with its coverage on held-out families.

    Returns:
      that coverage: `_coverage`.

    Raises:
      EphforgeError: no material is in the training split, or none is held out of it.
    """
    start = time.perf_counter()
    codec, splits = load_codec(autoencoder), read_splits(dataset)
    coarse = tuple(read(autoencoder, "train").attributes["coarse_q_mesh"])
    train = _described(codec, splits["train"])
    held_out = _described(codec, [*splits["validation"], *splits["test"]])
    for some, what in ((train, "in the training split"), (held_out, "held out of training")):
        if not some:
            raise EphforgeError(f"{dataset}: no materials {what}; draw more")
    families = [block.labels["family"] for block, _ in train]
    feature_if = np.array([feature_f for _, feature_f in train])
    cloud = fit_cloud(feature_if, [block.name for block, _ in train], families)
    probes = {
        label: fitted(feature_if, [block.labels[label] for block, _ in train], families, folds)
        for label in LABELS
    }
    others = [block.labels["family"] for block, _ in held_out]
    scored = np.array([novelty(cloud, feature_f) for _, feature_f in held_out])
    fine = tuple(held_out[0][0].q_mesh)
    trials = _trials(codec, cloud, held_out, (coarse, fine))
    found = Calibration(
        fingerprint_of(autoencoder),
        cloud,
        scores(scored, others),
        {label: probe for label, probe in probes.items() if probe is not None},
        (coarse, fine),
        fit_regression(*trials) if len(trials[1]) >= FEWEST else None,
    )
    attributes, groups = calibration_groups(found)
    coverage = _coverage(scored, others, trials)
    log.info("coverage of held-out families: %s", coverage)
    attributes |= provenance | {"held_out": coverage, "wall_seconds": time.perf_counter() - start}
    write(calibration, KIND, {}, attributes, groups)
    return coverage


def _described(codec: Codec, blocks: list[Block]) -> list[tuple[Block, np.ndarray]]:
    found = []
    for block in blocks:
        try:
            found.append((block, codec.features(block)))
        except EphforgeError as error:  # more bands or modes than it was trained with
            log.warning("%s", error)
    return found


def _trials(codec: Codec, cloud: Cloud, described: list, q_meshes):
    """Features, errors over hidden pairs and families of refinements of known materials."""
    coarse, fine = q_meshes
    rows, errors, families = [], [], []
    for block, _ in described:
        divides = all(f % c == 0 for f, c in zip(block.q_mesh, coarse, strict=True))
        if not divides or tuple(block.q_mesh) != fine or not np.any(block.g):
            continue
        given_o = given_orbits(block.orbits, block.q_mesh, coarse)
        g_mnvo = codec.refine(block, given_o)
        error = hidden_error(g_mnvo, block.g, block.orbits.size_o, given_o)
        if not 0 < error < np.inf:
            continue
        refined = _with(block, g_mnvo)
        score = novelty(cloud, codec.features(refined))
        rows.append(features(block, codec, given_o, g_mnvo, score))
        errors.append(error)
        families.append(block.labels["family"])
    return np.array(rows).reshape(len(rows), -1), np.array(errors), families


def _with(block: Block, g_mnvo) -> Block:
    return replace(block, g=np.float32(g_mnvo), g_grid=None)


def _coverage(scored: Float[np.ndarray, " i"], families: list[str], trials: tuple) -> dict:
    """Shares of held-out materials beyond the limit of novelty and inside their error interval,
    limit and interval being those of the other families; every family counts the same."""
    beyond = _by_family(families, lambda out, rest: _beyond(scored, families, out, rest))
    rows, errors, of = trials
    inside = _by_family(of, lambda out, rest: _inside(rows, errors, of, out, rest))
    return {
        "families": len(set(families)),
        "materials": len(families),
        "level": LEVEL,
        "asked": COVERAGE,
        "beyond_limit": beyond,
        "inside_interval": inside if len(errors) >= FEWEST else None,
    }


def _by_family(families: list[str], share_of: Callable) -> float | None:
    """Mean over families of a share of its materials; None if there are not two families."""
    family_i = np.asarray(families)
    names = sorted(set(families))
    if len(names) < 2:
        return None
    apart = [(np.flatnonzero(family_i == name), np.flatnonzero(family_i != name)) for name in names]
    return float(np.mean([share_of(out, rest) for out, rest in apart]))


def _beyond(scored, families: list[str], out_i, rest_i) -> float:
    limit = quantile(scores(scored[rest_i], [families[i] for i in rest_i]), LEVEL)
    return float(np.mean(scored[out_i] > limit))


def _inside(rows, errors, families: list[str], out_i, rest_i) -> float:
    fit = fit_regression(rows[rest_i], errors[rest_i], [families[i] for i in rest_i])
    bounds = [interval(fit, rows[i], COVERAGE) for i in out_i]
    return float(
        np.mean([b.low <= errors[i] <= b.high for b, i in zip(bounds, out_i, strict=True)])
    )
