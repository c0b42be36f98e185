"""The convolutional autoencoder, for one material; map over materials at the edge.

    encoder: |g| on orbits -> convolutions -> pool to latent points -> channels z[l, c]
    decoder: z -> spread to orbits -> convolutions -> |g| on orbits

Bands and modes are channels of one block; missing ones (fewer bands or modes than the widest
material) are masked.  Convolutions are periodic in k, in k+q and at fixed q, constant on
shells of steps, and evaluated on one representative per symmetry orbit (geometry.py).
Latent channels are nested: any leading part of them decodes, so one model serves all budgets.

Axes   o orbits      x  band-band-mode channels   i,j  hidden channels
       l latent points   c  latent channels        h   harmonics
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from ephforge.model.geometry import MOVE_CENTRES, POOL_CENTRES

N_MOVES = 3 * len(MOVE_CENTRES)
N_POOLS = len(POOL_CENTRES) ** 3
N_SIDE = 2  # harmonics aside: one flag (orbit given or hidden) and one constant


class Shape(NamedTuple):
    """Sizes of a network; everything else about a material comes with its geometry.

    Attributes:
      bands, modes: widest block that fits; channels = bands * bands * modes.
      features, layers: hidden channels and residual convolutions on each side.
      latent_channels: per latent point, even.
      harmonics: invariant position features per orbit.
    """

    bands: int
    modes: int
    features: int
    layers: int
    latent_channels: int
    harmonics: int


class ShellConvolution(nnx.Module):
    """Periodic convolution, kernel constant on shells of steps, on orbit representatives.

    y_o = x_o W + sum_r sum_p M[r, o, p] x_p W_r
    """

    def __init__(self, n_in: int, n_out: int, rngs: nnx.Rngs):
        self.mix = nnx.Linear((N_MOVES + 1) * n_in, n_out, rngs=rngs)

    def __call__(
        self, x_oi: Float[Array, "o i"], moves_roo: Float[Array, "r o o"]
    ) -> Float[Array, "o j"]:
        moved_roi = jnp.einsum("rop,pi->roi", moves_roo, x_oi)
        together = jnp.concatenate([x_oi[None], moved_roi]).transpose(1, 0, 2)
        return self.mix(together.reshape(len(x_oi), -1))


class Residual(nnx.Module):
    """x + convolution(gelu(dense(normalised x)))."""

    def __init__(self, features: int, rngs: nnx.Rngs):
        self.norm = nnx.RMSNorm(features, rngs=rngs)
        self.widen = nnx.Linear(features, features, rngs=rngs)
        self.convolve = ShellConvolution(features, features, rngs)

    def __call__(
        self, x_oi: Float[Array, "o i"], moves_roo: Float[Array, "r o o"]
    ) -> Float[Array, "o i"]:
        return x_oi + self.convolve(nnx.gelu(self.widen(self.norm(x_oi))), moves_roo)


class Encoder(nnx.Module):
    """Orbits to latent points; a linear path runs beside the convolutions."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs):
        channels = shape.bands**2 * shape.modes
        self.enter = nnx.Linear(2 * channels + shape.harmonics + N_SIDE, shape.features, rngs=rngs)
        self.blocks = nnx.List([Residual(shape.features, rngs) for _ in range(shape.layers)])
        self.leave = nnx.Linear(
            N_POOLS * (shape.features + channels), shape.latent_channels, rngs=rngs
        )

    def __call__(
        self,
        g_ox: Float[Array, "o x"],
        is_real_x: Bool[Array, " x"],
        is_given_o: Bool[Array, " o"],
        geometry,
    ) -> Float[Array, "l c"]:
        given_o1 = is_given_o.astype(g_ox.dtype)[:, None]
        seen_ox = g_ox * given_o1
        real_ox = jnp.broadcast_to(is_real_x.astype(g_ox.dtype), g_ox.shape)
        side = [real_ox, geometry.harmonics_oh, given_o1, jnp.ones_like(given_o1)]
        h_oi = self.enter(jnp.concatenate([seen_ox, *side], axis=-1))
        for block in self.blocks:
            h_oi = block(h_oi, geometry.moves_roo)
        both_oi = jnp.concatenate([h_oi, seen_ox], axis=-1)
        pooled_jli = jnp.einsum("jlo,oi->jli", geometry.pool_jlo, both_oi)
        n_latent = pooled_jli.shape[1]
        return self.leave(pooled_jli.transpose(1, 0, 2).reshape(n_latent, -1))


class Decoder(nnx.Module):
    """Latent points to orbits; a linear path runs beside the convolutions."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs):
        channels = shape.bands**2 * shape.modes
        self.enter = nnx.Linear(
            shape.latent_channels, N_POOLS * shape.features, use_bias=False, rngs=rngs
        )
        self.place = nnx.Linear(channels + shape.harmonics, shape.features, rngs=rngs)
        self.blocks = nnx.List([Residual(shape.features, rngs) for _ in range(shape.layers)])
        self.norm = nnx.RMSNorm(shape.features, rngs=rngs)
        self.leave = nnx.Linear(shape.features, channels, rngs=rngs)
        self.linear = nnx.Linear(shape.features, channels, rngs=rngs)

    def __call__(
        self, z_lc: Float[Array, "l c"], is_real_x: Bool[Array, " x"], geometry
    ) -> Float[Array, "o x"]:
        z_pc = unfold_latent(z_lc, geometry.source_p, geometry.is_swapped_p)
        spread_pji = self.enter(z_pc).reshape(len(z_pc), N_POOLS, -1)
        first_oi = jnp.einsum("jop,pji->oi", geometry.spread_jop, spread_pji)
        real_ox = jnp.broadcast_to(is_real_x.astype(z_lc.dtype), (len(first_oi), len(is_real_x)))
        h_oi = first_oi + self.place(jnp.concatenate([real_ox, geometry.harmonics_oh], axis=-1))
        for block in self.blocks:
            h_oi = block(h_oi, geometry.moves_roo)
        return self.leave(nnx.gelu(self.norm(h_oi))) + self.linear(h_oi)


class Autoencoder(nnx.Module):
    """Encoder and decoder with Hermitian symmetry imposed on what comes out."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs):
        if shape.latent_channels % 2:
            raise ValueError("latent_channels must be even: halves change places under k <-> k+q")
        self.shape = shape
        self.encoder = Encoder(shape, rngs)
        self.decoder = Decoder(shape, rngs)

    def encode(self, g_ox, is_real_x, is_given_o, geometry) -> Float[Array, "l c"]:
        """Latent channels of a normalised block (root mean square 1)."""
        return self.encoder(g_ox, is_real_x, is_given_o, geometry)

    def decode(self, z_lc, is_real_x, geometry) -> Float[Array, "o x"]:
        """Normalised block from latent channels; zero on masked channels."""
        g_ox = self.decoder(z_lc, is_real_x, geometry)
        bands, modes = self.shape.bands, self.shape.modes
        return hermitian_part(g_ox, geometry.partner_o, bands, modes) * is_real_x

    def __call__(self, g_ox, is_real_x, is_given_o, n_kept, geometry) -> Float[Array, "o x"]:
        """Reconstruction from the first n_kept latent channels of every latent point."""
        z_lc = keep_leading(self.encode(g_ox, is_real_x, is_given_o, geometry), n_kept)
        return self.decode(z_lc, is_real_x, geometry)


def keep_leading(z_lc: Float[Array, "l c"], n_kept: Int[Array, ""]) -> Float[Array, "l c"]:
    """Zero all but the first n_kept channels."""
    return jnp.where(jnp.arange(z_lc.shape[-1]) < n_kept, z_lc, 0)


def unfold_latent(
    z_lc: Float[Array, "l c"], source_p: Int[Array, " p"], is_swapped_p: Bool[Array, " p"]
) -> Float[Array, "p c"]:
    """All latent points from the stored ones.

    The Hermitian partner of a point has even and odd channels exchanged, so that a leading
    part of the channels stays a leading part.
    """
    z_pc = z_lc[source_p]
    swapped_pc = z_pc.reshape(len(z_pc), -1, 2)[..., ::-1].reshape(z_pc.shape)
    return jnp.where(is_swapped_p[:, None], swapped_pc, z_pc)


def hermitian_part(
    g_ox: Float[Array, "o x"], partner_o: Int[Array, " o"], bands: int, modes: int
) -> Float[Array, "o x"]:
    """Mean of |g_mn| at an orbit and |g_nm| at its partner orbit."""
    g_omnv = g_ox.reshape(-1, bands, bands, modes)
    return ((g_omnv + g_omnv[partner_o].swapaxes(1, 2)) / 2).reshape(g_ox.shape)


def relative_error(
    found_ox: Float[Array, "o x"], true_ox: Float[Array, "o x"], weight_o: Float[Array, " o"]
) -> Float[Array, ""]:
    """||found - true|| / ||true|| over the full mesh, each orbit counted by its pairs."""
    squared = jnp.einsum("o,ox->", weight_o, (found_ox - true_ox) ** 2)
    return jnp.sqrt(squared / jnp.einsum("o,ox->", weight_o, true_ox**2))


def assert_single_precision(module: nnx.Module) -> None:
    """Weights are float32; with x64 on, a stray double would make every activation double."""
    wrong = {str(leaf.dtype) for leaf in jax.tree.leaves(nnx.state(module, nnx.Param))} - {
        "float32"
    }
    if wrong:
        raise TypeError(f"network weights must be float32, found {sorted(wrong)}")
