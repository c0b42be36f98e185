"""A small dataset, real materials and a stand-in codec on disk, for tests of the task stages."""

import dataclasses

import numpy as np
from material_blocks import make_block

from ephforge.core.blocks import block_variables, on_grid
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.dataset.index import Index, columns_of, write_index
from ephforge.dataset.rows import row_of
from ephforge.model.codec import Code, Codec

PROTOTYPES = ("fcc", "diamond", "zincblende", "cscl")
MESHES = {"k_mesh": (2, 2, 2), "q_mesh": (2, 2, 2)}


class StandInCodec(Codec):
    """Stores leading orbits of the first channels; knows no more than `modes` modes."""

    def __init__(self, modes=6):
        object.__setattr__(self, "modes", modes)  # a Codec is frozen

    def encode(self, block, bits):
        """Leading numbers in single precision, as many as the bits hold."""
        self._check(block)
        data = block.g.ravel()[: bits // 32].astype("<f4").tobytes()
        return Code(data, self.decode(data, block))

    def encode_all(self, block, bits):
        return [self.encode(block, most) for most in bits]

    def decode(self, data, block):
        g = np.zeros(block.g.size)
        g[: len(data) // 4] = np.frombuffer(data, "<f4")
        return g.reshape(block.g.shape)

    def features(self, block):
        self._check(block)
        one_hot = [float(block.labels["prototype"] == p) for p in PROTOTYPES]
        return np.array([*one_hot, block.g.mean() / 1000])

    def refine(self, block, given_o):
        self._check(block)
        return np.where(given_o, block.g, block.g[..., given_o].mean())

    @property
    def linear_part(self):
        return self

    def _check(self, block):
        if block.g.shape[2] > self.modes:
            raise EphforgeError(f"{block.name}: too many modes")


def blocks(prototypes=PROTOTYPES, count=24):
    """Materials in families prototype/morse/s and prototype/emt/s, split by family."""
    found = []
    for i in range(count):
        prototype = prototypes[i % len(prototypes)]
        potential = ("morse", "emt", "rgl")[i // len(prototypes) % 3]
        block = make_block(prototype, i, family=f"{prototype}/{potential}/s", **MESHES)
        found.append((block, {"morse": "train", "emt": "test", "rgl": "validation"}[potential]))
    return found


def write_dataset(folder, materials):
    """One shard and its index; materials are (block, split) or (block, split, more attributes)."""
    groups = {}
    for block, _, *more in materials:
        variables, attributes = block_variables(block)
        attributes |= {"status": "accepted", "reason": ""} | block.labels
        groups[block.name] = (variables, attributes | (more[0] if more else {}))
    shard = folder / "shard.nc"
    write(shard, "coupling", {}, {}, groups)
    found = read(shard, "coupling").groups
    rows = [row_of(block.name, found[block.name]) for block, *_ in materials]
    fingerprints = [np.frombuffer(row["fingerprint"], np.uint8) for row in rows]
    index = Index(
        [row["name"] for row in rows],
        [shard],
        np.zeros(len(rows), int),
        [split for _, split, *_ in materials],
        columns_of(rows),
        np.array(fingerprints),
    )
    write_index(folder / "dataset.nc", index, {})
    return str(folder / "dataset.nc")


def write_inputs(folder, materials, real=("diamond", "cscl")):
    """Paths of a dataset and of real materials whose grid is slightly asymmetric."""
    write_dataset(folder, materials)
    paths = []
    for i, prototype in enumerate(real):
        block = make_block(prototype, 900 + i, family="first-principles", **MESHES)
        labels = block.labels | {"potential": "dft", "basis": "wannier"}
        grid = on_grid(block) * (1 + 1e-4 * np.random.default_rng(i).normal(size=(8, 8)))
        block = dataclasses.replace(block, name=f"{prototype}_2", g_grid=grid, labels=labels)
        variables, attributes = block_variables(block)
        paths.append(str(folder / f"{block.name}.nc"))
        write(paths[-1], "firstprinciples", variables, attributes)
    return {
        "dataset": str(folder / "dataset.nc"),
        "autoencoder": "unused",
        "materials": paths,
        "metrics": str(folder / "metrics.json"),
    }


def provenance(stage, options):
    return {"stage": stage, "options": options, "code": "0" * 16}
