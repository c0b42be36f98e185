"""From all entries of H, Phi or g to the numbers that symmetry leaves free, and back, isometric.

Entries stand in blocks: one set of cells, atoms and sites, all directions and orbitals.  An
operation takes blocks to blocks and turns what is inside. Blocks that are taken into one another
form an orbit; what its first block may hold is the subspace that the operations fix which take it
to itself. Coefficients are along orthonormal vectors of it, times the root of the number of
blocks: the norm of all coefficients is that of all entries.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

_INDEPENDENT = 0.02  # length of a unit vector that is left after others are projected out


class Action(NamedTuple):
    """What operations do to blocks.

    Attributes:
      count: number of operations, products with the Hermitian partner included.
      image: operation -> block that each block is taken to.
      matrix_xtij: what is done inside, [operation, type of the block that is taken, to, from].
      type_b: type of each block.
    """

    count: int
    image: Callable[[int], Int[np.ndarray, " b"]]
    matrix_xtij: Float[np.ndarray, "x t i i"]
    type_b: Int[np.ndarray, " b"]


class Reduction(NamedTuple):
    """Orbits of blocks and the coefficients of each.

    Attributes:
      action: what operations do.
      first_o: first block of each orbit.
      size_o: blocks in it.
      orbit_b: orbit of each block.
      operation_b: one that takes the first block of the orbit to this one.
      basis_oij: orthonormal vectors j of the fixed subspace, zero where there are fewer.
      is_free_oj: which of them are there.
    """

    action: Action
    first_o: Int[np.ndarray, " o"]
    size_o: Int[np.ndarray, " o"]
    orbit_b: Int[np.ndarray, " b"]
    operation_b: Int[np.ndarray, " b"]
    basis_oij: Float[np.ndarray, "o i j"]
    is_free_oj: Bool[np.ndarray, "o j"]

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return int(self.is_free_oj.sum())

    @property
    def orbit_n(self) -> Int[np.ndarray, " n"]:
        """Orbit of each coefficient."""
        return np.nonzero(self.is_free_oj)[0]

    def coefficients(self, values_bi: Float[np.ndarray, "b i"]) -> Float[np.ndarray, " n"]:
        """Of the projection of all entries onto what symmetry allows."""
        mean_oi = np.zeros((len(self.first_o), values_bi.shape[1]))
        type_o = self.action.type_b[self.first_o]
        for x in range(self.action.count):
            there_oi = values_bi[self.action.image(x)[self.first_o]]
            mean_oi += np.einsum("oji,oj->oi", self.action.matrix_xtij[x][type_o], there_oi)
        mean_oi *= (np.sqrt(self.size_o) / self.action.count)[:, None]
        return np.einsum("oij,oi->oj", self.basis_oij, mean_oi)[self.is_free_oj]

    def entries(self, coefficient_n: Float[np.ndarray, " n"]) -> Float[np.ndarray, "b i"]:
        """All entries from the coefficients."""
        coefficient_oj = np.zeros(self.is_free_oj.shape)
        coefficient_oj[self.is_free_oj] = coefficient_n
        first_oi = np.einsum("oij,oj->oi", self.basis_oij, coefficient_oj)
        first_oi /= np.sqrt(self.size_o)[:, None]
        found_bi = np.empty((len(self.orbit_b), first_oi.shape[1]))
        type_o = self.action.type_b[self.first_o]
        for x in range(self.action.count):
            chosen = np.flatnonzero(self.operation_b == x)
            orbit = self.orbit_b[chosen]
            matrix_bij = self.action.matrix_xtij[x][type_o[orbit]]
            found_bi[chosen] = np.einsum("bij,bj->bi", matrix_bij, first_oi[orbit])
        return found_bi


def reduction(action: Action, directions: Callable) -> Reduction:
    """Orbits and coefficients.

    Args:
      action: what operations do to blocks.
      directions: first blocks -> unit vectors [o, i, candidate] that span the space; the basis is
      made
        of their projections, in this order.
    """
    first_b = np.arange(len(action.type_b))
    for x in range(action.count):
        np.minimum(first_b, action.image(x), out=first_b)
    first_o, orbit_b, size_o = np.unique(first_b, return_inverse=True, return_counts=True)
    operation_b = np.full(len(first_b), -1)
    type_o = action.type_b[first_o]
    projector_oij = np.zeros((len(first_o), *action.matrix_xtij.shape[2:]))
    fixes_o = np.zeros(len(first_o))
    for x in range(action.count):
        image_o = action.image(x)[first_o]
        unset = operation_b[image_o] < 0
        operation_b[image_o[unset]] = x
        stays = image_o == first_o
        projector_oij[stays] += action.matrix_xtij[x][type_o[stays]]
        fixes_o += stays
    projector_oij /= fixes_o[:, None, None]
    basis_oij, is_free_oj = _basis(projector_oij, directions(first_o))
    return Reduction(action, first_o, size_o, orbit_b, operation_b, basis_oij, is_free_oj)


def _basis(projector_oij, candidate_oij) -> tuple[np.ndarray, np.ndarray]:
    """Gram and Schmidt's vectors of projected candidates, in order; the same on every machine."""
    count, size, _ = projector_oij.shape
    basis_oij, is_free_oj = np.zeros((count, size, size)), np.zeros((count, size), bool)
    filled_o = np.zeros(count, int)
    for c in range(candidate_oij.shape[2]):
        vector_oi = np.einsum("oij,oj->oi", projector_oij, candidate_oij[:, :, c])
        for _ in range(2):  # twice is enough
            inside_oj = np.einsum("oij,oi->oj", basis_oij, vector_oi)
            vector_oi -= np.einsum("oij,oj->oi", basis_oij, inside_oj)
        length_o = np.linalg.norm(vector_oi, axis=1)
        new = np.flatnonzero((length_o > _INDEPENDENT) & (filled_o < size))
        basis_oij[new, :, filled_o[new]] = vector_oi[new] / length_o[new, None]
        is_free_oj[new, filled_o[new]] = True
        filled_o[new] += 1
    return basis_oij, is_free_oj
