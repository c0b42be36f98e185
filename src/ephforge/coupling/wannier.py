"""The general coupling: g[Rp, s,c, Re, a,b] in a Wannier basis, at any k and q.

    <a,k+q| dH/du_sc(q) |b,k> = sum_Rp sum_Re e^{2 pi i (q.Rp + k.Re)} g[Rp, s,c, Re, a,b]

Two Fourier steps, first over Rp, then over Re.  Each is a matrix product once it is mapped
over several q or k, and memory stays that of one q times the length of the q chunk.
"""

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact, Int

from ephforge.electrons.bloch import bloch_sum


def at_q(
    q_3: Float[Array, "3"],
    phonon_cells_p3: Int[Array, "p 3"],
    g_pscrab: Inexact[Array, "p s 3 r a a"],
) -> Complex[Array, "s 3 r a a"]:
    """First step: the response to a wave of wave vector q, still between cells 0 and Re."""
    return bloch_sum(q_3, phonon_cells_p3, g_pscrab)


def at_kq(
    k_3: Float[Array, "3"],
    electron_cells_r3: Int[Array, "r 3"],
    g_scrab: Complex[Array, "s 3 r a a"],
) -> Complex[Array, "s 3 a a"]:
    """Second step: dH/du between the Bloch sums at k (ket) and k+q (bra), eV/angstrom."""
    return bloch_sum(k_3, electron_cells_r3, jnp.moveaxis(g_scrab, 2, 0))


def add_long_range(
    gradient_scab: Complex[Array, "s 3 a a"], field_sca: Complex[Array, "s 3 a"]
) -> Complex[Array, "s 3 a a"]:
    """Add the dipole field of the waves at each orbital, diagonal in them."""
    return gradient_scab + field_sca[..., None] * jnp.eye(gradient_scab.shape[-1])
