"""Stage dataset: coupling shards in, an index with splits and a card of counts out."""

import logging
import time
from collections import Counter
from pathlib import Path

import numpy as np

from ephforge.core.blocks import block_variables, read_block
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, Variable
from ephforge.core.records import write_record, write_text
from ephforge.core.rng import generator
from ephforge.dataset import card as counted
from ephforge.dataset.card_text import card_text
from ephforge.dataset.families import ASIDE, split_families
from ephforge.dataset.index import Index, columns_of, write_index
from ephforge.dataset.rows import row_of
from ephforge.dataset.shards import read_shards

log = logging.getLogger(__name__)


def run(
    shards, dataset: str, card: str, text: str, options: dict, seed: int, provenance: dict
) -> None:
    """Check the shards, split accepted materials by family, write the index and the card.

    One shard is in memory at a time.

    Args:
      shards: coupling files of the campaign, one or many.
      dataset: file to write, kind "dataset", one line per accepted material.
      card: JSON file to write; `text`: the same to read.
      options: section `dataset` of the configuration.
      seed: campaign seed; the draw of the splits follows from it.

    Raises:
      EphforgeError: a damaged shard, a missing or doubled material, too few families.
    """
    start = time.perf_counter()
    rows, paths, attributes, variables = [], [], [], {}
    files = [shards] if isinstance(shards, str) else list(shards)
    for path, contents in read_shards(files, seed):
        for name, group in sorted(contents.groups.items()):
            row = row_of(name, group) | {"shard": len(paths)}
            if not variables and row["status"] == "accepted":
                variables = _described(group)
            rows.append(row)
        paths.append(path)
        attributes.append(contents.attributes)
    accepted = [row for row in rows if row["status"] == "accepted"]
    if not accepted:
        raise EphforgeError("dataset: no material was accepted; see the reasons in the shards")
    split = _split(accepted, options, seed)
    facts = provenance | {"seed": seed, "wall_seconds": time.perf_counter() - start}
    write_index(dataset, _index(accepted, paths, split), facts)
    record = {
        "provenance": provenance,
        "earlier": counted.earlier(attributes),
        "made_with": counted.versions_of(attributes),
        "seed": seed,
        "shards": len(paths),
        "bytes": sum(path.stat().st_size for path in paths),
        "variables": variables,
        **counted.counts(rows, split),
        "wall_seconds": time.perf_counter() - start,
    }
    write_text(text, card_text(record))
    write_record(card, record)
    log.info("%d of %d materials, %d families", len(accepted), len(rows), len(record["families"]))


def _split(accepted: list[dict], options: dict, seed: int) -> dict[str, str]:
    """Split of each material; families are dealt among those that can be learnt from."""
    learnt = [
        row
        for row in accepted
        if row["orbits"] <= options["largest_orbits"] and row["modes"] <= options["largest_modes"]
    ]
    found = split_families(
        Counter(row["family"] for row in learnt),
        options["validation_fraction"],
        options["test_fraction"],
        generator(seed, 0, "split"),
    )
    split = {row["name"]: ASIDE for row in accepted}
    return split | {row["name"]: found[row["family"]] for row in learnt}


def _index(accepted: list[dict], paths: list[Path], split: dict[str, str]) -> Index:
    names = [row["name"] for row in accepted]
    return Index(
        names,
        paths,
        np.array([row["shard"] for row in accepted]),
        [split[name] for name in names],
        columns_of(accepted),
        np.array([np.frombuffer(row["fingerprint"], np.uint8) for row in accepted]),
    )


def _described(group: Contents) -> dict[str, dict]:
    """Dimensions, unit, number type and meaning of the arrays of a material."""
    found: dict[str, Variable] = block_variables(read_block(group))[0]
    return {
        name: {
            "dimensions": list(variable.axes),
            "unit": variable.unit,
            "type": str(np.asarray(variable.data).dtype),
            "meaning": variable.meaning,
        }
        for name, variable in found.items()
    }
