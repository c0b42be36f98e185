"""Materials as stacked arrays, grouped so that every batch has one shape.

Materials with the same orbits form a class; a batch is drawn from one class, chosen with
probability proportional to its materials.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ephforge.core.blocks import Block
from ephforge.core.symmetry import Orbits
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


def given_orbits(
    orbits: Orbits, q_mesh: tuple[int, int, int], coarse_q_mesh: tuple[int, int, int]
) -> Bool[np.ndarray, " o"]:
    """Orbits whose phonon q lies on a coarse mesh that divides the q mesh."""
    q_index = np.stack(np.unravel_index(orbits.representative_o2[:, 1], q_mesh), axis=-1)
    stride = np.asarray(q_mesh) // np.asarray(coarse_q_mesh)
    return np.all(q_index % stride == 0, axis=-1)


def stack_blocks(blocks: list[Block], statistics: Statistics, coarse_q_mesh) -> list[Batch]:
    """All materials of a split, one Batch per class, largest class first."""
    classes: dict[str, list[Block]] = {}
    for block in blocks:
        classes.setdefault(class_of(block), []).append(block)
    return [
        _stack(members, statistics, coarse_q_mesh)
        for members in sorted(classes.values(), key=len, reverse=True)
    ]


def _stack(blocks: list[Block], statistics: Statistics, coarse_q_mesh) -> Batch:
    wide = statistics.bands, statistics.modes
    coarse_o = given_orbits(blocks[0].orbits, blocks[0].q_mesh, coarse_q_mesh)
    linear: dict[str, Linear] = {}
    for block in blocks:
        name = channel_set_of(block)
        if name not in linear:
            linear[name] = linear_of(block, statistics, coarse_o)
    return Batch(
        np.stack([channels_of(b, *wide) for b in blocks]),
        np.stack([is_real_channel(b, *wide) for b in blocks]),
        np.broadcast_to(coarse_o, (len(blocks), len(coarse_o))),
        np.array([b.g[..., 0].size * b.orbits.orbit_kq.size for b in blocks]),
        _stacked([geometry_of(b) for b in blocks]),
        _stacked([linear[channel_set_of(b)] for b in blocks]),
    )


def _stacked(trees: list):
    return jax.tree.map(lambda *arrays: np.stack(arrays), *trees)


def draw_batch(classes: list[Batch], size: int, rng: np.random.Generator) -> Batch:
    """Materials of one class, with replacement where the class is smaller than the batch."""
    share = np.array([len(c.g_iox) for c in classes], dtype=float)
    chosen = classes[rng.choice(len(classes), p=share / share.sum())]
    n = len(chosen.g_iox)
    members = rng.choice(n, size, replace=n < size)
    return jax.tree.map(lambda a: a[members], chosen)


def cut(classes: list[Batch], size: int) -> list[Batch]:
    """Every material once, in batches of at most `size`."""
    return [
        jax.tree.map(lambda a, s=start: a[s : s + size], c)
        for c in classes
        for start in range(0, len(c.g_iox), size)
    ]
