"""Materials as stacked arrays, grouped so that every batch has one shape.

Materials with the same orbits form a class; a batch is drawn from one class, chosen with
probability proportional to its materials.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ephforge.core.blocks import Block
from ephforge.core.symmetry import given_orbits
from ephforge.model.codec import channels_of, is_real_channel
from ephforge.model.geometry import Geometry, geometry_of
from ephforge.model.transform import (
    Linear,
    Statistics,
    channel_set_of,
    class_of,
    linear_of,
)


class Batch(NamedTuple):
    """Stacked materials; letter i counts them.

    Attributes:
      g_iox: |g| on orbits with rms 1, float32.
      real_ix: channels that a material has.
      coarse_io: orbits whose q lies on the coarse mesh of the superresolution task.
      full_i: numbers in the full grid of each material.
      geometry, linear: with a leading axis i on every array.
    """

    g_iox: Float[np.ndarray, "i o x"]
    real_ix: Bool[np.ndarray, "i x"]
    coarse_io: Bool[np.ndarray, "i o"]
    full_i: Int[np.ndarray, " i"]
    geometry: Geometry
    linear: Linear


class Class(NamedTuple):
    """Materials with the same orbits; what they share is kept once and numbered.

    Attributes:
      names: of the materials.
      g_iox, real_ix, full_i: as in `Batch`.
      coarse_o: as in `Batch`, the same for all.
      geometries, geometry_i: the different ones, and the number of each material's.
      linears, linear_i: likewise.
    """

    names: list[str]
    g_iox: Float[np.ndarray, "i o x"]
    real_ix: Bool[np.ndarray, "i x"]
    full_i: Int[np.ndarray, " i"]
    coarse_o: Bool[np.ndarray, " o"]
    geometries: list[Geometry]
    geometry_i: Int[np.ndarray, " i"]
    linears: list[Linear]
    linear_i: Int[np.ndarray, " i"]


def stack_blocks(blocks: list[Block], statistics: Statistics, coarse_q_mesh) -> list[Class]:
    """All materials of a split by class, largest class first."""
    classes: dict[str, list[Block]] = {}
    for block in blocks:
        classes.setdefault(class_of(block), []).append(block)
    return [
        _gather(members, statistics, coarse_q_mesh)
        for members in sorted(classes.values(), key=len, reverse=True)
    ]


def _gather(blocks: list[Block], statistics: Statistics, coarse_q_mesh) -> Class:
    wide = statistics.bands, statistics.modes
    coarse_o = given_orbits(blocks[0].orbits, blocks[0].q_mesh, coarse_q_mesh)
    geometries: dict[bytes, Geometry] = {}
    linears: dict[str, Linear] = {}
    keys = []
    for block in blocks:
        geometry, channels = geometry_of(block), channel_set_of(block)
        moves = hashlib.sha256(geometry.moves_roo.tobytes()).digest()
        geometries.setdefault(moves, geometry)
        if channels not in linears:
            linears[channels] = linear_of(block, statistics, coarse_o)
        keys.append((moves, channels))
    return Class(
        [block.name for block in blocks],
        np.stack([channels_of(b, *wide) for b in blocks]),
        np.stack([is_real_channel(b, *wide) for b in blocks]),
        np.array([b.g[..., 0].size * b.orbits.orbit_kq.size for b in blocks]),
        coarse_o,
        list(geometries.values()),
        np.array([list(geometries).index(moves) for moves, _ in keys]),
        list(linears.values()),
        np.array([list(linears).index(channels) for _, channels in keys]),
    )


def pick(found: Class, members: Int[np.ndarray, " i"]) -> Batch:
    """Some materials of a class, stacked."""
    return Batch(
        found.g_iox[members],
        found.real_ix[members],
        np.broadcast_to(found.coarse_o, (len(members), len(found.coarse_o))),
        found.full_i[members],
        _stacked([found.geometries[found.geometry_i[i]] for i in members]),
        _stacked([found.linears[found.linear_i[i]] for i in members]),
    )


def _stacked(trees: list):
    return jax.tree.map(lambda *arrays: np.stack(arrays), *trees)


def draw_batch(classes: list[Class], size: int, rng: np.random.Generator) -> Batch:
    """Materials of one class, with replacement where the class is smaller than the batch."""
    return pick(*_drawn(classes, size, rng))


def drawn_names(classes: list[Class], size: int, rng: np.random.Generator) -> list[str]:
    """Names of the materials that `draw_batch` takes with the same generator."""
    chosen, members = _drawn(classes, size, rng)
    return [chosen.names[i] for i in members]


def _drawn(classes: list[Class], size: int, rng: np.random.Generator):
    share = np.array([len(c.g_iox) for c in classes], dtype=float)
    chosen = classes[rng.choice(len(classes), p=share / share.sum())]
    n = len(chosen.g_iox)
    return chosen, rng.choice(n, size, replace=n < size)


def cut(classes: list[Class], size: int) -> Iterator[Batch]:
    """Every material once, in batches of at most `size`."""
    for found in classes:
        for start in range(0, len(found.g_iox), size):
            yield pick(found, np.arange(start, min(start + size, len(found.g_iox))))
