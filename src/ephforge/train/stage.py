"""Train the autoencoder on the synthetic training split, resuming from the last checkpoint."""

import hashlib
import json
import logging
import shutil
import time
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
from flax import nnx
from tqdm import tqdm

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import shares_of_ends
from ephforge.core.devices import settle
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import write
from ephforge.core.records import write_record
from ephforge.core.rng import generator
from ephforge.dataset.splits import evenly, read_splits
from ephforge.model.autoencoder import Autoencoder, Shape
from ephforge.model.codec import Codec
from ephforge.model.prior import Prior
from ephforge.model.storage import codec_variables
from ephforge.model.transform import Statistics, statistics_of
from ephforge.train.batches import stack_blocks
from ephforge.train.codes import STEPS, Coded, coded, cross_statistics
from ephforge.train.loop import State, Trainer, make_trainer, train
from ephforge.train.prior import fit_prior

log = logging.getLogger(__name__)

VALIDATED_STEPS = (0.03, 0.1, 0.3)  # of the codes that weights are chosen by
MOST_VALIDATED = 200  # materials, evenly spaced, whose codes these are
KEPT = 2  # checkpoints: the last, and the one before for the case that the last is broken


def run(
    dataset: str,
    autoencoder: str,
    history: str,
    checkpoints: str,
    coarse_q_mesh: list[int],
    options: dict,
    provenance: dict,
) -> None:
    """Train and write the best weights and the learning curve.

    Checkpoints of one run lie in a folder named after options, code and data, so that a
    killed run goes on where it was and a changed one starts anew; it is removed at the end.
    Each holds the weights, the best so far, and all that the next step depends on.

    Raises:
      EphforgeError: nothing to train on, a damaged dataset, a loss that is not finite, or a GPU was
        asked for in vain.
    """
    started = time.perf_counter()
    settle()
    splits = read_splits(dataset)
    training, validation = splits["train"], splits["validation"]
    if not training:
        raise EphforgeError(f"{dataset}: no materials in the training split; draw more materials")
    statistics = statistics_of(training, patches=options["patches"])
    taught = cross_statistics(training, statistics)
    learned, taught = (evenly(of, options["coded_materials"]) for of in (training, taught))
    judged = evenly(validation, MOST_VALIDATED)
    codes = [_codes(learned, taught, options), _validated(judged, statistics, options)]
    priors, bits = _fitted(codes[0], options)
    taught = [taught, [statistics] * len(judged)]
    classes = [
        stack_blocks(blocks, found, by, tuple(coarse_q_mesh))
        for blocks, found, by in zip((learned, judged), codes, taught, strict=True)
    ]
    del codes, taught
    shape = Shape(options["features"], options["layers"])
    network = Autoencoder(shape, nnx.Rngs(options["seed"]))
    run_id = _fingerprint(provenance, dataset, coarse_q_mesh)
    folder = Path(checkpoints).resolve() / run_id
    state, record = _trained(make_trainer(network, options), classes, options, folder, started)

    nnx.update(network, state.best)
    facts = provenance | {"coarse_q_mesh": list(coarse_q_mesh), "run": run_id}
    facts["wall_seconds"] = record["wall_seconds"]
    codec = Codec(network, statistics, *priors, shares_of_ends(training))
    weights, attributes, groups = codec_variables(codec)
    write(autoencoder, "train", weights, facts | attributes, groups)
    columns = {key: [row.get(key) for row in record["rows"]] for key in record["rows"][-1]}
    counts = {"train": len(training), "coded": len(learned), "validation": len(judged)}
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state.best))
    found = {"columns": columns, "materials": counts, "weights": parameters, "prior_bits": bits}
    write_record(history, facts | found)
    shutil.rmtree(folder)


def _trained(trainer: Trainer, classes, options: dict, folder: Path, started: float):
    """Last state and the record of the whole run, its killed parts included."""
    state, record = _resume(folder, trainer.start)
    before = record["wall_seconds"]
    manager = ocp.CheckpointManager(folder, options=ocp.CheckpointManagerOptions(max_to_keep=KEPT))
    bar = tqdm(total=options["steps"], initial=state.step, unit="step", mininterval=5)

    def on_progress(state: State, row: dict) -> None:
        record["rows"].append(row)
        record["wall_seconds"] = before + time.perf_counter() - started
        if state.step > 0:  # resuming at the start would be starting anew, its row twice
            manager.save(state.step, args=_checkpoint(state, record))
        bar.update(state.step - bar.n)
        bar.set_postfix({k: row[k] for k in ("train", "validation") if k in row})
        log.info("%s", json.dumps(row))

    state = train(trainer, state, *classes, options, on_progress)
    bar.close()
    manager.wait_until_finished()
    manager.close()
    return state, record


def _fitted(codes: list[list[Coded]], options: dict) -> tuple[list[Prior], dict]:
    """The priors of all codes of the training split, and the bits that an integer costs."""
    priors, bits = [], {}
    for name in ("examples", "remainders"):
        examples = [getattr(code, name) for found in codes for code in found]
        prior, bits[name] = fit_prior(examples, options["prior_steps"], options["seed"])
        priors.append(prior)
        count = sum(len(e[2]) for e in examples)
        log.info("prior of %s: %d integers, %s bits each", name, count, bits[name])
    return priors, bits


def _codes(blocks: list[Block], taught: list[Statistics], options: dict) -> list[list[Coded]]:
    """Codes of the training split, each with the transform of materials it is not among."""
    found = []
    bar = tqdm(total=len(blocks), unit="material", desc="codes", mininterval=5)
    for block, statistics in zip(blocks, taught, strict=True):
        rng = generator(options["seed"], int(block.name), "codes")
        steps = np.exp(rng.uniform(*np.log(STEPS), options["codes"]))
        found.append(coded(block, statistics, steps, rng))
        bar.update()
    bar.close()
    return found


def _validated(blocks: list[Block], whole: Statistics, options: dict) -> list[list[Coded]]:
    """Codes of the validation split, all at the same steps."""
    rng = np.random.default_rng(options["seed"])
    return [coded(block, whole, np.array(VALIDATED_STEPS), rng) for block in blocks]


def _fingerprint(provenance: dict, dataset: str, coarse_q_mesh) -> str:
    digest = hashlib.sha256(json.dumps([provenance, list(coarse_q_mesh)], sort_keys=True).encode())
    digest.update(Path(dataset).read_bytes())
    return digest.hexdigest()[:16]


def _checkpoint(state: State, record: dict) -> ocp.args.Composite:
    sealed = record | {"checksum": _checksum(state, record)}
    return ocp.args.Composite(
        state=ocp.args.StandardSave(state._asdict()), record=ocp.args.JsonSave(sealed)
    )


def _checksum(state: State, record: dict) -> str:
    """Of all numbers of a checkpoint: the library's own checksums do not cover every file."""
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode())
    for leaf in jax.tree.leaves(state._asdict()):
        digest.update(np.asarray(leaf).tobytes())
    return digest.hexdigest()


def _resume(folder: Path, start: State) -> tuple[State, dict]:
    """The newest whole checkpoint of this very run, or the start; broken ones are removed."""
    if folder.is_dir():
        with ocp.CheckpointManager(folder) as manager:
            steps = sorted(manager.all_steps(), reverse=True)
            for step in steps:
                try:
                    found = _restored(manager, step, start)
                except Exception as error:  # whatever the library makes of a broken file
                    reason = " ".join(str(error).split())[:200]
                    log.warning("checkpoint of step %d is broken, removed: %s", step, reason)
                    shutil.rmtree(folder / str(step))
                else:
                    log.info("resumed at step %d", step)
                    return found
            if steps:
                log.warning("no checkpoint is whole: training starts anew")
    return start, {"rows": [], "wall_seconds": 0.0}


def _restored(manager: ocp.CheckpointManager, step: int, start: State) -> tuple[State, dict]:
    wanted = ocp.args.Composite(
        state=ocp.args.StandardRestore(start._asdict()), record=ocp.args.JsonRestore()
    )
    found = manager.restore(step, args=wanted)
    state, record = State(**found["state"]), found["record"]
    if record.pop("checksum", None) != _checksum(state, record):
        raise ValueError("contents do not match its checksum")
    return state, record
