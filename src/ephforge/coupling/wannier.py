"""The general coupling: g[Rp, s,c, Re, a,b] in a Wannier basis, at any k and q.

    <a,k+q| dH/du_sc(q) |b,k> = sum_Rp sum_Re e^{2 pi i (q.Rp + k.Re)} g[Rp, s,c, Re, a,b]

Two Fourier steps, first over Rp, then over Re.  On a mesh e^{2 pi i k.R} depends on R modulo the
mesh only and is a product of three phases: cells are folded into a box (`fold`) and each step is
three short sums, one a direction, instead of one over all cells.  On lists of points a step is a
matrix product.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from ephforge.coupling.products import Parts, apart, products
from ephforge.electrons.bloch import bloch_sum


class Box(NamedTuple):
    """Cells folded modulo a mesh, and the box that holds them.

    Attributes:
      cells_x3: different cells modulo the mesh.
      number_r: for each cell the number of its image among these.
      residues: of the three directions, rising.
      place_x: place of each cell in the box, last direction fastest.
    """

    cells_x3: Int[np.ndarray, "x 3"]
    number_r: Int[np.ndarray, " r"]
    residues: list[Int[np.ndarray, "_"]]
    place_x: Int[np.ndarray, " x"]

    def phases(self, mesh: tuple[int, int, int]) -> list[Parts]:
        """e^{2 pi i k_j R_j} of the mesh's k, [k, residue], for each direction j."""
        # whole turns are taken off before the exponential: exact where phases are +-1, +-i
        turns = [
            np.outer(np.arange(n), r) % n / n for n, r in zip(mesh, self.residues, strict=True)
        ]
        return [Parts(np.cos(2 * np.pi * turn), np.sin(2 * np.pi * turn)) for turn in turns]


def box(cells_r3: Int[np.ndarray, "r 3"], mesh: tuple[int, int, int]) -> Box:
    """Cells modulo a mesh and the smallest box that holds them."""
    cells_x3, number_r = np.unique(cells_r3 % mesh, axis=0, return_inverse=True)
    found = [np.unique(column, return_inverse=True) for column in cells_x3.T]
    shape = [len(residue) for residue, _ in found]
    place_x = np.ravel_multi_index([index for _, index in found], shape)
    return Box(cells_x3, number_r, [residue for residue, _ in found], place_x)


def in_box(values_xy: Parts, place_x: Int[Array, " x"], shape: tuple[int, ...]) -> Parts:
    """Values of cells at their places of a box, zero elsewhere: [residue 1, 2, 3, y]."""

    def placed(values):
        empty = jnp.zeros((int(np.prod(shape)), values.shape[-1]), values.dtype)
        return empty.at[place_x].set(values, unique_indices=True).reshape(*shape, -1)

    return jax.tree.map(placed, values_xy)


def on_mesh(phases: list[Parts], values: Parts, is_wanted: Bool[Array, ""]) -> Parts:
    """A Fourier step to every point of a mesh, one direction after the other.

    Args:
      phases: [k, residue] of the three directions.
      values: [residue 1, residue 2, residue 3, x].

    Returns:
      [k1, k2, k3, x].
    """
    step = partial(apart, is_wanted)
    for done, phase in enumerate(phases):
        shape = values.real.shape
        flat = _reshaped(values, (*shape[: done + 1], -1))
        summed = step(products, (phase, flat))
        values = _reshaped(summed, (*summed.real.shape[: done + 1], *shape[done + 1 :]))
    return values


def with_field(gradient_kdab: Parts, field_da: Parts) -> Parts:
    """`add_long_range` for many k, real and imaginary parts apart."""
    same_ab = jnp.eye(gradient_kdab.real.shape[-1], dtype=gradient_kdab.real.dtype)
    return jax.tree.map(lambda x, y: x + y[..., None] * same_ab, gradient_kdab, field_da)


def _reshaped(values: Parts, shape: tuple) -> Parts:
    return jax.tree.map(lambda x: x.reshape(shape), values)


def change(
    gradient_dab: Parts,
    bra_ma: Parts,
    ket_bn: Parts,
    is_wanted: Bool[Array, ""],
) -> Parts:
    """dH/du_d between the bands at k+q (bra) and k (ket), [d, m, n]."""
    half_dan = apart(is_wanted, products, (gradient_dab, ket_bn))
    return apart(is_wanted, products, (bra_ma, half_dan))


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
