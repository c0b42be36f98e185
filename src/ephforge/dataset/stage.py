"""Stage dataset: coupling shards in, one file with splits and a card of counts out."""

import logging
import time
from collections import Counter

from ephforge.core.blocks import block_variables, read_block
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, write
from ephforge.core.records import write_record
from ephforge.core.rng import generator
from ephforge.dataset.families import SPLITS, split_families
from ephforge.dataset.shards import read_shards

log = logging.getLogger(__name__)

_LABELS = ("prototype", "potential", "basis", "family")


def run(shards, dataset: str, card: str, options: dict, seed: int, provenance: dict) -> None:
    """Check the shards, split accepted materials by family, write the dataset and its card.

    Args:
      shards: coupling files of the campaign, one or many.
      dataset: file to write, kind "dataset", one group per accepted material.
      card: JSON file to write.
      options: section `dataset` of the configuration.
      seed: campaign seed; the draw of the splits follows from it.

    Raises:
      EphforgeError: a damaged shard, a missing or doubled material, too few families.
    """
    start = time.perf_counter()
    materials, shard_attributes = read_shards([shards] if isinstance(shards, str) else list(shards))
    accepted = {
        name: contents
        for name, contents in materials.items()
        if contents.attributes["status"] == "accepted"
    }
    if not accepted:
        raise EphforgeError("dataset: no material was accepted; see the reasons in the shards")
    families = Counter(contents.attributes["family"] for contents in accepted.values())
    split = split_families(
        families,
        options["validation_fraction"],
        options["test_fraction"],
        generator(seed, 0, "split"),
    )
    groups = {name: _group(contents, split) for name, contents in accepted.items()}
    write(
        dataset, "dataset", {}, {**provenance, "seed": seed, "wall_seconds": _since(start)}, groups
    )
    log.info("%d of %d materials, %d families", len(accepted), len(materials), len(families))
    counts = _counts(materials, accepted, split)
    facts = {
        "provenance": provenance,
        "earlier": _earlier(shard_attributes),
        "seed": seed,
        "wall_seconds": _since(start),
    }
    write_record(card, facts | counts)


def _group(contents: Contents, split: dict[str, str]) -> tuple[dict, dict]:
    variables, attributes = block_variables(read_block(contents))
    labels = {name: contents.attributes[name] for name in _LABELS}
    return variables, attributes | labels | {"split": split[labels["family"]]}


def _counts(
    materials: dict[str, Contents], accepted: dict[str, Contents], split: dict[str, str]
) -> dict:
    rejected = [c.attributes for c in materials.values() if c.attributes["status"] != "accepted"]
    labels = [contents.attributes for contents in accepted.values()]

    def by(name):
        return dict(sorted(Counter(found[name] for found in labels).items()))

    families = by("family")
    members = {part: [f for f in families if split[f] == part] for part in SPLITS}
    channels = [contents.variables["g"].shape[:3] for contents in accepted.values()]
    return {
        "drawn": len(materials),
        "accepted": len(accepted),
        "rejected": dict(sorted(Counter(found["reason"] for found in rejected).items())),
        "rejected_prototypes": dict(sorted(Counter(f["prototype"] for f in rejected).items())),
        "prototypes": by("prototype"),
        "potentials": by("potential"),
        "bases": by("basis"),
        "families": families,
        "splits": {
            part: {"materials": sum(families[f] for f in members[part]), "families": members[part]}
            for part in SPLITS
        },
        "matrices": sum(m * n * v for m, n, v in channels),
    }


def _earlier(shards: list[dict]) -> dict[str, dict]:
    """Of the two stages before: wall time, summed over shards that may run side by side, and
    the distinct options and code that made the shards (one of each unless they are mixed).
    """
    return {
        stage: {
            "wall_seconds": sum(found[f"{prefix}wall_seconds"] for found in shards),
            "options": _distinct([found[f"{prefix}options"] for found in shards]),
            "code": _distinct([found[f"{prefix}code"] for found in shards]),
        }
        for stage, prefix in (("lattice", "lattice_"), ("coupling", ""))
    }


def _distinct(values: list) -> list:
    return [value for i, value in enumerate(values) if value not in values[:i]]


def _since(start: float) -> float:
    return time.perf_counter() - start
