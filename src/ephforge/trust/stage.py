"""Calibrate one autoencoder: classifiers from the training split, distributions of novelty and of
errors of refinement from the validation split, coverage of both on the test split."""

import logging
import time
from dataclasses import replace

import numpy as np

from ephforge.core.blocks import Block
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.core.symmetry import given_orbits
from ephforge.dataset.splits import read_splits
from ephforge.model.codec import Codec
from ephforge.model.storage import load_codec
from ephforge.trust.calibration import COVERAGE, LEVEL, Calibration, fingerprint_of
from ephforge.trust.cloud import Cloud, fit_cloud, novelty
from ephforge.trust.conformal import Regression, fit_regression, interval, quantile, scores
from ephforge.trust.linear_probe import fitted
from ephforge.trust.refinement import features, hidden_error
from ephforge.trust.storage import KIND, calibration_groups

log = logging.getLogger(__name__)

LABELS = ("prototype", "potential", "basis")
FEWEST = 4  # validation materials that errors of refinement are calibrated with


def run(dataset: str, autoencoder: str, calibration: str, folds: int, provenance: dict) -> dict:
    """Write the calibration of an autoencoder, with its coverage on the test split.

    Returns:
      that coverage: `_coverage`.

    Raises:
      EphforgeError: the training or the validation split is empty.
    """
    start = time.perf_counter()
    codec, splits = load_codec(autoencoder), read_splits(dataset)
    coarse = tuple(read(autoencoder, "train").attributes["coarse_q_mesh"])
    described = {split: _described(codec, blocks) for split, blocks in splits.items()}
    for split in ("train", "validation"):
        if not described[split]:
            raise EphforgeError(f"{dataset}: no materials in the {split} split; draw more")
    train, validation = described["train"], described["validation"]
    families = [block.labels["family"] for block, _ in train]
    feature_if = np.array([feature_f for _, feature_f in train])
    cloud = fit_cloud(feature_if, [block.name for block, _ in train], families)
    probes = {
        label: fitted(feature_if, [block.labels[label] for block, _ in train], families, folds)
        for label in LABELS
    }
    held_out = [block.labels["family"] for block, _ in validation]
    known = scores([novelty(cloud, feature_f) for _, feature_f in validation], held_out)
    fine = tuple(validation[0][0].q_mesh)
    trials = _trials(codec, cloud, validation, (coarse, fine))
    refinement = fit_regression(*trials) if len(trials[1]) >= FEWEST else None
    found = Calibration(
        fingerprint_of(autoencoder),
        cloud,
        known,
        {label: probe for label, probe in probes.items() if probe is not None},
        (coarse, fine),
        refinement,
    )
    attributes, groups = calibration_groups(found)
    coverage = _coverage(found, codec, described["test"])
    log.info("coverage on the test split: %s", coverage)
    attributes |= provenance | {"test_split": coverage, "wall_seconds": time.perf_counter() - start}
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


def _coverage(found: Calibration, codec: Codec, described: list) -> dict:
    """Shares of test materials beyond the limit of novelty and inside their error interval."""
    scored = [novelty(found.cloud, feature_f) for _, feature_f in described]
    limit = quantile(found.novelty, LEVEL)
    coverage = {"materials": len(scored), "level": LEVEL, "asked": COVERAGE}
    coverage["beyond_limit"] = float(np.mean(np.array(scored) > limit)) if scored else None
    if found.refinement is not None:
        rows, errors, _ = _trials(codec, found.cloud, described, found.q_meshes)
        coverage["inside_interval"] = _inside(found.refinement, rows, errors)
    return coverage


def _inside(fit: Regression, rows, errors) -> float | None:
    bounds = [interval(fit, row, COVERAGE) for row in rows]
    hits = [b.low <= error <= b.high for b, error in zip(bounds, errors, strict=True)]
    return float(np.mean(hits)) if hits else None
