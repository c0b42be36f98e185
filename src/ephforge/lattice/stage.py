"""Stage lattice: a shard of materials, drawn, relaxed, judged, with their force constants."""

import logging
import time
from collections import Counter
from typing import Any

from ephforge.core import netcdf
from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import (
    crystal_variables,
    force_constant_variables,
    long_range_variables,
)
from ephforge.lattice.draw import draw
from ephforge.lattice.material import make
from ephforge.lattice.rejection import Rejected
from ephforge.lattice.timing import Clock

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
    start, clock = time.perf_counter(), Clock()
    groups = {f"{i:06d}": material_group(seed, i, options, clock) for i in range(first, last)}
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
        "seconds": dict(clock.seconds),
        "wall_seconds": time.perf_counter() - start,
    }
    netcdf.write(shard, "lattice", {}, attributes, groups)


def material_group(seed: int, material: int, options: dict[str, Any], clock: Clock):
    """Variables and attributes of material i; a rejected one has attributes only."""
    with clock("draw"):
        draft = draw(seed, material, options)
    prototype = draft.prototype
    labels = {
        "prototype": prototype.name,
        "potential": draft.potential,
        "variant": prototype.variant,
        "system": prototype.system,
        "space_group": prototype.space_group,
        "stabilised": "",
        "parameters": draft.parameters,
        "strain": draft.strain,
    }
    try:
        made = make(draft, options["displacement"], options["imaginary_tolerance"], clock)
    except Rejected as rejected:
        return {}, labels | {
            "status": "rejected", "reason": rejected.reason, "detail": rejected.detail,
        }  # fmt: skip
    variables = crystal_variables(made.crystal) | force_constant_variables(made.force_constants)
    accepted = {
        "status": "accepted",
        "reason": "",
        "detail": "",
        "parameters": made.parameters,
        "strain": made.strain,
        "stabilised": made.stabilised,
    }
    if made.long_range is not None:
        polar_variables, polar_attributes = long_range_variables(made.long_range)
        variables |= polar_variables
        accepted |= polar_attributes
    return variables, labels | accepted
