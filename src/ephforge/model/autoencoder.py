"""The convolutional network of the autoencoder, for one material; map over materials at the edge.

    encoder   |g| -> integers that cost few bits (sparse.py)
    decoder   integers -> linear transform back, equal numbers made equal -> + convolutions -> |g|

The convolutions restore what quantisation took away, as far as it can be guessed from what is
left and the step of the code.  For refinement in q a second path, of the same form, starts from
the best linear guess.  Both are zero before training.

Convolutions are periodic in k, in k+q and at fixed q, constant on shells of steps, and
evaluated on one representative per symmetry orbit (geometry.py).  All channels share their
weights and see each other as means over final bands, initial bands and modes, so one network
serves any number of bands and modes.

Axes   o orbits   m,n,v final band, initial band, mode   f features   r kinds of steps
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from ephforge.model.geometry import KINDS, N_HARMONICS, Geometry

N_INPUTS = 14 + N_HARMONICS  # of `_inputs`
NO_STEP = 1.0  # what a refinement is told in its place


class Shape(NamedTuple):
    """Sizes of a network.

    Attributes:
      features, layers: hidden features of each channel and residual convolutions of each path.
    """

    features: int
    layers: int


class Residual(nnx.Module):
    """x + convolution(gelu(normalised x)) + what the means over bands and modes say."""

    def __init__(self, features: int, rngs: nnx.Rngs):
        self.norm = nnx.RMSNorm(features, rngs=rngs)
        self.convolve = nnx.Linear((len(KINDS) + 1) * features, features, rngs=rngs)
        self.mix = nnx.Linear(3 * features, features, rngs=rngs)

    def __call__(
        self, x_omnvf: Float[Array, "o m n v f"], moves_roo: Float[Array, "r o o"]
    ) -> Float[Array, "o m n v f"]:
        y_omnvf = nnx.gelu(self.norm(x_omnvf))
        moved = jnp.einsum("rop,pmnvf->romnvf", moves_roo, y_omnvf)
        together = jnp.moveaxis(jnp.concatenate([y_omnvf[None], moved]), 0, -2)
        means = [mean_over(y_omnvf, axis) for axis in (1, 2, 3)]
        local = self.convolve(together.reshape(*y_omnvf.shape[:-1], -1))
        return x_omnvf + local + self.mix(jnp.concatenate(means, axis=-1))


class Path(nnx.Module):
    """Convolutions from |g| on orbits to a correction of it; zero before training."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs):
        self.enter = nnx.Linear(N_INPUTS, shape.features, rngs=rngs)
        self.blocks = nnx.List([Residual(shape.features, rngs) for _ in range(shape.layers)])
        zeros = nnx.initializers.zeros
        self.leave = nnx.Linear(shape.features, 1, kernel_init=zeros, rngs=rngs)

    def hidden(self, g_omnv, given_o, step, geometry: Geometry) -> Float[Array, "o m n v f"]:
        """Features of every number."""
        x_omnvf = self.enter(_inputs(g_omnv, given_o, step, geometry))
        for block in self.blocks:
            x_omnvf = block(x_omnvf, geometry.moves_roo)
        return nnx.gelu(x_omnvf)

    def __call__(self, g_omnv, given_o, step, geometry: Geometry) -> Float[Array, "o m n v"]:
        return self.leave(self.hidden(g_omnv, given_o, step, geometry))[..., 0]


class Autoencoder(nnx.Module):
    """The paths of decoding and of refinement, Hermitian on the way out."""

    def __init__(self, shape: Shape, rngs: nnx.Rngs):
        self.shape = shape
        self.decoder = Path(shape, rngs)
        self.refiner = Path(shape, rngs)

    def decode(
        self, first_omnv: Float[Array, "o m n v"], step: Float[Array, ""], geometry: Geometry
    ) -> Float[Array, "o m n v"]:
        """Block with rms 1 from what the integers of a code decode to."""
        given_o = jnp.ones(len(first_omnv), bool)
        correction_omnv = self.decoder(first_omnv, given_o, step, geometry)
        return hermitian_part(first_omnv + step * correction_omnv, geometry.partner_o)

    def refine(
        self,
        g_omnv: Float[Array, "o m n v"],
        given_o: Bool[Array, " o"],
        guess_omnv: Float[Array, "o m n v"],
        geometry: Geometry,
    ) -> Float[Array, "o m n v"]:
        """All orbits from the given ones, and the linear guess of all from these (guess.py)."""
        given_omnv = given_o[:, None, None, None]
        guess_omnv = jnp.where(given_omnv, g_omnv, guess_omnv)
        step = jnp.asarray(NO_STEP, g_omnv.dtype)
        correction_omnv = self.refiner(guess_omnv, given_o, step, geometry)
        return hermitian_part(guess_omnv + correction_omnv, geometry.partner_o)


def mean_over(x: Float[Array, "..."], axes) -> Float[Array, "..."]:
    """Mean over some axes, spread over them again."""
    return jnp.broadcast_to(x.mean(axis=axes, keepdims=True), x.shape)


def _inputs(g_omnv, given_o, step, geometry: Geometry) -> Float[Array, "o m n v f"]:
    """What every number starts from: itself, means around it, which channel, where, what step."""
    _, m, n, v = g_omnv.shape
    values = [g_omnv, jnp.minimum(g_omnv, 0.3)]
    values += [mean_over(g_omnv, axes) for axes in (1, 2, 3, (1, 2), (1, 2, 3))]
    places = [
        ((jnp.arange(m) + 0.5) / m)[:, None, None],
        ((jnp.arange(n) + 0.5) / n)[:, None],
        (jnp.arange(v) + 0.5) / v,
        jnp.eye(m, n)[:, :, None],
        (jnp.arange(v) < 3).astype(g_omnv.dtype),
    ]
    orbits = [given_o.astype(g_omnv.dtype), *geometry.harmonics_oh.T]
    columns = [
        *values,
        *places,
        jnp.log10(step),
        *(column_o[:, None, None, None] for column_o in orbits),
    ]
    shaped = [jnp.broadcast_to(c, g_omnv.shape).astype(g_omnv.dtype) for c in columns]
    return jnp.stack(shaped, axis=-1)


def hermitian_part(
    g_omnv: Float[Array, "o m n v"], partner_o: Int[Array, " o"]
) -> Float[Array, "o m n v"]:
    """Mean of |g_mn| at an orbit and |g_nm| at its partner orbit."""
    return (g_omnv + g_omnv[partner_o].swapaxes(1, 2)) / 2


def relative_error(
    found_omnv: Float[Array, "o m n v"],
    true_omnv: Float[Array, "o m n v"],
    weight_o: Float[Array, " o"],
) -> Float[Array, ""]:
    """||found - true|| / ||true||, each orbit counted with its weight."""
    squared = jnp.einsum("o,omnv->", weight_o, (found_omnv - true_omnv) ** 2)
    return jnp.sqrt(squared / jnp.einsum("o,omnv->", weight_o, true_omnv**2) + 1e-12)


def assert_single_precision(module: nnx.Module) -> None:
    """Weights are float32; with x64 on, a stray double would make every activation double."""
    dtypes = {str(leaf.dtype) for leaf in jax.tree.leaves(nnx.state(module, nnx.Param))}
    if dtypes != {"float32"}:
        raise TypeError(f"network weights must be float32, found {sorted(dtypes)}")
