"""The trained autoencoder beside PCA fitted on the same training split, on first-principles maps.

    python benchmarks/map_codec.py results/train/autoencoder.nc results/dataset/dataset.nc \
        results/firstprinciples/*.nc -o map_codec.json

Errors ||rebuilt - |g|| / ||g|| over the full grid at budgets of stored bits / (32 x numbers of
that grid), as the stage compress has them, of the two methods that come closest only, so that
it takes minutes in place of an hour.  Each finished material is written at once, and not computed
again while dataset and autoencoder are the same files; the table comes last.
"""

import argparse
import hashlib
import json
import math
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from ephforge.baselines.distinct import pca_distinct
from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.pca import Pca, fit, pca_joint
from ephforge.core.blocks import Block, on_grid
from ephforge.dataset.splits import read_materials, read_split
from ephforge.model.codec import Codec
from ephforge.model.storage import load_codec

BUDGETS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01)
METHODS = ("autoencoder", "linear", "pca_joint", "pca_distinct")


def classical(block: Block, fitted: Pca) -> dict[str, list[float]] | None:
    """Errors of the two forms of PCA; None where no training material has the block's shape."""
    grid = on_grid(block)
    allowed = [allowed_bits(budget, grid) for budget in BUDGETS]
    found = {m.__name__: m(fitted, block, allowed) for m in (pca_joint, pca_distinct)}
    if None in found.values():
        return None
    return {
        name: [relative_error(np.maximum(code.g, 0), grid) for code in codes]
        for name, codes in found.items()
    }


def learned(block: Block, codec: Codec) -> dict:
    """Errors of the autoencoder with and without its convolutions, and seconds of the first."""
    grid = on_grid(block)
    allowed = [allowed_bits(budget, grid) for budget in BUDGETS]
    start = time.perf_counter()
    codes = {"autoencoder": codec.encode_all(block, allowed)}
    seconds = time.perf_counter() - start
    codes["linear"] = codec.linear_part.encode_all(block, allowed)
    errors = {
        name: [relative_error(code.g[..., block.orbits.orbit_kq], grid) for code in made]
        for name, made in codes.items()
    }
    return errors | {"seconds": seconds}


def table(found: dict[str, dict]) -> str:
    """Errors, then ratios of the autoencoder's to those of the two others, and their means."""
    lines = ["material  " + " ".join(f"{100 * budget:>7g} %" for budget in BUDGETS)]
    logs = {name: [] for name in METHODS[2:]}
    for material_name, row in found.items():
        for method in METHODS:
            errors = " ".join(f"{error:9.5f}" for error in row[method])
            lines.append(f"{material_name:9s} {errors}  {method}")
        for other, kept in logs.items():
            ratio = [a / b for a, b in zip(row["autoencoder"], row[other], strict=True)]
            kept.append([math.log(r) for r in ratio])
            lines.append(f"{material_name:9s} {_numbers(ratio)}  autoencoder / {other}")
    for other, kept in logs.items():
        mean = np.exp(np.mean(kept, axis=0))
        lines.append(f"mean      {_numbers(mean)}  autoencoder / {other}")
    return "\n".join(lines)


def _numbers(values) -> str:
    return " ".join(f"{value:9.3f}" for value in values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("autoencoder", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("maps", type=Path, nargs="+", help="files of stage firstprinciples")
    parser.add_argument("-o", "--output", type=Path, required=True)
    given = parser.parse_args()
    blocks = read_materials(list(given.maps))
    record = json.loads(given.output.read_text()) if given.output.exists() else {}

    def kept(kind: str, path: Path) -> dict:
        """What the output has of this very file; nothing if it is another."""
        mark = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        if record.get(kind, {}).get("file") != mark:
            record[kind] = {"file": mark, "materials": {}}
        return record[kind]["materials"]

    def each(kind: str, path: Path, errors: Callable[[Block], dict | None]) -> dict:
        found = kept(kind, path)
        for block in blocks:
            if block.name not in found:
                found[block.name] = errors(block)
                given.output.write_text(json.dumps(record, indent=1) + "\n")
                print(kind, block.name, "done", flush=True)
        return found

    training = read_split(given.dataset, "train")
    record["budgets"], record["training_materials"] = list(BUDGETS), len(training)
    fitted = cache(lambda: fit(training, blocks))
    first = each("dataset", given.dataset, lambda block: classical(block, fitted()))
    codec = load_codec(given.autoencoder)
    second = each(
        "autoencoder",
        given.autoencoder,
        lambda block: None if first[block.name] is None else learned(block, codec),
    )
    found = {b.name: first[b.name] | second[b.name] for b in blocks if first[b.name]}
    print(table(found))


if __name__ == "__main__":
    main()
