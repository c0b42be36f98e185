"""A trained autoencoder as a tool: compress a block to a budget, refine it, describe it.

This is what the task stages use.  They hand over a Block and get |g| on orbits back.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float

from ephforge.core.blocks import Block
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, Variable, read
from ephforge.model.autoencoder import Autoencoder, Shape
from ephforge.model.geometry import Geometry, geometry_of

SCALE_NUMBERS = 1  # the root mean square |g| is stored beside the latent channels


def scale_of(block: Block) -> float:
    """Root mean square of |g| over channels and pairs, meV."""
    share_o = block.orbits.size_o / block.orbits.size_o.sum()
    return float(np.sqrt(np.mean(np.square(block.g, dtype=float) @ share_o)))


def channels_of(block: Block, bands: int, modes: int) -> Float[np.ndarray, "o x"]:
    """Normalised |g| with bands and modes as channels, zero on those the block lacks.

    Raises:
      EphforgeError: the block has more bands or modes than the network.
    """
    m, _, v, o = block.g.shape
    if m > bands or v > modes:
        raise EphforgeError(
            f"{block.name}: {m} bands and {v} modes, but this autoencoder takes at most "
            f"{bands} and {modes}; train one on such materials"
        )
    g_omnv = np.zeros((o, bands, bands, modes), np.float32)
    g_omnv[:, :m, :m, :v] = block.g.transpose(3, 0, 1, 2) / (scale_of(block) or 1.0)
    return g_omnv.reshape(o, -1)


def is_real_channel(block: Block, bands: int, modes: int) -> Bool[np.ndarray, " x"]:
    """Which channels the block has."""
    m, _, v, _ = block.g.shape
    has_band, has_mode = np.arange(bands) < m, np.arange(modes) < v
    return (has_band[:, None, None] & has_band[None, :, None] & has_mode).reshape(-1)


@dataclass(frozen=True)
class Codec:
    """A network with its weights and the latent mesh it was trained with."""

    network: Autoencoder
    latent_mesh: tuple[int, int, int]

    def compress(self, block: Block, budget: float) -> Float[np.ndarray, "m n v o"]:
        """|g| in meV after encoding to at most budget * (numbers in the full grid) numbers."""
        return self._reconstruct(block, np.ones(len(block.orbits.size_o), bool), budget)

    def refine(self, block: Block, given_o: Bool[np.ndarray, " o"]) -> Float[np.ndarray, "m n v o"]:
        """|g| in meV on all orbits from the given ones; the others are not looked at.

        The scale is taken from the given orbits too.
        """
        hidden = np.where(given_o, block.g, 0.0)
        size_o = block.orbits.size_o
        # the scale that the given orbits suggest for the whole block
        share = size_o[given_o].sum() / size_o.sum()
        seen = replace(block, g=hidden.astype(block.g.dtype), g_grid=None)
        return self._reconstruct(seen, given_o, 1.0, 1 / math.sqrt(share))

    def stored_numbers(self, block: Block, budget: float) -> int:
        """Numbers stored at a budget: latent channels kept and the scale."""
        geometry = geometry_of(block, self.latent_mesh)
        n_latent = geometry.pool_jlo.shape[1]
        return self._kept_channels(block, n_latent, budget) * n_latent + SCALE_NUMBERS

    def features(self, block: Block) -> Float[np.ndarray, " f"]:
        """Latent channels averaged over the latent points, and their spread: fixed length."""
        z_lc, geometry = self._encode(block, np.ones(len(block.orbits.size_o), bool), 1.0)
        weight_p = geometry.spread_jop[0].sum(axis=0)
        weight_l = np.bincount(geometry.source_p, weight_p, minlength=len(z_lc))
        weight_l = weight_l / weight_l.sum()
        mean_c = weight_l @ z_lc
        return np.concatenate([mean_c, np.sqrt(weight_l @ (z_lc - mean_c) ** 2)])

    def _kept_channels(self, block: Block, n_latent: int, budget: float) -> int:
        m, n, v, _ = block.g.shape
        full = m * n * v * math.prod(block.k_mesh) * math.prod(block.q_mesh)
        kept = (math.floor(budget * full) - SCALE_NUMBERS) // n_latent
        return max(0, min(kept, self.network.shape.latent_channels))

    def _encode(self, block: Block, given_o, scale_factor: float):
        shape = self.network.shape
        geometry = geometry_of(block, self.latent_mesh)
        g_ox = channels_of(block, shape.bands, shape.modes) / np.float32(scale_factor)
        real_x = is_real_channel(block, shape.bands, shape.modes)
        return np.asarray(self._encode_jit(g_ox, real_x, given_o, geometry)), geometry

    def _reconstruct(self, block: Block, given_o, budget: float, scale_factor: float = 1.0):
        shape = self.network.shape
        z_lc, geometry = self._encode(block, given_o, scale_factor)
        kept = self._kept_channels(block, len(z_lc), budget)
        z_lc = np.where(np.arange(z_lc.shape[1]) < kept, z_lc, np.float32(0))
        real_x = is_real_channel(block, shape.bands, shape.modes)
        g_ox = np.maximum(np.asarray(self._decode_jit(z_lc, real_x, geometry)), 0.0)
        g_omnv = g_ox.reshape(-1, shape.bands, shape.bands, shape.modes)
        m, _, v, _ = block.g.shape
        scale = scale_of(block) * scale_factor
        return scale * g_omnv[:, :m, :m, :v].transpose(1, 2, 3, 0).astype(float)

    @cached_property
    def _encode_jit(self):
        graph, weights = nnx.split(self.network)
        return partial(_encode, graph, weights)

    @cached_property
    def _decode_jit(self):
        graph, weights = nnx.split(self.network)
        return partial(_decode, graph, weights)


@partial(jax.jit, static_argnums=0)
def _encode(graph, weights, g_ox, real_x, given_o, geometry: Geometry):
    return nnx.merge(graph, weights).encode(g_ox, real_x, given_o, geometry)


@partial(jax.jit, static_argnums=0)
def _decode(graph, weights, z_lc, real_x, geometry: Geometry):
    return nnx.merge(graph, weights).decode(z_lc, real_x, geometry)


def weight_variables(network: Autoencoder) -> dict[str, Variable]:
    """Weights as they stand in a file: one array per parameter, named by its path."""
    leaves = jax.tree_util.tree_leaves_with_path(nnx.to_pure_dict(nnx.state(network, nnx.Param)))
    return {
        _path_name(path): Variable(
            np.asarray(leaf), tuple(f"length_{n}" for n in leaf.shape), "1", "network weights"
        )
        for path, leaf in leaves
    }


def codec_of(contents: Contents) -> Codec:
    """The codec that an autoencoder file holds."""
    shape = Shape(**contents.attributes["shape"])
    network = Autoencoder(shape, nnx.Rngs(0))
    state = nnx.state(network, nnx.Param)
    stored = contents.variables
    values = jax.tree_util.tree_map_with_path(
        lambda path, _: jnp.asarray(stored[_path_name(path)]), nnx.to_pure_dict(state)
    )
    nnx.replace_by_pure_dict(state, values)
    nnx.update(network, state)
    return Codec(network, tuple(contents.attributes["latent_mesh"]))


def load_codec(path: str | Path) -> Codec:
    """Read results/train/autoencoder.nc."""
    return codec_of(read(path, "train"))


def _path_name(path) -> str:
    return ".".join(str(getattr(part, "key", part)) for part in path)
