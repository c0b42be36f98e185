"""A trained autoencoder as a tool: encode a block to bytes and back, refine it, describe it.

This is what the task stages and the commands use.  They hand over a Block and get |g| on orbits.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Pattern, bucket_of, pattern_of, star_sizes, summary
from ephforge.core.differences import differences_of
from ephforge.core.order import Order
from ephforge.model.autoencoder import Autoencoder
from ephforge.model.bitstream import Reader, read_header, read_integers, scale_value, step_value
from ephforge.model.broken import read_broken
from ephforge.model.encoder import Encoder, Rebuilt, free_pattern, patterns_of
from ephforge.model.geometry import geometry_of
from ephforge.model.guess import Guess, guess_of
from ephforge.model.order import order_of, read_order
from ephforge.model.prior import Prior
from ephforge.model.remainder import N_STEPS, Remainder, read_remainder, remainder_step
from ephforge.model.sparse import Dictionary, dictionary_of
from ephforge.model.spread import SPREADS, factor_of, spreads_of
from ephforge.model.transform import Statistics, channel_set_of, class_of

FINE = 1e-3  # step that `features` states: nothing is lost


class Code(NamedTuple):
    """Bytes, and what they decode to: |g| in meV on orbits."""

    data: bytes
    g: Float[np.ndarray, "m n v o"]


@dataclass(frozen=True)
class Codec:
    """A network with its weights, the statistics of its transform, and the priors of integers.

    Attributes:
      prior, remainder_prior: of the integers of the transform, and of those of remainders.
      share_tb: of the ends of degenerate groups among bands (t = 0) and modes (t = 1), by the
        logarithm b of the number of points in a star.
    """

    network: Autoencoder
    statistics: Statistics
    prior: Prior
    remainder_prior: Prior
    share_tb: Float[np.ndarray, "2 b"]
    encoder: ClassVar = Encoder

    def encode(self, block: Block, bits: int) -> Code:
        """The code of at most so many bits with the smallest step; without a byte it is zero."""
        return self.encode_all(block, [bits])[0]

    def encode_all(self, block: Block, bits: list[int]) -> list[Code]:
        """Codes of one block within several sizes."""
        encoders = self.encoders(block)
        found = []
        for most in bits:
            codes = [code for encoder in encoders for code in encoder.within(most)]
            best = min(codes, key=lambda code: code.miss, default=None)
            found.append(Code(best.data, best.g) if best else Code(b"", np.zeros(block.g.shape)))
        return found

    def encoders(self, block: Block) -> list[Encoder]:
        """Whose codes compete."""
        found, rms = [], scale_of(block)
        for choice in self.choices(block):
            first = self.encoder(self, block, *choice, rms)
            known = first.dictionary
            numbers = self.spreads(known, first.y_xo)
            found += [self.encoder(self, block, *choice, rms, number, known) for number in numbers]
        return found

    def choices(self, block: Block) -> list[tuple[Pattern | None, Order]]:
        """Degeneracies that a code may use, sorted by energy, and the order of states with each."""
        return [
            (pattern, order_of(block, self.statistics, pattern or free_pattern(block)))
            for pattern in patterns_of(block)
        ]

    def spreads(self, dictionary: Dictionary, y_xo: Float[np.ndarray, "x o"]) -> list[int]:
        """Sizes of what components leave that codes may expect (spread.py)."""
        return spreads_of(dictionary, y_xo)

    def decode(self, data: bytes, block: Block) -> Float[np.ndarray, "m n v o"]:
        """|g| in meV from bytes; of the block its geometry and shape are used only.

        Raises:
          EphforgeError: the bytes are no code of such a block.
        """
        if not data:
            return np.zeros(block.g.shape)
        reader = Reader(data)
        header = read_header(reader, self.ends_of(block))
        pattern = header.pattern or free_pattern(block)
        order = read_order(reader, pattern)
        factor = factor_of(reader.number(SPREADS))
        dictionary = dictionary_of(block, self.statistics, pattern).widened(factor)
        step = step_value(header.step)
        n_e = read_integers(reader, dictionary, step, self.prior)
        rebuilt = self.synthesise(block, dictionary, n_e, step)
        if reader.number(2):
            number = reader.number(N_STEPS)
            left_e = read_remainder(reader, rebuilt.remainder, number, self.remainder_prior)
            rebuilt, differences = rebuilt.with_remainder(left_e), differences_of(block, pattern)
            value_d = read_broken(reader, differences, rebuilt.g_xo, remainder_step(number))
            rebuilt = rebuilt.with_broken(differences, value_d)
        g = scale_value(header.scale) * rebuilt.g(block.g.shape)
        return order.inverse.applied(g, block)

    def refine(self, block: Block, given_o: Bool[np.ndarray, " o"]) -> Float[np.ndarray, "m n v o"]:
        """|g| in meV on all orbits from the given ones; the others are not looked at."""
        hidden = np.where(given_o, block.g, 0.0).astype(block.g.dtype)
        seen = replace(block, g=hidden, g_grid=None)
        size_o = block.orbits.size_o
        # the scale of what is seen stands for the whole block
        factor = math.sqrt(size_o.sum() / size_o[given_o].sum())
        g_omnv = normalised(seen) / np.float32(factor)
        guess_omnv = self._guess(block, given_o)(g_omnv)
        arguments = (g_omnv, given_o, guess_omnv, geometry_of(block))
        found_omnv = np.asarray(_refine(*self._split, *arguments), float)
        found = scale_of(seen) * factor * found_omnv.transpose(1, 2, 3, 0)
        return np.where(given_o, block.g, np.maximum(found, 0.0))

    def expected_miss(self, block: Block, given_o: Bool[np.ndarray, " o"]) -> float:
        """Relative error of the linear guess over the orbits that are not given, as it expects."""
        return self._guess(block, given_o).expected_miss

    def ends_of(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Probability that a degenerate group ends at each place of a pattern of the block."""
        places = len(block.g) - 1, block.g.shape[2] - 1
        found = zip(self.share_tb, star_sizes(block.orbits), places, strict=True)
        return tuple(
            np.tile(share_b[bucket_of(size_s, len(share_b))][:, None], (1, n))
            for share_b, size_s, n in found
        )

    @cached_property
    def linear_part(self) -> "Codec":
        """The same codec with the convolutional paths silent."""
        silent = nnx.clone(self.network)  # a merge of the same state would share its arrays
        for path in (silent.decoder, silent.refiner):
            path.leave.kernel[...] = jnp.zeros_like(path.leave.kernel[...])
            path.leave.bias[...] = jnp.zeros_like(path.leave.bias[...])
        return replace(self, network=silent)

    def features(self, block: Block) -> Float[np.ndarray, " f"]:
        """Means and spreads of the decoder's features, and degeneracies: fixed length.

        Over the mesh, each pair (k, q) alike, so that they do not depend on the choice of orbits;
        coupling within and between bands apart, and the lower and the upper half of the modes.
        """
        hidden = np.asarray(_features(*self._split, normalised(block), geometry_of(block)), float)
        weight_o = geometry_of(block).weight_o
        mean_mnvf = np.einsum("o,omnvf->mnvf", weight_o, hidden)
        square_mnvf = np.einsum("o,omnvf->mnvf", weight_o, hidden**2)
        bands, _, modes, _ = mean_mnvf.shape
        is_lower_v = np.arange(modes) < (modes + 1) // 2
        found = [summary(pattern_of(block))]
        for is_within in (True, False):
            for is_lower in (True, False):
                chosen = (np.eye(bands, dtype=bool) == is_within)[..., None]
                chosen = chosen & (is_lower_v == is_lower)
                mean_f = mean_mnvf[chosen].mean(axis=0) if chosen.any() else 0 * mean_mnvf[0, 0, 0]
                square_f = square_mnvf[chosen].mean(axis=0) if chosen.any() else mean_f
                found += [mean_f, np.sqrt(np.maximum(square_f - mean_f**2, 0))]
        return np.concatenate(found)

    @cached_property
    def _split(self):
        return nnx.split(self.network)

    @cached_property
    def _guesses(self) -> dict[tuple, Guess]:
        return {}

    def _guess(self, block: Block, given_o) -> Guess:
        """The linear guess, kept: materials of one class and channel set share it."""
        key = (class_of(block), channel_set_of(block), np.asarray(given_o).tobytes())
        if class_of(block) not in self.statistics.orbits:  # then the prior of its own lattice
            key += (block.crystal.cell.tobytes(),)
        if key not in self._guesses:
            self._guesses[key] = guess_of(block, self.statistics, given_o)
        return self._guesses[key]

    def synthesise(self, block: Block, dictionary: Dictionary, n_e, step: float) -> Rebuilt:
        """|g| with rms 1, about, from integers of the transform."""
        root_o = dictionary.entries.root_o
        first_mnvo = (dictionary.decode(n_e * step) / root_o).reshape(block.g.shape)
        first_omnv = np.float32(first_mnvo.transpose(3, 0, 1, 2))
        known = np.float32(step / dictionary.unit)
        found = _decode(*self._split, first_omnv, known, geometry_of(block))
        y_xo = np.asarray(found, float).transpose(1, 2, 3, 0).reshape(-1, len(root_o)) * root_o
        y_xo = dictionary.entries.project(y_xo)
        return Rebuilt(Remainder(dictionary, first_mnvo, step), y_xo)


def scale_of(block: Block) -> float:
    """Root mean square of |g| over channels and pairs, meV."""
    share_o = block.orbits.size_o / block.orbits.size_o.sum()
    return float(np.sqrt(np.mean(np.square(block.g, dtype=float) @ share_o)))


def normalised(block: Block) -> Float[np.ndarray, "o m n v"]:
    """|g| with rms 1, orbits first, float32."""
    return np.float32(block.g.transpose(3, 0, 1, 2) / (scale_of(block) or 1.0))


@partial(jax.jit, static_argnums=0)
def _decode(graph, weights, first_omnv, step, geometry):
    return nnx.merge(graph, weights).decode(first_omnv, step, geometry)


@partial(jax.jit, static_argnums=0)
def _refine(graph, weights, g_omnv, given_o, guess_omnv, geometry):
    return nnx.merge(graph, weights).refine(g_omnv, given_o, guess_omnv, geometry)


@partial(jax.jit, static_argnums=0)
def _features(graph, weights, g_omnv, geometry):
    step, given_o = jnp.float32(FINE), jnp.ones(len(g_omnv), bool)
    return nnx.merge(graph, weights).decoder.hidden(g_omnv, given_o, step, geometry)
