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
from ephforge.model.codec import channels_of, is_real_channel, widened
from ephforge.model.geometry import Geometry, geometry_of
from ephforge.model.transform import Statistics, channel_set_of, class_of, guess_of
from ephforge.train.codes import Coded


class Batch(NamedTuple):
    """Stacked materials; letter i counts them.

    Attributes:
      g_iox: |g| on orbits with rms 1, float32.
      real_ix: channels that a material has.
      coarse_io: orbits whose q lies on the coarse mesh of the superresolution task.
      first_siox: what the codes of each material decode to before the convolutions.
      step_si: steps of these codes.
      guess_ioo: linear guess of all orbits from the coarse ones.
      geometry: with a leading axis i on every array.
    """

    g_iox: Float[np.ndarray, "i o x"]
    real_ix: Bool[np.ndarray, "i x"]
    coarse_io: Bool[np.ndarray, "i o"]
    first_siox: Float[np.ndarray, "s i o x"]
    step_si: Float[np.ndarray, "s i"]
    guess_ioo: Float[np.ndarray, "i o o"]
    geometry: Geometry


class Class(NamedTuple):
    """Materials with the same orbits; what they share is kept once and numbered.

    Attributes:
      names: of the materials.
      g_iox, real_ix, first_siox, step_si: as in `Batch`.
      coarse_o: as in `Batch`, the same for all.
      geometries, geometry_i: the different ones, and the number of each material's.
      guesses, guess_i: likewise.
    """

    names: list[str]
    g_iox: Float[np.ndarray, "i o x"]
    real_ix: Bool[np.ndarray, "i x"]
    first_siox: Float[np.ndarray, "s i o x"]
    step_si: Float[np.ndarray, "s i"]
    coarse_o: Bool[np.ndarray, " o"]
    geometries: list[Geometry]
    geometry_i: Int[np.ndarray, " i"]
    guesses: list[Float[np.ndarray, "o o"]]
    guess_i: Int[np.ndarray, " i"]


def stack_blocks(
    blocks: list[Block], codes: list[list[Coded]], statistics: Statistics, coarse_q_mesh
) -> list[Class]:
    """All materials of a split by class, largest class first; as many codes of each."""
    classes: dict[str, list[int]] = {}
    for number, block in enumerate(blocks):
        classes.setdefault(class_of(block), []).append(number)
    return [
        _gather([blocks[i] for i in found], [codes[i] for i in found], statistics, coarse_q_mesh)
        for found in sorted(classes.values(), key=len, reverse=True)
    ]


def _gather(blocks: list[Block], codes, statistics: Statistics, coarse_q_mesh) -> Class:
    wide = statistics.bands, statistics.modes
    coarse_o = given_orbits(blocks[0].orbits, blocks[0].q_mesh, coarse_q_mesh)
    geometries: dict[bytes, Geometry] = {}
    guesses: dict[str, np.ndarray] = {}
    keys = []
    for block in blocks:
        geometry, channels = geometry_of(block), channel_set_of(block)
        moves = hashlib.sha256(geometry.moves_roo.tobytes()).digest()
        geometries.setdefault(moves, geometry)
        if channels not in guesses:
            guesses[channels] = guess_of(block, statistics, coarse_o)
        keys.append((moves, channels))
    first_isox = [
        [widened(code.first_ox, block, *wide) for code in found]
        for block, found in zip(blocks, codes, strict=True)
    ]
    return Class(
        [block.name for block in blocks],
        np.stack([channels_of(b, *wide) for b in blocks]),
        np.stack([is_real_channel(b, *wide) for b in blocks]),
        np.array(first_isox).swapaxes(0, 1),
        np.array([[code.step for code in found] for found in codes], np.float32).T,
        coarse_o,
        list(geometries.values()),
        np.array([list(geometries).index(moves) for moves, _ in keys]),
        list(guesses.values()),
        np.array([list(guesses).index(channels) for _, channels in keys]),
    )


def pick(found: Class, members: Int[np.ndarray, " i"]) -> Batch:
    """Some materials of a class, stacked."""
    return Batch(
        found.g_iox[members],
        found.real_ix[members],
        np.broadcast_to(found.coarse_o, (len(members), len(found.coarse_o))),
        found.first_siox[:, members],
        found.step_si[:, members],
        np.stack([found.guesses[found.guess_i[i]] for i in members]),
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
    share = np.array([len(c.g_iox) for c in classes], dtype=float)
    chosen = classes[rng.choice(len(classes), p=share / share.sum())]
    n = len(chosen.g_iox)
    return chosen, rng.choice(n, size, replace=n < size)


def cut(classes: list[Class], size: int) -> Iterator[Batch]:
    """Every material once, in batches of at most `size`."""
    for found in classes:
        for start in range(0, len(found.g_iox), size):
            yield pick(found, np.arange(start, min(start + size, len(found.g_iox))))
