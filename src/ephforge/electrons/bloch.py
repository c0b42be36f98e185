"""Bloch states of a real-space Hamiltonian, at one k point.

Phases are e^{+2 pi i k.R} with R the integer cell vector and k fractional; no atomic
phase, so everything is periodic in k.  Map over k with `jax.vmap`.
"""

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact, Int


def bloch_sum(
    k_3: Float[Array, "3"],
    cells_r3: Int[Array, "r 3"],
    values_r: Inexact[Array, "r ..."],
) -> Complex[Array, "..."]:
    """sum_R e^{2 pi i k.R} values[R], in the precision of k; cells with value 0 may pad R."""
    angle_r = 2 * jnp.pi * (cells_r3.astype(k_3.dtype) @ k_3)
    return jnp.tensordot(jnp.exp(1j * angle_r), values_r, axes=1)


def eigenpairs(
    hamiltonian_aa: Complex[Array, "a a"],
) -> tuple[Float[Array, " n"], Complex[Array, "a n"]]:
    """Energies in rising order and eigenvectors, one band per column.

    Only the Hermitian part counts: first-principles H(R) are Hermitian to rounding only.
    """
    return jnp.linalg.eigh(hamiltonian_aa, symmetrize_input=True)
