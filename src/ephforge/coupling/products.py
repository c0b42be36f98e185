"""Products of many small complex matrices, with real and imaginary parts apart.

On a CPU, XLA hands every matrix of a batch to a library of its own call, and a complex 8 x 8
product gets a tenth of the rate of a large one.  Written as a sum of products of real arrays with
the contracted index unrolled, the whole batch is one loop nest that runs along the last axis with
vector instructions (docs/notes/09-kernel.md has the measurements).  Accelerators get the same
sums as batched matrix products.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.lax import platform_dependent
from jaxtyping import Array, Bool, Float, Inexact

_LONGEST_SUM = 32  # terms that are unrolled; longer contractions go to the library


class Parts(NamedTuple):
    """A complex array as two real ones."""

    real: Float[Array, "..."]
    imag: Float[Array, "..."]

    def adjoint(self) -> "Parts":
        """Conjugate transposed in the last two axes."""
        return Parts(self.real.swapaxes(-1, -2), -self.imag.swapaxes(-1, -2))


def parts(values: Inexact[Array, "..."]) -> Parts:
    """Real and imaginary part."""
    return Parts(jnp.real(values), jnp.imag(values))


def whole(values: Parts) -> Inexact[Array, "..."]:
    """The complex array."""
    return jax.lax.complex(values.real, values.imag)


def square(values: Parts) -> Float[Array, "..."]:
    """|z|^2."""
    return values.real**2 + values.imag**2


def products(*factors: tuple[Parts, Parts]) -> Parts:
    """Sum of the matrix products left @ right; leading axes broadcast as in NumPy.

    Short in what is contracted, long in the last axis of the right factor.
    """
    if max(left.real.shape[-1] for left, _ in factors) > _LONGEST_SUM:
        return batched(*factors)
    return platform_dependent(*factors, cpu=unrolled, default=batched)


def unrolled(*factors: tuple[Parts, Parts]) -> Parts:
    """`products` as elementwise sums."""
    plus, minus, mixed = [], [], []
    for left, right in factors:
        plus += _terms(left.real, right.real)
        minus += _terms(left.imag, right.imag)
        mixed += _terms(left.real, right.imag) + _terms(left.imag, right.real)
    return Parts(_sum(plus) - _sum(minus), _sum(mixed))


def batched(*factors: tuple[Parts, Parts]) -> Parts:
    """`products` as matrix products of real arrays, real and imaginary rows of the left stacked."""
    real, imag = [], []
    for left, right in factors:
        rows = left.real.shape[-2]
        stacked = jnp.concatenate([left.real, left.imag], axis=-2)
        with_real, with_imag = stacked @ right.real, stacked @ right.imag
        real.append(with_real[..., :rows, :] - with_imag[..., rows:, :])
        imag.append(with_real[..., rows:, :] + with_imag[..., :rows, :])
    return Parts(sum(real), sum(imag))


def real_product(
    left: Float[Array, "... m o"], right: Float[Array, "... o n"]
) -> Float[Array, "... m n"]:
    """`products` of two real stacks."""
    if left.shape[-1] > _LONGEST_SUM:
        return left @ right
    return platform_dependent(
        left, right, cpu=lambda x, y: _sum(_terms(x, y)), default=lambda x, y: x @ y
    )


def apart(is_wanted: Bool[Array, ""] | bool, function: Callable, *arguments):
    """function(*arguments) as a step of its own, that no later step takes into its loops.

    XLA would compute an elementwise result again for each of its uses in the next product.  On a
    CPU it does not look into branches, and removes barriers before it merges loops.

    Args:
      is_wanted: always true, in a way that the compiler does not see; zeros where it is not.
    """

    def branch(*values):
        shapes = jax.eval_shape(function, *values)
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        return jax.lax.cond(jnp.asarray(is_wanted), function, lambda *_: nothing, *values)

    def barrier(*values):
        return jax.lax.optimization_barrier(function(*values))

    return platform_dependent(*arguments, cpu=branch, default=barrier)


def _terms(left: Float[Array, "... m o"], right: Float[Array, "... o n"]) -> list:
    return [left[..., o, None] * right[..., o, None, :] for o in range(left.shape[-1])]


def _sum(terms: list) -> Float[Array, "..."]:
    """Two chains, so that an addition does not wait for the one before it."""
    even, odd = terms[0], None
    for i, term in enumerate(terms[1:]):
        if i % 2:
            even = even + term
        else:
            odd = term if odd is None else odd + term
    return even if odd is None else even + odd
