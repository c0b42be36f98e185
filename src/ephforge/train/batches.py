"""Materials as stacked arrays, grouped so that every batch has one shape.

Materials whose meshes have the same numbers of orbits and latent points form a class; a
batch is drawn from one class, chosen with probability proportional to its materials.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from ephforge.core.blocks import Block
from ephforge.core.symmetry import Orbits
from ephforge.model.codec import channels_of, is_real_channel
from ephforge.model.geometry import Geometry, geometry_of


class Batch(NamedTuple):
    """Stacked materials; letter i counts them.

    Attributes:
      g_iox: normalised |g| on orbits, float32.
      real_ix: channels that a material has.
      coarse_io: orbits whose q lies on the coarse mesh of the superresolution task.
      geometry: Geometry with a leading axis i on every array.
    """

    g_iox: Float[np.ndarray, "i o x"]
    real_ix: Bool[np.ndarray, "i x"]
    coarse_io: Bool[np.ndarray, "i o"]
    geometry: Geometry


def given_orbits(orbits: Orbits, q_mesh, coarse_q_mesh) -> Bool[np.ndarray, " o"]:
    """Orbits whose phonon q lies on a coarse mesh that divides the q mesh."""
    q_index = np.stack(np.unravel_index(orbits.representative_o2[:, 1], q_mesh), axis=-1)
    stride = np.asarray(q_mesh) // np.asarray(coarse_q_mesh)
    return np.all(q_index % stride == 0, axis=-1)


def stack_blocks(
    blocks: list[Block], bands: int, modes: int, latent_mesh, coarse_q_mesh
) -> list[Batch]:
    """All materials of a split, one Batch per class, largest class first."""
    classes: dict[tuple, list[int]] = {}
    geometries = [geometry_of(block, latent_mesh) for block in blocks]
    for i, geometry in enumerate(geometries):
        classes.setdefault((geometry.spread_jop.shape, geometry.pool_jlo.shape), []).append(i)
    stacked = []
    for members in sorted(classes.values(), key=len, reverse=True):
        chosen = [blocks[i] for i in members]
        stacked.append(
            Batch(
                np.stack([channels_of(b, bands, modes) for b in chosen]),
                np.stack([is_real_channel(b, bands, modes) for b in chosen]),
                np.stack([given_orbits(b.orbits, b.q_mesh, coarse_q_mesh) for b in chosen]),
                jax.tree.map(lambda *a: np.stack(a), *(geometries[i] for i in members)),
            )
        )
    return stacked


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
