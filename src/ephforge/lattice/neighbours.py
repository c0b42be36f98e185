"""Pairs of atoms within reach, and how energies of pairs and neighbourhoods become Phi(R).

The potentials with formulas of their own (ionic, keating, stillinger_weber, tersoff, eam) work on
the primitive cell: a pair (i, j, R) runs from atom i of cell 0 to atom j of cell R, each pair
stands in both directions, and second derivatives with respect to vectors between atoms are
gathered into Phi[R, s,c, t,d].  No supercell, no finite difference.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.realspace import ForceConstants

_ON_SITE = 1e-6  # angstrom; an atom is not its own neighbour
_NO_FORCE = 1e-14  # eV/angstrom^2; cells where every entry is smaller are left out


class Pairs(NamedTuple):
    """Pairs sorted by first atom: i in cell 0, j in cell R, the vector from i to j."""

    i: Int[np.ndarray, " p"]
    j: Int[np.ndarray, " p"]
    cell: Int[np.ndarray, "p 3"]
    vector: Float[np.ndarray, "p 3"]
    distance: Float[np.ndarray, " p"]

    def take(self, chosen: np.ndarray | slice) -> "Pairs":
        """The pairs that an index or a mask chooses."""
        return Pairs(*(column[chosen] for column in self))


def pairs_within(
    cell_33: Float[np.ndarray, "3 3"], positions_s3: Float[np.ndarray, "s 3"], reach: float
) -> Pairs:
    """All pairs closer than a distance, both directions, sorted by (i, distance)."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell_33), axis=0)
    # atoms may lie anywhere, so their spread counts as well
    spread = np.ptp(positions_s3 @ np.linalg.inv(cell_33), axis=0)
    counts = np.ceil(reach / heights + spread).astype(int)
    cells_m3 = np.array(list(itertools.product(*(range(-n, n + 1) for n in counts))))
    between_ij3 = positions_s3[None, :] - positions_s3[:, None]
    vector_ijm3 = between_ij3[:, :, None] + cells_m3 @ cell_33
    distance_ijm = np.linalg.norm(vector_ijm3, axis=-1)
    i, j, m = np.nonzero((distance_ijm < reach) & (distance_ijm > _ON_SITE))
    order = np.lexsort((distance_ijm[i, j, m], i))
    i, j, m = i[order], j[order], m[order]
    return Pairs(i, j, cells_m3[m], vector_ijm3[i, j, m], distance_ijm[i, j, m])


def pair_forces(
    pairs: Pairs, slope_p: Float[np.ndarray, " p"], count: int
) -> Float[np.ndarray, "s 3"]:
    """Forces of an energy sum_p V_p(r) / 2 over directed pairs, from V'_p."""
    pull_p3 = (slope_p / pairs.distance)[:, None] * pairs.vector
    force_s3 = np.zeros((count, 3))
    np.add.at(force_s3, pairs.i, pull_p3 / 2)
    np.add.at(force_s3, pairs.j, -pull_p3 / 2)
    return force_s3


def pair_stress(pairs: Pairs, slope_p: Float[np.ndarray, " p"]) -> Float[np.ndarray, "3 3"]:
    """Derivative with the strain of an energy sum_p V_p(r) / 2 over directed pairs, eV."""
    return np.einsum("p,pc,pd->cd", slope_p / pairs.distance / 2, pairs.vector, pairs.vector)


def pair_stiffness(
    pairs: Pairs, slope_p: Float[np.ndarray, " p"], curvature_p: Float[np.ndarray, " p"]
) -> Float[np.ndarray, "p 3 3"]:
    """Second derivatives of V_p with the vector: V'' along it and V'/r across."""
    unit_p3 = pairs.vector / pairs.distance[:, None]
    along_p33 = unit_p3[:, :, None] * unit_p3[:, None, :]
    across_p = slope_p / pairs.distance
    return (curvature_p - across_p)[:, None, None] * along_p33 + across_p[:, None, None] * np.eye(3)


class Gatherer:
    """Adds up Phi(R): blocks d2E / du_s(R1) du_t(R2) go to R = R2 - R1."""

    def __init__(self, count: int):
        self._count = count
        self._blocks: list[tuple[np.ndarray, ...]] = []

    def add(
        self,
        s: Int[np.ndarray, " b"],
        t: Int[np.ndarray, " b"],
        cell: Int[np.ndarray, "b 3"],
        block: Float[np.ndarray, "b 3 3"],
    ) -> None:
        """Blocks of atom s in cell 0 with atom t in the given cells."""
        self._blocks.append((s, t, cell, block))

    def add_pairs(self, pairs: Pairs, stiffness_p33: Float[np.ndarray, "p 3 3"]) -> None:
        """Blocks of sum_p V_p(u_j - u_i) / 2 over directed pairs; stiffness symmetric."""
        home = np.zeros_like(pairs.cell)
        half = stiffness_p33 / 2
        self.add(pairs.i, pairs.j, pairs.cell, -half)
        self.add(pairs.j, pairs.i, -pairs.cell, -half)
        self.add(pairs.i, pairs.i, home, half)
        self.add(pairs.j, pairs.j, home, half)

    def add_neighbourhood(self, pairs: Pairs, hessian: Float[np.ndarray, "n 3 n 3"]) -> None:
        """Blocks of one atom's energy, a function of the vectors to its n neighbours.

        The vectors are x_n = u_n - u_0 of the atom's own `pairs`, so the atom itself gets minus
        the sum of the rows.
        """
        n = len(pairs.i)
        full = np.empty((n + 1, 3, n + 1, 3))
        full[1:, :, 1:] = hessian
        full[0, :, 1:] = -hessian.sum(axis=0)
        full[:, :, 0] = -full[:, :, 1:].sum(axis=2)
        atom = np.concatenate([pairs.i[:1], pairs.j])
        cell = np.concatenate([np.zeros((1, 3), dtype=int), pairs.cell])
        between = (cell[None, :] - cell[:, None]).reshape(-1, 3)
        s, t = np.repeat(atom, n + 1), np.tile(atom, n + 1)
        self.add(s, t, between, full.transpose(0, 2, 1, 3).reshape(-1, 3, 3))

    def force_constants(self) -> ForceConstants:
        """The sum of all blocks, sorted by R; cells without force are left out, except R = 0."""
        s, t, cell, block = (np.concatenate(column) for column in zip(*self._blocks, strict=True))
        half = int(np.abs(cell).max(initial=0))
        width = 2 * half + 1
        code = np.ravel_multi_index(tuple((cell + half).T), (width,) * 3)
        known, number = np.unique(code, return_inverse=True)
        slot = (number * self._count + s) * self._count + t
        size = len(known) * self._count**2
        phi = np.stack(
            [np.bincount(slot, column, size) for column in block.reshape(-1, 9).T], axis=-1
        )
        shape = (len(known), self._count, self._count, 3, 3)
        phi_rsctd = phi.reshape(shape).transpose(0, 1, 3, 2, 4)
        cells_r3 = np.stack(np.unravel_index(known, (width,) * 3), axis=-1) - half
        kept = np.abs(phi_rsctd).max(axis=(1, 2, 3, 4)) > _NO_FORCE
        kept |= np.all(cells_r3 == 0, axis=1)
        return ForceConstants(cells_r3[kept], np.ascontiguousarray(phi_rsctd[kept]))
