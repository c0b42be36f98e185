"""|g| or g of one material over many pairs (k, q): the loop over q, the same for both couplings.

Pairs are given by number on one list of points, so that k+q costs a look-up and no second
diagonalisation.  What the two couplings differ in is how they get from a q to the change of H
between the bands of a pair (two_centre_grid.py, wannier_grid.py); turning displacements into modes,
squaring and averaging over degenerate states are here.  Which q go through the loop together, and
points off a mesh: points.py.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from ephforge.core.kpoints import mesh_points, sum_index
from ephforge.coupling.degeneracy import averaged, is_shared, sharing
from ephforge.coupling.halves import Halves
from ephforge.coupling.matrix_elements import displacements, in_modes
from ephforge.coupling.products import Parts, apart, square, whole

_LONGEST_BLOCK = 256  # k at once, so that what passes between two steps stays in the caches
_SHORTEST_BLOCK = 64


class Pairs(NamedTuple):
    """Pairs (k, q): initial_k and final_kq are numbers on the list of points of k and k+q.

    Attributes:
      meshes: of k (all its points, in order) and of q (any of them); None for lists of points.
    """

    points_p3: Float[Array, "p 3"]
    initial_k: Int[Array, " k"]
    final_qk: Int[Array, "q k"]
    q_q3: Float[Array, "q 3"]
    meshes: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None

    @property
    def k_k3(self) -> Float[np.ndarray, "k 3"]:
        """The points k."""
        return self.points_p3[self.initial_k]


class Lattice(NamedTuple):
    """Force constants (eV/angstrom^2) and masses (dalton) as JAX arrays."""

    cells_r3: Int[Array, "r 3"]
    phi_rsctd: Inexact[Array, "r s 3 s 3"]
    mass_s: Float[Array, " s"]


class Modes(NamedTuple):
    """Phonons at every q: energies (eV), polarisations (`phonons.modes.modes`)."""

    energy_qv: Float[Array, "q v"]
    polarisation_qvd: Complex[Array, "q v d"]


class Numbers(NamedTuple):
    """Pairs by number: points of k and of k+q.

    Computed are `count` q from the one numbered `first`, in the rows of the result from `row` on;
    its other rows stay as they were.  Without halves every k is computed.
    """

    initial_k: Int[Array, " k"]
    final_qk: Int[Array, "q k"]
    first: Int[Array, ""]
    count: Int[Array, ""]
    row: Int[Array, ""]
    halves: Halves | None = None


class Limits(NamedTuple):
    """Degeneracy tolerance and soft-mode energy, eV."""

    degeneracy: float
    soft_mode: float


class Groups(NamedTuple):
    """Degenerate bands at the points.

    Attributes:
      sharing_pmn: `degeneracy.sharing`.
      are_there: whether there are any.
    """

    sharing_pmn: Float[Array, "p n n"]
    are_there: Bool[Array, ""]


class Wanted(NamedTuple):
    """What comes out: the lowest `bands`, and g itself or |g| averaged over degenerate states.

    In single precision the eigenproblems, and sums over cells, are still in double.
    """

    bands: int
    is_complex: bool = False
    is_single: bool = False

    @property
    def kind(self):
        """Type of the elements."""
        if self.is_complex:
            return jnp.complex64 if self.is_single else jnp.complex128
        return jnp.float32 if self.is_single else jnp.float64

    def room(self, n_q: int, n_k: int, n_modes: int) -> Inexact[Array, "q k v m n"]:
        """An array for the result of so many q, k and modes."""
        return jnp.zeros((n_q, n_k, n_modes, self.bands, self.bands), self.kind)


def list_pairs(k_k3: Float[np.ndarray, "k 3"], q_q3: Float[np.ndarray, "q 3"]) -> Pairs:
    """Pairs of any points: k and all k+q are points of their own."""
    count_q, count_k = len(q_q3), len(k_k3)
    final_qk3 = q_q3[:, None] + k_k3
    points_p3 = np.concatenate([k_k3, final_qk3.reshape(-1, 3)])
    final_qk = count_k + np.arange(count_q * count_k).reshape(count_q, count_k)
    return Pairs(points_p3, np.arange(count_k), final_qk, q_q3)


def mesh_pairs(
    k_mesh: tuple[int, int, int],
    q_mesh: tuple[int, int, int],
    chosen_q: Int[np.ndarray, " q"] | None = None,
) -> Pairs:
    """Pairs of a k mesh and a q mesh that divides it, or of some of its q; points: the k mesh."""
    points_p3, q_q3 = mesh_points(k_mesh), mesh_points(q_mesh)
    final_qk = sum_index(k_mesh, q_mesh).T
    if chosen_q is not None:
        final_qk, q_q3 = final_qk[chosen_q], q_q3[chosen_q]
    return Pairs(points_p3, np.arange(len(points_p3)), final_qk, q_q3, (k_mesh, q_mesh))


def groups(
    energy_pn: Float[Array, "p n"], degeneracy: float | Float[Array, ""], is_single: bool
) -> Groups:
    """Degenerate bands at the points; energies in eV."""
    sharing_pmn = jax.vmap(sharing, (0, None))(energy_pn, degeneracy)
    are_there = jnp.any(jax.vmap(is_shared, (0, None))(energy_pn, degeneracy))
    return Groups(in_precision(sharing_pmn, is_single), are_there)


def over_q(
    couple_q: Callable,
    groups: Groups,
    at_q: Modes,
    mass_s: Float[Array, " s"],
    numbers: Numbers,
    limits: Limits,
    wanted: Wanted,
    room_xkvmn: Inexact[Array, "x k v w w"],
) -> Inexact[Array, "x k v w w"]:
    """|g|, or g, of the lowest bands (eV): the loop over q, and over blocks of k, of any coupling.

    Args:
      couple_q: (q, displacements, is_wanted) -> weights, and a function (what takes some k out of
        arrays over all, numbers of their k+q) -> what they weigh for each of these k; both as
        `matrix_elements.in_modes` takes them.
      groups: degenerate bands at the points.
      room_xkvmn: an array, from `Wanted.room`, that the result is written over.  Fresh memory
        costs as much as the arithmetic, so callers donate one to call after call.
    """
    halves = numbers.halves

    def at_one_q(x, carried):
        q, is_wanted = numbers.first + x, x < numbers.count
        energy_v, polarisation_vd = at_q.energy_qv[q], at_q.polarisation_qvd[q]
        waves_vsc = displacements(energy_v, polarisation_vd, mass_s, limits.soft_mode)
        weights, couple_block = couple_q(q, waves_vsc, is_wanted)
        modes_vv = in_precision(sharing(energy_v, limits.degeneracy), wanted.is_single)
        is_grouped = groups.are_there | is_shared(energy_v, limits.degeneracy)

        def of_some(take: Callable) -> Inexact[Array, "h v w w"]:
            initial_h, final_h = take((numbers.initial_k, numbers.final_qk[q]))
            shares = modes_vv, groups.sharing_pmn, final_h, initial_h
            changes_h = couple_block(take, final_h)
            return _reduced(weights, changes_h, shares, is_grouped, is_wanted, wanted)

        found, both = carried
        if halves is None:
            return _every_k(of_some, found, numbers.row + x), both
        both = _one_half(of_some, blocks(halves.initial_qh[q]), both)
        rows_kvmn = both.reshape(-1, *both.shape[3:])[halves.source_qk[q]]
        return found.at[numbers.row + x].set(rows_kvmn.reshape(found.shape[1:])), both

    both = None
    if halves is not None:
        both = jnp.zeros(
            (2, *blocks(halves.initial_qh[0]).shape, *room_xkvmn.shape[2:]), wanted.kind
        )
    found, _ = jax.lax.fori_loop(0, numbers.count, at_one_q, (blocks(room_xkvmn, 1), both))
    return found.reshape(room_xkvmn.shape)


def _every_k(of_some: Callable, found_xjkvmn: Array, row) -> Array:
    """One row of the result, block by block."""

    def at_one_block(j, found):
        return found.at[row, j].set(
            of_some(lambda tree: jax.tree.map(lambda x: blocks(x)[j], tree))
        )

    return jax.lax.fori_loop(0, found_xjkvmn.shape[1], at_one_block, found_xjkvmn)


def _one_half(of_some: Callable, initial_jh: Int[Array, "j h"], both_2jhvmn: Array) -> Array:
    """Values of some k, and after them the same with bands exchanged."""

    def at_one_block(j, both):
        value_hvmn = of_some(lambda tree: jax.tree.map(lambda x: x[initial_jh[j]], tree))
        return both.at[0, j].set(value_hvmn).at[1, j].set(value_hvmn.swapaxes(-1, -2))

    return jax.lax.fori_loop(0, len(initial_jh), at_one_block, both_2jhvmn)


def in_precision(tree, is_single: bool):
    """Real arrays of a tree in single precision, if that is wanted."""
    return jax.tree.map(lambda x: x.astype(jnp.float32), tree) if is_single else tree


def _reduced(
    weights: list[Parts],
    changes_k: list[Parts],
    shares: tuple,
    is_grouped: Bool[Array, ""],
    is_wanted: Bool[Array, ""],
    wanted: Wanted,
) -> Inexact[Array, "k v w w"]:
    """g of a block of k in modes and in the window; |g| is averaged where states may be degenerate.

    Args:
      shares: from `sharing`, for the modes and for bands at the points; numbers of the points of
        the final bands of each k, of the initial bands.
    """
    window = (..., slice(wanted.bands), slice(wanted.bands))

    def turned(changes_k):
        return jax.vmap(in_modes, (None, 0))(weights, changes_k)

    def squares(changes_k):
        return square(turned(changes_k))

    def shared(changes_k, modes_vv, sharing_pmn, final_k, initial_k):
        average = jax.vmap(partial(averaged, is_wanted=is_wanted), (0, None, 0, 0))
        square_kvmn = apart(is_wanted, squares, changes_k)
        final_kxm = sharing_pmn[final_k, : wanted.bands]
        initial_kny = sharing_pmn[initial_k, :, : wanted.bands]
        return jnp.sqrt(average(square_kvmn, modes_vv, final_kxm, initial_kny))

    def bare(changes_k, *_):
        return jnp.sqrt(squares(changes_k)[window])

    if wanted.is_complex:
        return whole(turned(changes_k))[window]
    return jax.lax.cond(is_grouped, shared, bare, changes_k, *shares)


def blocks(values_k, axis: int = 0):
    """The axis of k as blocks that are small enough, where its length has such a divisor."""

    def split(x):
        count = x.shape[axis]
        length = max(n for n in range(1, min(count, _LONGEST_BLOCK) + 1) if count % n == 0)
        length = length if length >= _SHORTEST_BLOCK else count
        return x.reshape(*x.shape[:axis], count // length, length, *x.shape[axis + 1 :])

    return jax.tree.map(split, values_k)
