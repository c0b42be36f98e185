"""Stage lattice: a shard of materials, drawn, relaxed, judged, with their force constants."""

import logging
import time
from collections import Counter
from typing import Any

from ephforge.core import netcdf
from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import crystal_variables, force_constant_variables
from ephforge.lattice.draw import draw
from ephforge.lattice.material import make
from ephforge.lattice.rejection import Rejected

log = logging.getLogger(__name__)


def run(
    shard: str,
    first: int,
    last: int,
    seed: int,
    options: dict[str, Any],
    provenance: dict[str, Any],
) -> None:
    """Write materials first <= i < last to a file of kind "lattice", one group each.

    Raises:
      EphforgeError: more than options["max_rejected"] of them are rejected.
    """
    start = time.perf_counter()
    groups = {f"{i:06d}": material_group(seed, i, options) for i in range(first, last)}
    reasons = Counter(attributes["reason"] for _, attributes in groups.values())
    accepted = reasons.pop("", 0)
    log.info("%d of %d materials accepted; rejected: %s", accepted, len(groups), dict(reasons))
    if reasons.total() > options["max_rejected"] * len(groups):
        counts = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
        raise EphforgeError(
            f"{shard}: {reasons.total()} of {len(groups)} materials rejected ({counts}), allowed "
            f"share is {options['max_rejected']}; widen lattice.prototypes or lattice.potentials, "
            "or raise lattice.max_rejected"
        )
    attributes = provenance | {
        "seed": seed,
        "first": first,
        "last": last,
        "wall_seconds": time.perf_counter() - start,
    }
    netcdf.write(shard, "lattice", {}, attributes, groups)


def material_group(seed: int, material: int, options: dict[str, Any]):
    """Variables and attributes of material i; a rejected one has attributes only."""
    draft = draw(seed, material, options["prototypes"], options["potentials"], options["strain"])
    labels = {
        "prototype": draft.prototype,
        "potential": draft.potential,
        "parameters": draft.parameters,
        "strain": draft.strain,
    }
    try:
        made = make(draft, options["displacement"], options["imaginary_tolerance"])
    except Rejected as rejected:
        return {}, labels | {
            "status": "rejected", "reason": rejected.reason, "detail": rejected.detail,
        }  # fmt: skip
    variables = crystal_variables(made.crystal) | force_constant_variables(made.force_constants)
    accepted = {"status": "accepted", "reason": "", "detail": "", "parameters": made.parameters}
    return variables, labels | accepted
