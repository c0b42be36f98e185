"""Materials as stacked arrays, grouped so that every batch has one shape.

Materials with the same orbits, bands and modes form a class; a batch is drawn from one class,
chosen with probability proportional to its materials.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ephforge.core.blocks import Block
from ephforge.core.symmetry import given_orbits
from ephforge.model.codec import normalised
from ephforge.model.geometry import Geometry, geometry_of
from ephforge.model.guess import guess_of
from ephforge.model.transform import Statistics, channel_set_of, class_of
from ephforge.train.codes import Coded


class Batch(NamedTuple):
    """Stacked materials; letter i counts them.

    Attributes:
      g_iomnv: |g| on orbits with rms 1, float32.
      coarse_io: orbits whose q lies on the coarse mesh of the superresolution task.
      first_siomnv: what the codes of each material decode to before the convolutions.
      step_si: steps of these codes.
      guess_iomnv: linear guess of all orbits from the coarse ones.
      geometry: with a leading axis i on every array.
    """

    g_iomnv: Float[np.ndarray, "i o m n v"]
    coarse_io: Bool[np.ndarray, "i o"]
    first_siomnv: Float[np.ndarray, "s i o m n v"]
    step_si: Float[np.ndarray, "s i"]
    guess_iomnv: Float[np.ndarray, "i o m n v"]
    geometry: Geometry


class Class(NamedTuple):
    """Materials with the same orbits; what they share is kept once and numbered.

    Attributes:
      names: of the materials.
      g_iomnv, first_siomnv, step_si, guess_iomnv: as in `Batch`.
      coarse_o: as in `Batch`, the same for all.
      geometries, geometry_i: the different ones, and the number of each material's.
    """

    names: list[str]
    g_iomnv: Float[np.ndarray, "i o m n v"]
    first_siomnv: Float[np.ndarray, "s i o m n v"]
    step_si: Float[np.ndarray, "s i"]
    coarse_o: Bool[np.ndarray, " o"]
    guess_iomnv: Float[np.ndarray, "i o m n v"]
    geometries: list[Geometry]
    geometry_i: Int[np.ndarray, " i"]


def stack_blocks(
    blocks: list[Block], codes: list[list[Coded]], taught: list[Statistics], coarse_q_mesh
) -> list[Class]:
    """All materials of a split by class, largest class first.

    Args:
      codes: of each material, as many of all.
      taught: statistics that its guess is made with, of materials that it is not among.
    """
    classes: dict[tuple, list[int]] = {}
    for number, block in enumerate(blocks):
        classes.setdefault((class_of(block), channel_set_of(block)), []).append(number)
    return [
        _gather(*([column[i] for i in found] for column in (blocks, codes, taught)), coarse_q_mesh)
        for found in sorted(classes.values(), key=len, reverse=True)
    ]


def _gather(blocks: list[Block], codes, taught: list[Statistics], coarse_q_mesh) -> Class:
    coarse_o = given_orbits(blocks[0].orbits, blocks[0].q_mesh, coarse_q_mesh)
    geometries: dict[bytes, Geometry] = {}
    keys = []
    for block in blocks:
        geometry = geometry_of(block)
        keys.append(hashlib.sha256(geometry.moves_roo.tobytes()).digest())
        geometries.setdefault(keys[-1], geometry)
    g_iomnv = np.stack([normalised(block) for block in blocks])
    guesses = {id(s): guess_of(blocks[0], s, coarse_o) for s in {id(s): s for s in taught}.values()}
    return Class(
        [block.name for block in blocks],
        g_iomnv,
        np.array([[code.first_omnv for code in found] for found in codes]).swapaxes(0, 1),
        np.array([[code.step for code in found] for found in codes], np.float32).T,
        coarse_o,
        np.stack([guesses[id(s)](g) for s, g in zip(taught, g_iomnv, strict=True)]),
        list(geometries.values()),
        np.array([list(geometries).index(key) for key in keys]),
    )


def pick(found: Class, members: Int[np.ndarray, " i"]) -> Batch:
    """Some materials of a class, stacked."""
    n = len(members)
    return Batch(
        found.g_iomnv[members],
        np.broadcast_to(found.coarse_o, (n, *found.coarse_o.shape)),
        found.first_siomnv[:, members],
        found.step_si[:, members],
        found.guess_iomnv[members],
        _stacked([found.geometries[found.geometry_i[i]] for i in members]),
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
    share = np.array([len(c.g_iomnv) for c in classes], dtype=float)
    chosen = classes[rng.choice(len(classes), p=share / share.sum())]
    n = len(chosen.g_iomnv)
    return chosen, rng.choice(n, size, replace=n < size)


def cut(classes: list[Class], size: int) -> Iterator[Batch]:
    """Every material once, in batches of at most `size`."""
    for found in classes:
        for start in range(0, len(found.g_iomnv), size):
            yield pick(found, np.arange(start, min(start + size, len(found.g_iomnv))))
