"""Stage latent: a plane through the space of codes, and who is near whom in that space."""

import logging
import time

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from ephforge.core.blocks import Block
from ephforge.core.errors import EphforgeError
from ephforge.core.records import write_record
from ephforge.dataset.splits import SPLITS, read_materials, read_splits
from ephforge.model.storage import load_codec
from ephforge.trust.calibration import LEVEL
from ephforge.trust.cloud import fit_cloud, novelty
from ephforge.trust.conformal import quantile, scores

log = logging.getLogger(__name__)


def run(
    dataset: str, autoencoder: str, materials, metrics: str, options: dict, provenance: dict
) -> None:
    """Write plane coordinates, nearest synthetic neighbours and novelty of real materials.

    Features are standardised, and the plane fixed, on the training split.  Distances are
    Euclidean over standardised features; relative ones are over the median distance from a
    synthetic material to its nearest synthetic neighbour.
    """
    start = time.perf_counter()
    codec, splits = load_codec(autoencoder), read_splits(dataset)
    real = read_materials([materials] if isinstance(materials, str) else list(materials))
    synthetic = [(block, split) for split in SPLITS for block in splits[split]]
    codes, reasons = _codes(codec, [block for block, _ in synthetic] + real)
    known = [(block, split) for block, split in synthetic if block.name in codes]
    train_if = np.array([codes[block.name] for block, split in known if split == "train"])
    scaler = StandardScaler().fit(train_if)
    # one material has no plane: it is then the origin of an arbitrary one
    cloud_if = scaler.transform(train_if if len(train_if) > 1 else np.tile(train_if, (2, 1)))
    plane = PCA(min(2, *cloud_if.shape), svd_solver="full").fit(cloud_if)
    scaled = {name: scaler.transform(code[None])[0] for name, code in codes.items()}

    points = [_point(block, split, plane, scaled) for block, split in known]
    points += [_point(block, "real", plane, scaled) for block in real if block.name in scaled]
    neighbours, typical = _neighbours(
        [block for block, _ in known],
        [block for block in real if block.name in scaled],
        scaled,
        options["neighbours"],
    )
    record = {
        "provenance": provenance,
        "explained_variance": np.nan_to_num(plane.explained_variance_ratio_).tolist(),
        "points": points,
        "typical_distance": typical,
        "neighbours": neighbours,
        "novelty": _novelty(known, [block for block in real if block.name in codes], codes),
        "reasons": reasons,
        "wall_seconds": time.perf_counter() - start,
    }
    write_record(metrics, record)


def _codes(codec, blocks: list[Block]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    codes, reasons = {}, {}
    for block in blocks:
        try:
            codes[block.name] = np.asarray(codec.features(block), dtype=float)
        except EphforgeError as error:  # more bands or modes than it was trained with
            reasons[block.name] = str(error)
    return codes, reasons


def _point(block: Block, split: str, plane: PCA, scaled: dict[str, np.ndarray]) -> dict:
    xy = np.zeros(2)
    found = plane.transform(scaled[block.name][None])[0]
    xy[: len(found)] = found
    return {
        "name": block.name,
        "prototype": block.labels["prototype"],
        "family": block.labels["family"],
        "split": split,
        "x": float(xy[0]),
        "y": float(xy[1]),
    }


def _novelty(
    known: list[tuple[Block, str]], real: list[Block], codes: dict[str, np.ndarray]
) -> dict:
    """How far materials lie from the training split, and the limit that held-out families set.

    The limit is the conformal quantile over the validation split, whose families were not trained
    on; None where they are too few to set one.  The test split tells whether it holds.
    """
    train = [block for block, split in known if split == "train"]
    cloud = fit_cloud(
        np.array([codes[block.name] for block in train]),
        [block.name for block in train],
        [block.labels["family"] for block in train],
    )
    held_out = {
        part: [(block, novelty(cloud, codes[block.name])) for block, of in known if of == part]
        for part in ("validation", "test")
    }
    validated = held_out["validation"]
    known_scores = scores([s for _, s in validated], [b.labels["family"] for b, _ in validated])
    limit = quantile(known_scores, LEVEL)
    return {
        "level": LEVEL,
        "limit": limit if np.isfinite(limit) else None,
        "families": len({block.labels["family"] for block, _ in validated}),
        **{part: [score for _, score in found] for part, found in held_out.items()},
        "first_principles": {b.name: novelty(cloud, codes[b.name]) for b in real},
    }


def _neighbours(
    synthetic: list[Block], real: list[Block], scaled: dict[str, np.ndarray], count: int
) -> tuple[dict[str, list[dict]], float | None]:
    cloud_if: Float[np.ndarray, "i f"] = np.array([scaled[block.name] for block in synthetic])
    search = NearestNeighbors().fit(cloud_if)
    typical = None
    if len(synthetic) > 1:
        typical = float(np.median(search.kneighbors(cloud_if, 2)[0][:, 1]))
    found = {}
    for block in real:
        distances, numbers = search.kneighbors(scaled[block.name][None], min(count, len(synthetic)))
        found[block.name] = [
            {
                "name": synthetic[i].name,
                "prototype": synthetic[i].labels["prototype"],
                "family": synthetic[i].labels["family"],
                "distance": float(d),
                "relative_distance": float(d / typical) if typical else None,
            }
            for d, i in zip(distances[0], numbers[0], strict=True)
        ]
    return found, typical
