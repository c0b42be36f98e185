"""The dataset file: a table of the accepted materials that says in which shard each one lies.

Blocks stay in the shards that computed them; the table holds their fingerprints, so that a
block that is not the one the table was made from is refused when it is read.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from ephforge.core.netcdf import Variable, read, write

TEXTS = {
    "prototype": "structure type",
    "potential": "interatomic potential",
    "basis": "orbital basis",
    "family": "prototype/potential/basis",
    "system": "crystal system",
    "variant": "ideal, or how it departs from the structure type",
    "stabilised": "how an unstable draw was made stable; empty if it was stable",
    "kind": "metal, semiconductor or insulator, by the filling of the bands",
}
FLAGS = {
    "polar": "has Born charges and a dipole part",
    "three_centre": "coupling with three-centre terms",
    "spin_orbit": "has spin-orbit coupling",
    "overlap": "orbitals are not orthogonal",
    "crystal_field": "levels feel the neighbours",
}
NUMBERS = {
    "gap": ("eV", "band gap on the mesh; 0 for a metal"),
    "electrons": ("1", "electrons per cell"),
    "space_group": ("1", "number of the space group"),
}
SIZES = {
    "bands": "bands of the window",
    "modes": "phonon modes",
    "orbits": "symmetry orbits of (k, q)",
}


class Index(NamedTuple):
    """Accepted materials in the order of their names; letter i counts them.

    Attributes:
      names: as the groups of the shards.
      shards: paths of the shard files.
      shard_i: number of the shard of each material.
      splits: "train", "validation", "test", or "aside" (too large for the learning stages).
      columns: TEXTS, FLAGS, NUMBERS (nan where a shard does not say) and SIZES -> an array.
      fingerprint_ib: SHA-256 of each group of a shard, 32 bytes.
    """

    names: list[str]
    shards: list[Path]
    shard_i: Int[np.ndarray, " i"]
    splits: list[str]
    columns: dict[str, np.ndarray]
    fingerprint_ib: UInt8[np.ndarray, "i 32"]


def columns_of(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Columns of an index from one dict of facts for each material."""
    texts = {name: np.array([str(row.get(name, "")) for row in rows]) for name in TEXTS}
    flags = {name: np.array([bool(row.get(name, False)) for row in rows]) for name in FLAGS}
    numbers = {name: np.array([float(row.get(name, "nan")) for row in rows]) for name in NUMBERS}
    return texts | flags | numbers | {n: np.array([row[n] for row in rows]) for n in SIZES}


def write_index(path: str | Path, index: Index, attributes: dict) -> None:
    """Write a file of kind "dataset"; shards are named relative to its folder."""
    folder = Path(path).absolute().parent
    shards = [Path(os.path.relpath(Path(s).absolute(), folder)).as_posix() for s in index.shards]

    def column(values, meaning: str, unit: str = "1") -> Variable:
        return Variable(np.asarray(values), ("material",), unit, meaning)

    columns = index.columns
    variables = {
        "name": column(index.names, "group of the material in its shard"),
        "shard_file": Variable(
            np.array(shards), ("shard_number",), "1", "coupling files, relative to this folder"
        ),
        "shard": column(index.shard_i.astype(np.int32), "number of the file in shard_file"),
        "split": column(
            index.splits, "train, validation, test: whole families; aside: larger than learnt from"
        ),
        "fingerprint": Variable(
            index.fingerprint_ib,
            ("material", "byte"),
            "1",
            "SHA-256 of the arrays and attributes of the group",
        ),
    }
    variables |= {name: column(columns[name], text) for name, text in (TEXTS | FLAGS).items()}
    variables |= {n: column(columns[n], text, unit) for n, (unit, text) in NUMBERS.items()}
    variables |= {n: column(columns[n].astype(np.int32), text) for n, text in SIZES.items()}
    write(path, "dataset", variables, attributes)


def read_index(path: str | Path) -> Index:
    """Inverse of `write_index`."""
    found = read(path, "dataset").variables
    folder = Path(path).parent
    columns = {name: found[name] for name in (*TEXTS, *NUMBERS, *SIZES)}
    columns |= {name: found[name].astype(bool) for name in FLAGS}
    return Index(
        found["name"].tolist(),
        [Path(os.path.normpath(folder / name)) for name in found["shard_file"]],
        found["shard"],
        found["split"].tolist(),
        columns,
        found["fingerprint"],
    )


def facts(index: Index) -> dict[str, dict[str, Any]]:
    """Name -> "split", "shard" and every column, of each material."""
    lists = {name: values.tolist() for name, values in index.columns.items()}
    return {
        name: {key: values[i] for key, values in lists.items()}
        | {"split": index.splits[i], "shard": index.shards[index.shard_i[i]]}
        for i, name in enumerate(index.names)
    }
