"""What each kind of file has to hold: arrays with axes, unit, number type and bounds; attributes.

Written by hand, apart from the code that writes the files, so that a slip there is seen here.
"""

from typing import Any, NamedTuple

MESH_LIMIT = 10**9  # of whole numbers that have no other bound


class Field(NamedTuple):
    """One array. Bounds are physical: a value outside is a mistake, not an unusual material."""

    axes: tuple[str, ...]
    unit: str
    types: tuple[str, ...]
    low: float = -MESH_LIMIT
    high: float = MESH_LIMIT
    is_required: bool = True
    may_be_nan: bool = False


class Table(NamedTuple):
    """Arrays and attributes of a root or of an accepted material; rejected ones have no arrays."""

    fields: dict[str, Field]
    attributes: dict[str, type | tuple[type, ...]]


_REAL, _WHOLE = ("float64",), ("int64", "int32")
_EITHER, _TEXT = ("float64", "complex128"), ("str",)
_CHANNELS = ("final_band", "initial_band", "mode")
_ORBITALS = ("orbital", "orbital")

CRYSTAL = {
    "cell": Field(("vector", "direction"), "angstrom", _REAL, -200, 200),
    "positions": Field(("atom", "direction"), "angstrom", _REAL, -500, 500),
    "numbers": Field(("atom",), "1", _WHOLE, 1, 118),
    "masses": Field(("atom",), "dalton", _REAL, 0.5, 400),
}
POLAR = {
    "born": Field(("atom", "direction", "direction"), "e", _REAL, -20, 20, False),
    "dielectric": Field(("direction", "direction"), "1", _REAL, -100, 1000, False),
}
_PHI_AXES = ("phi_cell", "atom", "direction", "atom", "direction")
LATTICE = CRYSTAL | {
    "phi_cells": Field(("phi_cell", "vector"), "1", _WHOLE, -1000, 1000),
    "phi": Field(_PHI_AXES, "eV angstrom-2", _EITHER, -1e4, 1e4),
}
BLOCK = CRYSTAL | {
    "g": Field((*_CHANNELS, "orbit"), "meV", ("float32",), 0, 1e5),
    "energies": Field(("k", "initial_band"), "eV", _REAL, -1000, 1000),
    "frequencies": Field(("q", "mode"), "eV", _REAL, -0.01, 1),
    "orbit": Field(("k", "q"), "1", ("int32",), 0),
    "orbit_size": Field(("orbit",), "1", _WHOLE, 1),
    "orbit_representative": Field(("orbit", "pair"), "1", _WHOLE, 0),
    "orbit_partner": Field(("orbit",), "1", _WHOLE, 0),
}
_GRID = {"g_grid": Field((*_CHANNELS, "k", "q"), "meV", ("float32",), 0, 1e5)}
_MAYBE_GRID = {"g_grid": _GRID["g_grid"]._replace(is_required=False)}
_G_UNIT = "eV angstrom-1"
_HOPPING = ("hopping_cell", *_ORBITALS)
_OPTIONAL_MODEL = {
    "overlap": Field(_HOPPING, "1", _EITHER, -2, 2, False),
    "gradient": Field(
        ("hopping_cell", "direction", *_ORBITALS), _G_UNIT, _EITHER, -1e3, 1e3, False
    ),
    "crystal_field": Field(
        ("hopping_cell", "atom", "direction", *_ORBITALS), _G_UNIT, _EITHER, -1e3, 1e3, False
    ),
    "basis_derivative": Field(
        ("hopping_cell", "direction", *_ORBITALS), "angstrom-1", _EITHER, -100, 100, False
    ),
    "phonon_cells": Field(("phonon_cell", "vector"), "1", _WHOLE, -1000, 1000, False),
    "electron_cells": Field(("electron_cell", "vector"), "1", _WHOLE, -1000, 1000, False),
    "g": Field(
        ("phonon_cell", "atom", "direction", "electron_cell", *_ORBITALS), _G_UNIT,
        _EITHER, -1e3, 1e3, False,
    ),
    "g_folded": Field(
        ("phonon_class", "atom", "direction", "electron_class", *_ORBITALS), _G_UNIT,
        _EITHER, -1e3, 1e3, False,
    ),
    "g_q_mesh": Field(("vector",), "1", _WHOLE, 1, 1000, False),
    "g_k_mesh": Field(("vector",), "1", _WHOLE, 1, 1000, False),
    "phonon_images": Field(
        ("phonon_cell", "atom", *_ORBITALS), "1", (*_WHOLE, "int16"), 0, 1000, False
    ),
    "electron_images": Field(
        ("electron_cell", *_ORBITALS), "1", (*_WHOLE, "int16"), 0, 1000, False
    ),
}  # fmt: skip
MODEL = LATTICE | POLAR | _OPTIONAL_MODEL | {
    "hopping_cells": Field(("hopping_cell", "vector"), "1", _WHOLE, -1000, 1000),
    "hopping": Field(_HOPPING, "eV", _EITHER, -1e3, 1e3),
    "orbital_site": Field(("orbital",), "1", _WHOLE, 0, 1000),
    "orbital_centres": Field(("orbital", "direction"), "angstrom", _REAL, -500, 500),
}  # fmt: skip
_COLUMN = ("material",)
_TEXTS = ("name", "split", "prototype", "potential", "basis", "family", "system", "variant")
_FLAGS = ("polar", "three_centre", "spin_orbit", "overlap", "crystal_field")
DATASET = (
    {name: Field(_COLUMN, "1", _TEXT) for name in (*_TEXTS, "stabilised", "kind")}
    | {name: Field(_COLUMN, "1", ("int8",), 0, 1) for name in _FLAGS}
    | {
        "shard_file": Field(("shard_number",), "1", _TEXT),
        "shard": Field(_COLUMN, "1", ("int32",), 0),
        "fingerprint": Field(("material", "byte"), "1", ("uint8",), 0, 255),
        "gap": Field(_COLUMN, "eV", _REAL, 0, 100, True, True),
        "electrons": Field(_COLUMN, "1", _REAL, 0, 1000, True, True),
        "space_group": Field(_COLUMN, "1", _REAL, 1, 230, True, True),
        "bands": Field(_COLUMN, "1", ("int32",), 1, 1000),
        "modes": Field(_COLUMN, "1", ("int32",), 3, 1000),
        "orbits": Field(_COLUMN, "1", ("int32",), 1),
    }
)

_PROVENANCE: dict[str, Any] = {"stage": str, "options": dict, "code": str, "wall_seconds": float}
_SEEDED = _PROVENANCE | {"seed": int}
_BEFORE = {"lattice_options": dict, "lattice_code": str, "lattice_wall_seconds": float}
_MESHES = {"name": str, "labels": dict, "k_mesh": list, "q_mesh": list}
VERDICT = {"status": str, "reason": str}

ROOTS = {
    "lattice": Table({}, _SEEDED | {"first": int, "last": int}),
    "coupling": Table({}, _SEEDED | _BEFORE),
    "dataset": Table(DATASET, _SEEDED),
    "firstprinciples": Table(BLOCK | _GRID, _PROVENANCE | _MESHES),
    "model": Table(MODEL, {"name": str, "coupling": str}),
    "train": Table({}, _PROVENANCE | {"shape": dict}),
    "maps": Table(BLOCK | _MAYBE_GRID, _MESHES | {"source": dict}),
    "calibration": Table(
        {},
        {"stage": str, "options": dict, "wall_seconds": float, "held_out": dict}
        | {"autoencoder": str, "q_meshes": dict},
    ),
}
_LABELS = {"prototype": str, "potential": str}
MATERIALS = {
    "lattice": Table(LATTICE | POLAR, VERDICT | _LABELS | {"parameters": dict}),
    "coupling": Table(
        BLOCK | POLAR, VERDICT | _LABELS | _MESHES | {"basis": str, "family": str}
    ),
}  # fmt: skip
EVERY_FILE = {"kind": str, "versions": dict, "conventions": str, "format_version": int}
# arrays of a kind that the table does not name: reference values of a model, network weights
IS_OPEN = ("model", "train")
