"""The convolutional network of the autoencoder, for one material; map over materials at the edge.

    encoder   |g| -> integers that cost few bits (sparse.py)
    decoder   integers -> linear transform back, equal numbers made equal -> + convolutions -> |g|

The convolutions restore what quantisation took away, as far as it can be guessed from what is
left and the step of the code.  For refinement in q a second path, of the same form, starts from
the best linear guess.  Both are zero before training.

Convolutions are periodic in k, in k+q and at fixed q, constant on shells of steps, and
evaluated on one representative per symmetry orbit (geometry.py).

Axes   o orbits      x  band-band-mode channels    i,j  hidden channels
       h harmonics   t  side information
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from ephforge.model.geometry import N_HARMONICS, N_MOVES, Geometry

N_FACTS = 2  # logarithm of the step, and a constant
NO_STEP = 1.0  # what a refinement is told in its place


class Shape(NamedTuple):
    """Sizes of a network.

    Attributes:
      bands, modes: widest block that fits; channels = bands * bands * modes.
      features, layers: hidden channels and residual convolutions of each path.
    """

    bands: int
    modes: int
    features: int
    layers: int


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


class Path(nnx.Module):
    """Convolutions from |g| on orbits to a correction of it; zero before training."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs):
        channels = shape.bands**2 * shape.modes
        n_in = 2 * channels + N_HARMONICS + 1 + N_FACTS
        self.enter = nnx.Linear(n_in, shape.features, rngs=rngs)
        self.blocks = nnx.List([Residual(shape.features, rngs) for _ in range(shape.layers)])
        self.norm = nnx.RMSNorm(shape.features, rngs=rngs)
        zeros = nnx.initializers.zeros
        self.leave = nnx.Linear(shape.features, channels, kernel_init=zeros, rngs=rngs)

    def hidden(self, g_ox, real_x, given_o, step, geometry: Geometry) -> Float[Array, "o i"]:
        """Features of every orbit."""
        n_orbits = len(g_ox)
        facts_t = jnp.stack([jnp.log10(step), jnp.ones_like(step)]).astype(g_ox.dtype)
        everywhere = jnp.concatenate([real_x.astype(g_ox.dtype), facts_t])
        side = [
            jnp.broadcast_to(everywhere, (n_orbits, len(everywhere))),
            geometry.harmonics_oh,
            given_o.astype(g_ox.dtype)[:, None],
        ]
        h_oi = self.enter(jnp.concatenate([g_ox, *side], axis=-1))
        for block in self.blocks:
            h_oi = block(h_oi, geometry.moves_roo)
        return self.norm(h_oi)

    def __call__(self, g_ox, real_x, given_o, step, geometry: Geometry) -> Float[Array, "o x"]:
        return self.leave(nnx.gelu(self.hidden(g_ox, real_x, given_o, step, geometry)))


class Autoencoder(nnx.Module):
    """The paths of decoding and of refinement, Hermitian on the way out."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs):
        self.shape = shape
        self.decoder = Path(shape, rngs)
        self.refiner = Path(shape, rngs)

    def decode(
        self,
        first_ox: Float[Array, "o x"],
        real_x: Bool[Array, " x"],
        step: Float[Array, ""],
        geometry: Geometry,
    ) -> Float[Array, "o x"]:
        """Block with rms 1 from what the integers of a code decode to."""
        given_o = jnp.ones(len(first_ox), bool)
        correction_ox = self.decoder(first_ox, real_x, given_o, step, geometry)
        return self._hermitian(first_ox + step * correction_ox * real_x, geometry)

    def refine(
        self,
        g_ox: Float[Array, "o x"],
        real_x: Bool[Array, " x"],
        given_o: Bool[Array, " o"],
        guess_oo: Float[Array, "o o"],
        geometry: Geometry,
    ) -> Float[Array, "o x"]:
        """All orbits from the given ones."""
        guess_ox = guess_oo @ jnp.where(given_o[:, None], g_ox, 0)
        step = jnp.asarray(NO_STEP, g_ox.dtype)
        correction_ox = self.refiner(guess_ox, real_x, given_o, step, geometry)
        return self._hermitian(guess_ox + correction_ox * real_x, geometry)

    def _hermitian(self, g_ox, geometry: Geometry):
        return hermitian_part(g_ox, geometry.partner_o, self.shape.bands, self.shape.modes)


def hermitian_part(
    g_ox: Float[Array, "o x"], partner_o: Int[Array, " o"], bands: int, modes: int
) -> Float[Array, "o x"]:
    """Mean of |g_mn| at an orbit and |g_nm| at its partner orbit."""
    g_omnv = g_ox.reshape(-1, bands, bands, modes)
    return ((g_omnv + g_omnv[partner_o].swapaxes(1, 2)) / 2).reshape(g_ox.shape)


def relative_error(
    found_ox: Float[Array, "o x"], true_ox: Float[Array, "o x"], weight_o: Float[Array, " o"]
) -> Float[Array, ""]:
    """||found - true|| / ||true||, each orbit counted with its weight."""
    squared = jnp.einsum("o,ox->", weight_o, (found_ox - true_ox) ** 2)
    return jnp.sqrt(squared / jnp.einsum("o,ox->", weight_o, true_ox**2) + 1e-12)


def assert_single_precision(module: nnx.Module) -> None:
    """Weights are float32; with x64 on, a stray double would make every activation double."""
    dtypes = {str(leaf.dtype) for leaf in jax.tree.leaves(nnx.state(module, nnx.Param))}
    if dtypes != {"float32"}:
        raise TypeError(f"network weights must be float32, found {sorted(dtypes)}")
