"""Stage classify: prototype from the coupling, by linear probes on three kinds of features.

And bonding within one lattice, by linear probes and nearest neighbours (bonding.py).
"""

import logging
import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from sklearn.metrics import confusion_matrix

from ephforge.baselines.pca import lattice_key
from ephforge.classify.bonding import Bonds, compared
from ephforge.classify.features import fit_map_pca, handmade_features, pca_features
from ephforge.classify.probe import fit_probe
from ephforge.classify.shape_features import METHODS, shape_features
from ephforge.core.blocks import Block
from ephforge.core.errors import EphforgeError
from ephforge.core.records import write_record
from ephforge.dataset.splits import read_materials, read_splits
from ephforge.model.codec import Codec
from ephforge.model.storage import load_codec

log = logging.getLogger(__name__)

FEATURES = {
    "latent": "mean and spread over the mesh of the encoder's features",
    "pca": "numbers of bands and modes, principal components of single maps pooled over channels",
    "handmade": "numbers of bands and modes, their shares, weight at small q, histogram",
}
Describe = Callable[[Block], np.ndarray | None]


def run(
    dataset: str, autoencoder: str, materials, metrics: str, options: dict, provenance: dict
) -> None:
    """Fit the probes on the training split, apply them to held-out and real materials.

    Twice: over all prototypes, and within the prototypes that share the commonest lattice,
    because the symmetry of the map alone gives the lattice away.  Then bonding, for each shape
    of materials (orbits, bands, modes) apart.

    Args:
      options: section `classify` of the configuration.
    """
    start = time.perf_counter()
    codec, splits = load_codec(autoencoder), read_splits(dataset)
    real = read_materials([materials] if isinstance(materials, str) else list(materials))
    describe = _descriptions(codec, splits["train"], options)
    blocks = [*splits["train"], *splits["test"], *real]
    features = {
        kind: {block.name: found(block) for block in blocks} for kind, found in describe.items()
    }
    everything = sorted({_class(block) for block in splits["train"]})
    siblings = _lattice_siblings(splits["train"])
    lattices = {lattice_key(b.orbits) for b in splits["train"] if _class(b) in siblings}
    on_lattice = [block for block in real if lattice_key(block.orbits) in lattices]
    known, test, folds = splits["train"], splits["test"], options["folds"]
    whole = _compare(everything, known, test, real, features, folds)
    within = _compare(siblings, known, test, on_lattice, features, folds)
    predicted = {
        block.name: {
            "true": _class(block),
            **{kind: whole["real"][kind].get(block.name) for kind in FEATURES},
            "within_lattice": {kind: within["real"][kind].get(block.name) for kind in FEATURES},
        }
        for block in real
    }
    record = {
        "provenance": provenance,
        "methods": FEATURES,
        "synthetic_test": whole["test"] | {"within_lattice": within["test"]},
        "first_principles": predicted,
        "bonding": _bonding(codec, splits, real, options),
        "wall_seconds": time.perf_counter() - start,
    }
    write_record(metrics, record)


def _bonding(codec: Codec, splits: dict[str, list[Block]], real: list[Block], options) -> dict:
    bonds = Bonds(options["bonds"], options["real_bonds"])
    components = options["pca_components"]
    found = compared(
        splits,
        real,
        bonds,
        lambda train: shape_features(codec, train, components),
        options["folds"],
    )
    return {"methods": METHODS} | found


def _descriptions(codec: Codec, train: list[Block], options: dict) -> dict[str, Describe]:
    bands, modes = max(len(b.g) for b in train), max(b.g.shape[2] for b in train)
    fitted = fit_map_pca(train, options["pca_components"])

    def latent(block: Block) -> np.ndarray | None:
        try:
            return np.asarray(codec.features(block), dtype=float)
        except EphforgeError as error:  # more bands or modes than it was trained with
            log.warning("%s", error)
            return None

    return {
        "latent": latent,
        "pca": lambda block: pca_features(fitted, block),
        "handmade": lambda block: handmade_features(block, bands, modes),
    }


def _compare(classes: list[str], train, test, real, features, folds: int) -> dict:
    """Accuracies of all probes on the test split, and their word on real materials."""
    train = [block for block in train if _class(block) in classes]
    tested = [block for block in test if _class(block) in classes]
    true = [_class(block) for block in tested]
    frequency = Counter(map(_class, train))
    result = {
        # expected accuracy of guessing each class as often as it occurs in training
        "chance": float(np.mean([frequency[t] for t in true]) / len(train)) if true else None,
        "classes": classes,
        "materials": len(tested),
        "unknown_classes": sorted({_class(b) for b in test} - set(classes)),
        "cross_validated": {},
        "confusion": {},
    }
    words = {}
    for kind in FEATURES:
        words[kind], result["cross_validated"][kind] = _words(
            train, tested + real, features[kind], folds
        )
        said = [words[kind].get(block.name, "none") for block in tested]
        result[kind] = _share(true, said) if words[kind] else None
        if tested and words[kind]:
            table = confusion_matrix(true, said, labels=[*classes, "none"])
            result["confusion"][kind] = table[:-1, :-1].tolist()
    if not any(words.values()):
        result["reason"] = "the training split holds fewer than two of these classes"
    return {"test": result, "real": words}


def _words(
    train: list[Block], asked: list[Block], features: dict, folds: int
) -> tuple[dict[str, str], float | None]:
    """Predicted class by material, and the cross-validated accuracy, of one kind of features."""
    known = [block for block in train if features[block.name] is not None]
    labels, families = [_class(b) for b in known], [b.labels["family"] for b in known]
    described = np.array([features[block.name] for block in known])
    probe = fit_probe(described, labels, families, folds) if known else None
    if probe is None:
        return {}, None
    words = {
        block.name: str(probe.pipeline.predict([features[block.name]])[0])
        for block in asked
        if features[block.name] is not None
    }
    return words, probe.cross_validated


def _lattice_siblings(train: list[Block]) -> list[str]:
    """Prototypes of the lattice that most prototypes share."""
    members = {}
    for block in train:
        members.setdefault(lattice_key(block.orbits), set()).add(_class(block))
    return sorted(max(members.values(), key=lambda found: (len(found), sorted(found))))


def _class(block: Block) -> str:
    return block.labels["prototype"]


def _share(true: list[str], said: list[str]) -> float | None:
    return float(np.mean([t == s for t, s in zip(true, said, strict=True)])) if true else None
