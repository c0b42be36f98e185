"""Stage coupling: a lattice shard in, the coupling blocks of its materials out."""

import logging
import time

from ephforge.core.blocks import block_variables
from ephforge.core.netcdf import Contents, read, write
from ephforge.core.realspace import Crystal, Model, read_crystal, read_force_constants
from ephforge.core.rng import generator
from ephforge.coupling.maps import blocks
from ephforge.electrons.draw import draw, parameters
from ephforge.electrons.hopping import assemble

# ||g - g_orbit|| / ||g||: a synthetic material is as symmetric as the relaxed positions are
_LARGEST_ASYMMETRY = 1e-4
ASYMMETRIC = "asymmetric coupling"

# meV; what is below is rounding: s orbitals on a lattice of inversion centres do not couple
# at all on a mesh of 2 points a side
_SMALLEST_COUPLING = 1e-6
UNCOUPLED = "no coupling on the mesh"

_CARRIED = ("options", "code", "wall_seconds")
_LABELS = ("prototype", "potential", "basis", "family")

_log = logging.getLogger(__name__)


def run(lattice: str, shard: str, seed: int, options: dict, provenance: dict) -> None:
    """Electrons and coupling of every accepted material of a lattice shard.

    Materials that the lattice stage rejected stay as rows with their reason.

    Raises:
      EphforgeError: the lattice shard is absent or damaged.
    """
    start = time.perf_counter()
    source = read(lattice, "lattice")
    groups = {
        name: ({}, dict(group.attributes))
        for name, group in source.groups.items()
        if group.attributes["status"] == "rejected"
    }
    accepted = [name for name in source.groups if name not in groups]
    drawn = [_material(name, source.groups[name], seed, options) for name in accepted]
    models, details = zip(*drawn, strict=True) if drawn else ((), ())
    labels = [{key: detail[key] for key in _LABELS} for detail in details]

    for detail, (block, asymmetry) in zip(
        details, blocks(list(models), labels, options, keep_grid=False), strict=True
    ):
        groups[block.name] = _row(block, asymmetry, detail)
    count = sum(attributes["status"] == "accepted" for _, attributes in groups.values())
    seconds = time.perf_counter() - start
    _log.info("%s: %d of %d materials accepted, %.1f s", shard, count, len(groups), seconds)
    # what the dataset's card says of the stage before this one
    before = {f"lattice_{key}": source.attributes[key] for key in _CARRIED}
    facts = provenance | before | {"seed": seed, "wall_seconds": seconds}
    write(shard, "coupling", {}, facts, groups)


def _material(name: str, group: Contents, seed: int, options: dict) -> tuple[Model, dict]:
    """Model of a material with freshly drawn electrons, and what the file says about it."""
    crystal: Crystal = read_crystal(group.variables)
    # the kernel has no terms of overlap, crystal field and spin yet
    plain = options | {"overlap": 0.0, "crystal_field": 0.0, "spin_orbit": 0.0}
    electrons = draw(generator(seed, int(name), "electrons"), crystal, plain)
    basis = electrons.basis
    hopping, coupling = assemble(crystal, electrons)
    force_constants = read_force_constants(group.variables)
    prototype, potential = group.attributes["prototype"], group.attributes["potential"]
    detail = {
        "prototype": prototype,
        "potential": potential,
        "basis": basis,
        "family": f"{prototype}/{potential}/{basis}",
        "parameters": group.attributes["parameters"],
        "hopping": parameters(electrons),
    }
    return Model(name, crystal, hopping, force_constants, coupling), detail


def _row(block, asymmetry: float, detail: dict) -> tuple[dict, dict]:
    """Group of one material: its block, or the reason why it has none."""
    detail = detail | {"asymmetry": asymmetry}
    if block.g.max() < _SMALLEST_COUPLING:
        text = f"largest |g| = {block.g.max():.3g} meV"
        return {}, detail | {"status": "rejected", "reason": UNCOUPLED, "detail": text}
    # written so that NaN is rejected too
    if not asymmetry <= _LARGEST_ASYMMETRY:
        text = f"||g - g_orbit|| / ||g|| = {asymmetry:.3g}, allowed {_LARGEST_ASYMMETRY:g}"
        return {}, detail | {"status": "rejected", "reason": ASYMMETRIC, "detail": text}
    variables, attributes = block_variables(block)
    return variables, attributes | detail | {"status": "accepted", "reason": "", "detail": ""}
