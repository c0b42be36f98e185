"""The convolutional autoencoder, for one material; map over materials at the edge.

    encoder   |g| -> |g| + convolutions(|g|) -> linear transform -> first n coefficients
    decoder   coefficients -> linear transform back -> + convolutions -> |g|

The linear transform (transform.py) starts as the best linear code of n numbers; both
convolutional paths start at zero and learn what it cannot do: the encoder bends the
coefficients, the decoder restores what the missing ones took away.  Coefficients are nested:
any leading part decodes, and further ones may be kept where they are large, with their
positions, so one model serves all budgets.  For refinement in q a third path,
of the same form, starts from the best linear guess.

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
from ephforge.model.transform import Linear

N_FACTS = 2  # logarithm of the expected missing share, and a constant


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


class Task(NamedTuple):
    """What the decoder may know of one material.

    Attributes:
      n_kept: leading coefficients that are stored.
      n_extra: further ones that are stored with their positions, the largest.
      given_o: orbits that are given; all of them when compressing.
      is_refinement: guess from the given orbits instead of decoding coefficients.
    """

    n_kept: Int[Array, ""]
    given_o: Bool[Array, " o"]
    is_refinement: Bool[Array, ""]
    n_extra: Int[Array, ""]


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

    def hidden(self, g_ox, real_x, given_o, facts_t, geometry: Geometry) -> Float[Array, "o i"]:
        """Features of every orbit."""
        n_orbits = len(g_ox)
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

    def __call__(self, g_ox, real_x, given_o, facts_t, geometry: Geometry) -> Float[Array, "o x"]:
        return self.leave(nnx.gelu(self.hidden(g_ox, real_x, given_o, facts_t, geometry)))


class Autoencoder(nnx.Module):
    """Encoder and decoder around the linear transform, Hermitian on the way out."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs):
        self.shape = shape
        self.encoder = Path(shape, rngs)
        self.decoder = Path(shape, rngs)
        self.refiner = Path(shape, rngs)

    def __call__(
        self, g_ox: Float[Array, "o x"], real_x, task: Task, geometry: Geometry, linear: Linear
    ) -> Float[Array, "o x"]:
        """Reconstruction of a block with rms 1.

        Mapped over materials, `task.is_refinement` should stay one number: then only the
        paths that are asked for run.
        """
        arguments = (g_ox, real_x, task, geometry, linear)
        found_ox = jax.lax.cond(
            task.is_refinement, lambda: self.refine(*arguments), lambda: self.compress(*arguments)
        )
        return hermitian_part(found_ox, geometry.partner_o, self.shape.bands, self.shape.modes)

    def encode(
        self, g_ox: Float[Array, "o x"], real_x, task: Task, geometry: Geometry, linear: Linear
    ) -> tuple[Float[Array, "i c"], Float[Array, "j d"]]:
        """Coefficients of a block with rms 1; those that are not stored are zero."""
        missing, facts_t = _missing(linear, task.n_kept)
        correction_ox = self.encoder(g_ox, real_x, task.given_o, facts_t, geometry)
        bent_ox = g_ox + missing * correction_ox * real_x
        return stored_part(*coefficients(bent_ox, geometry, linear), task, linear)

    def decode(
        self, kept: tuple, real_x, task: Task, geometry: Geometry, linear: Linear
    ) -> Float[Array, "o x"]:
        """Block from coefficients."""
        missing, facts_t = _missing(linear, task.n_kept)
        first_ox = from_coefficients(*kept, geometry, linear)
        correction_ox = self.decoder(first_ox, real_x, task.given_o, facts_t, geometry)
        return first_ox + missing * correction_ox * real_x

    def compress(self, g_ox, real_x, task: Task, geometry, linear) -> Float[Array, "o x"]:
        """Encoded and decoded."""
        kept = self.encode(g_ox, real_x, task, geometry, linear)
        return self.decode(kept, real_x, task, geometry, linear)

    def refine(self, g_ox, real_x, task: Task, geometry, linear) -> Float[Array, "o x"]:
        """All orbits from the given ones."""
        guess_ox = linear.guess_oo @ jnp.where(task.given_o[:, None], g_ox, 0)
        _, facts_t = _missing(linear, task.n_kept)
        correction_ox = self.refiner(guess_ox, real_x, task.given_o, facts_t, geometry)
        return guess_ox + correction_ox * real_x


def coefficients(g_ox: Float[Array, "o x"], geometry: Geometry, linear: Linear):
    """All coefficients of the linear transform, even and odd."""
    y_ox = g_ox * jnp.sqrt(geometry.weight_o)[:, None]
    even_ic = linear.even_oi.T @ y_ox @ linear.even_xc
    return even_ic, linear.odd_oi.T @ y_ox @ linear.odd_xc


def stored_part(even_ic, odd_ic, task: Task, linear: Linear):
    """The leading coefficients and the largest of the others; the rest zero."""
    size = jnp.concatenate([jnp.abs(even_ic).ravel(), jnp.abs(odd_ic).ravel()])
    rank = jnp.concatenate([linear.rank_even_ic.ravel(), linear.rank_odd_ic.ravel()])
    leads = rank < task.n_kept
    order = jnp.argsort(jnp.where(leads, -1.0, size), descending=True)
    place = jnp.zeros_like(rank).at[order].set(jnp.arange(len(rank), dtype=rank.dtype))
    is_stored = leads | (place < task.n_extra)
    even, odd = is_stored[: even_ic.size], is_stored[even_ic.size :]
    return (
        jnp.where(even.reshape(even_ic.shape), even_ic, 0),
        jnp.where(odd.reshape(odd_ic.shape), odd_ic, 0),
    )


def from_coefficients(even_ic, odd_ic, geometry: Geometry, linear: Linear) -> Float[Array, "o x"]:
    """Block from coefficients: the transform is orthonormal."""
    even_ox = linear.even_oi @ even_ic @ linear.even_xc.T
    odd_ox = linear.odd_oi @ odd_ic @ linear.odd_xc.T
    return (even_ox + odd_ox) / jnp.sqrt(geometry.weight_o)[:, None]


def _missing(linear: Linear, n_kept):
    """Expected relative error of the linear code, and what the paths are told of it."""
    even = jnp.sum(jnp.where(linear.rank_even_ic < n_kept, 0, linear.share_even_ic))
    odd = jnp.sum(jnp.where(linear.rank_odd_ic < n_kept, 0, linear.share_odd_ic))
    missing = jnp.sqrt(even + odd)
    return missing, jnp.stack([jnp.log10(missing + 1e-3), jnp.ones_like(missing)])


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
