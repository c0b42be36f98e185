"""Stage coupling: a lattice shard in, the coupling blocks of its materials out.

Electrons are two-centre, or of the three-centre family (threecentre/) in the share that the
options want, of the crystals that it supports.
"""

import logging
import time
from pathlib import Path

import numpy as np

from ephforge.core.blocks import block_variables
from ephforge.core.devices import keep_compiled_kernels, settle
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import Contents, read, write
from ephforge.core.realspace import (
    Crystal,
    LongRange,
    Model,
    read_crystal,
    read_force_constants,
    read_long_range,
)
from ephforge.core.rng import generator
from ephforge.core.shards import check_shard
from ephforge.coupling.clock import Clock
from ephforge.coupling.longrange import field_at_atoms_of
from ephforge.coupling.maps import Mapped, blocks
from ephforge.electrons.draw import draw, parameters
from ephforge.electrons.filling import fill, objection
from ephforge.electrons.hopping import assemble
from ephforge.threecentre.build import Dipoles, build
from ephforge.threecentre.draw import kind, supports

THREE_CENTRE = "three-centre"  # label of the basis

# ||g - g_orbit|| / ||g||: a synthetic material is as symmetric as the relaxed positions are,
_LARGEST_ASYMMETRY = 1e-4
# and between the points of its own mesh as first-principles ones are, 0.003 to 0.09
_LARGEST_INTERPOLATED = 0.05
ASYMMETRIC = "asymmetric coupling"

# meV; what is below is rounding: s orbitals on a lattice of inversion centres do not couple
# at all on a mesh of 2 points a side
_SMALLEST_COUPLING = 1e-6
UNCOUPLED = "no coupling on the mesh"
UNBUILT = "no three-centre electrons"

# models are evaluated when those at hand take so much memory, or are so many
_LARGEST_SLICE = 2**28  # bytes
_LONGEST_SLICE = 64

_CARRIED = ("options", "code", "wall_seconds", "seconds", "machine")
_LABELS = ("prototype", "potential", "basis", "family")
_LATTICE = (
    "prototype",
    "potential",
    "parameters",
    "strain",
    "system",
    "space_group",
    "variant",
    "stabilised",
)

_log = logging.getLogger(__name__)


def run(lattice: str, shard: str, seed: int, options: dict, provenance: dict) -> None:
    """Electrons and coupling of every accepted material of a lattice shard.

    Materials that the lattice stage rejected stay as rows with their reason.  The attribute
    `seconds` tells what the time went into; `start_up` is not in `wall_seconds`.

    Raises:
      EphforgeError: the lattice shard is absent, damaged or not the one of its name, or a GPU was
        asked for in vain.
    """
    settle()
    keep_compiled_kernels()  # those of the electrons come before the first call of `blocks`
    start, clock = time.perf_counter(), Clock()
    with clock("read"):
        source = read(lattice, "lattice")
        check_shard(Path(lattice), source.groups, source.attributes, seed)
    groups = rows(source.groups, seed, options, clock)
    count = sum(attributes["status"] == "accepted" for _, attributes in groups.values())
    seconds = time.perf_counter() - start
    # what the dataset's card says of the stage before this one
    before = {f"lattice_{key}": source.attributes.get(key) for key in _CARRIED}
    before = {key: value for key, value in before.items() if value is not None}
    facts = provenance | before | {"seed": seed, "wall_seconds": seconds}
    with clock("write"):
        write(shard, "coupling", {}, facts | {"seconds": dict(clock.seconds)}, groups)
    split = ", ".join(f"{step} {spent:.1f}" for step, spent in clock.seconds.items())
    _log.info("%s: %d of %d materials accepted; seconds: %s", shard, count, len(groups), split)


def rows(
    materials: dict[str, Contents], seed: int, options: dict, clock: Clock
) -> dict[str, tuple[dict, dict]]:
    """Variables and attributes of every material of a lattice shard, by name.

    A material's row does not depend on the others.
    """
    found, at_hand, size = {}, [], 0
    for name, group in materials.items():
        if group.attributes["status"] == "rejected":
            found[name] = {}, {"basis": "", "family": ""} | group.attributes
            continue
        try:
            with clock("draw"):
                model, detail = material_model(name, group, seed, options)
        except EphforgeError as error:
            detail = _carried(group, THREE_CENTRE)
            found[name] = {}, detail | _rejected(UNBUILT, str(error))
            continue
        at_hand.append((model, detail))
        size += _bytes(model)
        if size > _LARGEST_SLICE or len(at_hand) == _LONGEST_SLICE:
            found |= _evaluated(at_hand, options, clock)
            at_hand, size = [], 0
    return found | _evaluated(at_hand, options, clock)


def material_model(name: str, group: Contents, seed: int, options: dict) -> tuple[Model, dict]:
    """Model of a material with freshly drawn electrons, and what the file says about it.

    Args:
      name: of the group, the number of the material.
      group: of an accepted material in a lattice shard.
      options: the section `coupling` of the configuration.

    Raises:
      EphforgeError: the three-centre family found no electrons for it.
    """
    crystal: Crystal = read_crystal(group.variables)
    long_range = read_long_range(group)
    share = generator(seed, int(name), "family").random()
    if share < options["three_centre"] and _has_three_centres(crystal, long_range):
        basis, electrons, coupled = _three_centre(name, crystal, long_range, seed, options)
    else:
        basis, electrons, coupled = _two_centre(name, crystal, long_range, seed, options)
    detail = _carried(group, basis) | electrons | {"polar": long_range is not None}
    hopping, coupling = coupled
    model = Model(
        name, crystal, hopping, read_force_constants(group.variables), coupling, long_range
    )
    return model, detail


def _two_centre(
    name: str, crystal: Crystal, long_range: LongRange | None, seed: int, options: dict
) -> tuple[str, dict, tuple]:
    charges_s = None if long_range is None else _charges(long_range)
    electrons = draw(generator(seed, int(name), "electrons"), crystal, options, charges_s)
    found = {
        "hopping": parameters(electrons),
        "electrons": electrons.count,
        "overlap": electrons.overlap is not None,
        "crystal_field": electrons.crystal_field is not None,
        "spin_orbit": electrons.spin_orbit_xu is not None,
        "three_centre": False,
    }
    return electrons.basis, found, assemble(crystal, electrons)


def _has_three_centres(crystal: Crystal, long_range: LongRange | None) -> bool:
    """Whether the family can be drawn: polar materials have a gap, so that metals are not."""
    return supports(crystal) and (long_range is None or kind(crystal) != "metal")


def _three_centre(
    name: str, crystal: Crystal, long_range: LongRange | None, seed: int, options: dict
) -> tuple[str, dict, tuple]:
    numbers = generator(seed, int(name), "three-centre")
    mesh = tuple(map(min, options["q_mesh"], options["three_centre_mesh"]))
    dipoles = None
    if long_range is not None:
        field_qsct = field_at_atoms_of(long_range, crystal, mesh_points(mesh))
        dipoles = Dipoles(_charges(long_range), field_qsct)
    hopping, coupling, drawn = build(numbers, crystal, mesh, dipoles)
    found = {key: drawn.pop(key) for key in ("electrons", "kind", "gap", "fermi")}
    found |= {"hopping": drawn, "overlap": False, "crystal_field": False, "spin_orbit": False}
    return THREE_CENTRE, found | {"three_centre": True}, (hopping, coupling)


def _charges(long_range: LongRange) -> np.ndarray:
    return np.trace(long_range.born, axis1=1, axis2=2) / 3


def _carried(group: Contents, basis: str) -> dict:
    """What the lattice stage said of a material, and its family."""
    known = {key: group.attributes[key] for key in _LATTICE if key in group.attributes}
    family = f"{known['prototype']}/{known['potential']}/{basis}"
    return known | {"basis": basis, "family": family}


def _bytes(model: Model) -> int:
    arrays = [*vars(model.hopping).values(), *vars(model.coupling).values()]
    return sum(array.nbytes for array in arrays if array is not None)


def _evaluated(drawn: list[tuple[Model, dict]], options: dict, clock: Clock) -> dict:
    """Rows of models, by name."""
    if not drawn:
        return {}
    models, details = zip(*drawn, strict=True)
    labels = [{key: detail[key] for key in _LABELS} for detail in details]
    mapped = blocks(list(models), labels, options, False, clock)
    return {
        model.name: _row(found, detail, _allowed(detail, options))
        for model, found, detail in zip(models, mapped, details, strict=True)
    }


def _allowed(detail: dict, options: dict) -> float:
    """Asymmetry that a material may have: three-centre ones are interpolated on finer meshes."""
    own, meshes = options["three_centre_mesh"], (options["k_mesh"], options["q_mesh"])
    is_finer = any(n > most for mesh in meshes for n, most in zip(mesh, own, strict=True))
    return _LARGEST_INTERPOLATED if detail["three_centre"] and is_finer else _LARGEST_ASYMMETRY


def _row(found: Mapped, detail: dict, allowed: float) -> tuple[dict, dict]:
    """Group of one material: its block, or the reason why it has none."""
    block = found.block
    detail = detail | {"asymmetry": found.asymmetry}
    reason, text = "", ""
    if not detail["three_centre"]:
        filling = fill(found.energy_kn, detail["electrons"], 1 if detail["spin_orbit"] else 2)
        detail |= filling._asdict()
        reason = objection(filling, detail["polar"])
        text = reason and f"{filling.electrons} electrons, no gap on the mesh"
    if block.g.max() < _SMALLEST_COUPLING:
        reason, text = UNCOUPLED, f"largest |g| = {block.g.max():.3g} meV"
    # written so that NaN is rejected too
    elif not found.asymmetry <= allowed:
        reason = ASYMMETRIC
        text = f"||g - g_orbit|| / ||g|| = {found.asymmetry:.3g}, allowed {allowed:g}"
    if reason:
        return {}, detail | _rejected(reason, text)
    variables, attributes = block_variables(block)
    return variables, attributes | detail | {"status": "accepted", "reason": "", "detail": ""}


def _rejected(reason: str, text: str) -> dict:
    return {"status": "rejected", "reason": reason, "detail": text}
