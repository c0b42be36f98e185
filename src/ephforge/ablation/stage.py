"""Stage ablation: error on the tuning materials without a family, without a part of the codec."""

import logging
import time

import numpy as np

from ephforge.ablation.linear import Errors, errors, errors_of, relevant
from ephforge.ablation.networks import Trained, of_shapes, trained
from ephforge.ablation.parts import variants
from ephforge.ablation.removals import control, families
from ephforge.core.errors import EphforgeError
from ephforge.core.records import write_record
from ephforge.core.rng import generator
from ephforge.dataset.index import facts, read_index
from ephforge.dataset.splits import read_materials, read_split
from ephforge.model.codec import Codec
from ephforge.model.storage import load_codec
from ephforge.model.transform import class_of

log = logging.getLogger(__name__)


def run(
    dataset: str,
    autoencoder: str,
    materials,
    metrics: str,
    seed: int,
    training_options: dict,
    options: dict,
    provenance: dict,
) -> None:
    """Write the error of the linear codec with every family, and without each in turn.

    Then that of the trained autoencoder with all its parts, and without each in turn; and of its
    transform with no network, with convolutions and with a perceptron, trained alike.

    Beside each family stand `draws` random removals of the same size and the same symmetry
    classes: what a family adds is the difference, in units of their spread.

    Args:
      dataset: file of stage dataset.
      autoencoder: file of stage train.
      materials: the tuning materials, files of stage firstprinciples.
      metrics: JSON record to write.
      seed: of the campaign; the random removals follow from it.
      training_options: section `train` of the configuration; its steps are those of `options`.
      options: section `ablation` of the configuration.

    Raises:
      EphforgeError: no training material has the symmetry of a tuning material.
    """
    start = time.perf_counter()
    budgets = options["budgets"]
    targets = read_materials([materials] if isinstance(materials, str) else list(materials))
    training = read_split(dataset, "train")
    of_use = [training[i] for i in relevant(training, targets)]
    if not of_use:
        raise EphforgeError(
            "ablation: no training material has the symmetry of "
            f"{', '.join(block.name for block in targets)}; draw their prototypes"
        )
    by_name = facts(read_index(dataset))
    classes = [class_of(block) for block in of_use]
    whole = errors(of_use, targets, budgets)
    codec = load_codec(autoencoder)
    parts = _parts(codec, training, targets, budgets)
    validation = of_shapes(read_split(dataset, "validation"), targets)
    networks = _networks(
        trained(
            codec,
            of_shapes(training, targets),
            validation,
            training_options | {"steps": options["steps"]},
        ),
        targets,
        budgets,
    )
    log.info("%d of %d training materials matter", len(of_use), len(training))
    table = []
    for number, family in enumerate(families([by_name[block.name] for block in of_use])):
        draw = generator(seed, number, "ablation")
        removed = [family.members] + [
            control(family.members, classes, draw) for _ in range(options["draws"])
        ]
        found = [errors(_without(of_use, gone), targets, budgets) for gone in removed]
        table.append(
            {
                "kind": family.kind,
                "value": family.value,
                "materials": len(family.members),
                "errors": found[0],
                "random": _mean_and_spread(found[1:]),
                "worth": _worth(found[0], found[1:]),
            }
        )
        log.info("%s %s: %s", family.kind, family.value, table[-1]["worth"])
    record = {
        "provenance": provenance,
        "seed": seed,
        "budgets": budgets,
        "draws": options["draws"],
        "training_materials": len(training),
        "relevant_materials": len(of_use),
        "errors": whole,
        "families": table,
        "parts": parts,
        "networks": networks | {"steps": options["steps"]},
        "wall_seconds": time.perf_counter() - start,
    }
    write_record(metrics, record)


def _parts(codec: Codec, training: list, targets: list, budgets: list[float]) -> dict[str, Errors]:
    found = {}
    for name, make in variants(codec, training).items():
        found[name] = errors_of(make(), targets, budgets)
        log.info("without %s: %s", name, found[name])
    return found


def _networks(found: dict[str, Trained], targets: list, budgets: list[float]) -> dict[str, dict]:
    rows = {}
    for name, one in found.items():
        rows[name] = {
            "weights": one.weights,
            "validation": one.validation if np.isfinite(one.validation) else None,
            "errors": errors_of(one.codec, targets, budgets),
        }
        log.info("network %s: %s", name, rows[name])
    return rows


def _without(blocks: list, gone: list[int]) -> list:
    hidden = set(gone)
    return [block for i, block in enumerate(blocks) if i not in hidden]


def _mean_and_spread(found: list[Errors]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean and standard deviation over the random removals."""
    return {
        material: {
            budget: {
                "mean": float(np.mean([f[material][budget] for f in found])),
                "spread": float(np.std([f[material][budget] for f in found], ddof=1)),
            }
            for budget in row
        }
        for material, row in found[0].items()
    }


def _worth(without: Errors, random: list[Errors]) -> dict[str, float]:
    """Mean of log(error without / error of a random removal) over materials and budgets.

    Positive: the family helps by that share beyond what any as many materials do.  `spread`
    is the standard deviation of that mean over the random removals.
    """
    ratios = [
        np.mean(
            [
                np.log(without[material][budget] / drawn[material][budget])
                for material, row in without.items()
                for budget in row
            ]
        )
        for drawn in random
    ]
    return {"mean": float(np.mean(ratios)), "spread": float(np.std(ratios, ddof=1))}
