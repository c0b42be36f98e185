"""Maps on 8x8x8 meshes: the codec taught there beside the best classical methods.

    snakemake results/dataset/dataset.nc --profile profiles/local --configfile config/fine.yaml
    python benchmarks/fine_meshes.py results/dataset/dataset.nc results/firstprinciples/*.nc \
        --autoencoder fine.nc -o fine_meshes.json

Transform, components and those of patches are learned from the training split, priors of integers
from the validation split, which the transform has not seen; convolutions are those of the
autoencoder that comes with ephforge, trained on 4x4x4.  That makes the autoencoder `fine.nc`,
unless it is there.  Then refinement from every other q, and compression as
`benchmarks/map_codec.py` has it.  Every finished material is written at once.
"""

import argparse
import json
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from ephforge.baselines import gappy, interpolation
from ephforge.baselines.distinct import pca_distinct
from ephforge.baselines.fft import fft
from ephforge.baselines.measure import allowed_bits, relative_error
from ephforge.baselines.pca import fit
from ephforge.core.blocks import Block, on_grid
from ephforge.core.degeneracy import shares_of_ends
from ephforge.core.netcdf import write
from ephforge.core.symmetry import given_orbits
from ephforge.dataset.splits import read_materials, read_split
from ephforge.model.codec import Codec
from ephforge.model.storage import codec_variables, load_codec
from ephforge.model.transform import statistics_of
from ephforge.superresolve.methods import hidden_error, interpolated
from ephforge.train.codes import STEPS, coded
from ephforge.train.prior import fit_prior

SHIPPED = Path(__file__).parents[1] / "src/ephforge/pretrained/autoencoder.nc"
LARGEST_NUMBERS = 200_000_000  # of components, so that all of them are kept; the file takes 1 GB
CODES = 2  # of each validation material, that priors are learned from
PRIOR_STEPS = 4000


def taught(training: list[Block], validation: list[Block], log) -> Codec:
    """The shipped network with statistics and priors of these materials."""
    statistics = statistics_of(training, largest_numbers=LARGEST_NUMBERS, patches=True)
    log("statistics")
    examples, remainders = [], []
    for block in validation:
        rng = np.random.default_rng([0, int(block.name)])
        steps = np.exp(rng.uniform(*np.log(STEPS), CODES))
        for code in coded(block, statistics, steps, rng):
            examples.append(code.examples)
            remainders.append(code.remainders)
        log(f"codes of {block.name} at {steps}")
    priors = [fit_prior(rows, PRIOR_STEPS, 0) for rows in (examples, remainders)]
    log(f"priors: {[bits for _, bits in priors]} bits each")
    network = load_codec(SHIPPED).network
    return Codec(network, statistics, *(p for p, _ in priors), shares_of_ends(training))


def refined(block: Block, codec: Codec, training: gappy.Training) -> dict[str, float]:
    """Errors at hidden q; classical methods at the setting that is best for the very material."""
    coarse = tuple(n // 2 for n in block.q_mesh)
    given_o = given_orbits(block.orbits, block.q_mesh, coarse)
    found = {}
    for name, tool in (("autoencoder", codec), ("linear", codec.linear_part)):
        g = np.asarray(tool.refine(block, given_o), float)[..., block.orbits.orbit_kq]
        found[name] = hidden_error(g, block, coarse)
    for method in interpolation.METHODS:
        found[method] = min(
            hidden_error(interpolated(block, coarse, method, power), block, coarse)
            for power in interpolation.POWERS
        )
    tried = [gappy.refine(training, block, given_o, s) for s in gappy.STRENGTHS]
    found["pca_joint"] = min(hidden_error(g, block, coarse) for g in tried)
    return found


def compressed(block: Block, codec: Codec, fitted, budgets: list[float], log) -> dict[str, list]:
    """Errors at each budget, and seconds of all."""
    grid, found = on_grid(block), {}
    allowed = [allowed_bits(budget, grid) for budget in budgets]
    start = time.perf_counter()
    codes = codec.encode_all(block, allowed)
    found["autoencoder"] = [relative_error(c.g[..., block.orbits.orbit_kq], grid) for c in codes]
    found["seconds"] = time.perf_counter() - start
    log(f"{block.name} {found}")
    for method in (lambda *a: pca_distinct(fitted(), *a), fft):
        name = "fft" if method is fft else "pca_distinct"
        codes = (method(block, [bits])[0] for bits in allowed)  # one at a time: each has a grid
        found[name] = [relative_error(np.maximum(c.g, 0), grid) for c in codes]
        log(f"{name} {found[name]}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("maps", type=Path, nargs="+", help="files of stage firstprinciples")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--autoencoder", type=Path, required=True, help="made if it is not there")
    parser.add_argument("--budgets", type=float, nargs="+", default=[0.0002, 0.001, 0.005])
    parser.add_argument("--only", choices=["refined", "compressed"])
    given = parser.parse_args()
    start = time.perf_counter()

    def log(text: str) -> None:
        print(f"{time.perf_counter() - start:7.0f} s  {text}", flush=True)

    blocks = read_materials(list(given.maps))
    training = read_split(given.dataset, "train")
    if not given.autoencoder.exists():
        codec = taught(training, read_split(given.dataset, "validation"), log)
        weights, attributes, groups = codec_variables(codec)
        write(given.autoencoder, "train", weights, attributes, groups)
    network = load_codec(SHIPPED).network
    codec = replace(load_codec(given.autoencoder), network=network)
    record = json.loads(given.output.read_text()) if given.output.exists() else {"materials": {}}
    record |= {"budgets": given.budgets, "training_materials": len(training)}
    joint, fitted = gappy.fit(training), cache(lambda: fit(training, blocks))
    tasks = {
        "refined": lambda block: refined(block, codec, joint),
        "compressed": lambda block: compressed(block, codec, fitted, given.budgets, log),
    }
    for task in [given.only] if given.only else tasks:
        for block in blocks:
            row = record["materials"].setdefault(block.name, {})
            row[task] = tasks[task](block)
            log(f"{task} {block.name} {row[task]}")
            given.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
