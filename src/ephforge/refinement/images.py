"""Which images of Rp an entry of a coarse mesh stands for: weights that sum to one.

An entry g[P, s,c, Re, a, b] of a coarse q mesh N is the sum over all cells Rp = P + N T. With

    d1 = |Rp + tau_s - w_a|,     d2 = |Rp + tau_s - Re - w_b|

the moved atom's distances from the two orbitals,

epw       the Rp nearest to (w_a + w_b)/2 - tau_s; Re is not looked at (EPW, use_ws = .true.);
zone      the Rp nearest to 0 (use_ws = .false.);
nearest   the Rp with the smallest d1 + d2: three-centre images;
split     all Rp in proportion to sigma^2, sigma = e^{-(d1 + d2)/length}: of all couplings that fold
          to the coarse one that of the smallest sum |g|^2/sigma^2.

Of Re the images that put b nearest to a are taken.  The last two know a and b, Re and -Re alike,
so that g stays Hermitian between the points of the mesh: (Rp, Re, a, b) and (Rp - Re, -Re, b, a)
have d1 and d2 exchanged.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.realspace import Crystal, Mesh, Model
from ephforge.core.wigner_seitz import images, weighted_list

REACH, REACH_OF_NEAREST = 3, 2  # supercells looked at in each direction
TIE = 1e-4  # of the longest cell vector: distances that differ by less are equal
_TOGETHER = 16  # cells Re at once


class ElectronCells(NamedTuple):
    """Images of Re that are nearest for at least one pair.

    Attributes:
      cells_r3: [image]. class_r: cell modulo the k mesh.
      weight_rab: 1 / ties, 0 where a pair has nearer ones.
    """

    cells_r3: Int[np.ndarray, "r 3"]
    class_r: Int[np.ndarray, " r"]
    weight_rab: Float[np.ndarray, "r a a"]


class Shares(NamedTuple):
    """How entries are shared among images, for some of the cells Re.

    Attributes:
      chosen_r: which of `ElectronCells`.
      share_tpsrab: of images t of the class P of the coarse mesh; sums to 1 over t.
      variance_psrab: sum over images of sigma^2 (0 for `nearest`).
    """

    chosen_r: slice
    share_tpsrab: Float[np.ndarray, "t p s r a a"]
    variance_psrab: Float[np.ndarray, "p s r a a"]


def phonon_images(q_mesh: Mesh, reach: int = REACH) -> Int[np.ndarray, "t p 3"]:
    """Cells Rp = P + N T that are looked at."""
    turns_t3 = np.array(list(itertools.product(range(-reach, reach + 1), repeat=3)))
    return turns_t3[:, None] * np.array(q_mesh) + mesh_indices(q_mesh)


def reach_of(length: float) -> int:
    """Supercells that a decay is followed through."""
    return REACH if length else REACH_OF_NEAREST


def electron_cells(model: Model, k_mesh: Mesh) -> ElectronCells:
    """Shortest images of the cells Re."""
    w = model.hopping.centres
    pairs = [
        images(model.crystal.cell, k_mesh, shift, _unit(model.crystal))
        for shift in (w[None] - w[:, None]).reshape(-1, 3)
    ]
    cells_r3, weight_rp = weighted_list(pairs)
    weight_rab = weight_rp.reshape(-1, len(w), len(w))
    return ElectronCells(cells_r3, point_number(cells_r3, k_mesh), weight_rab)


def three_centre(
    model: Model, cells: ElectronCells, q_mesh: Mesh, length: float
) -> Iterator[Shares]:
    """Shares by d1 + d2, a few cells Re at a time.

    Args:
      length: of the decay, angstrom; 0 takes the nearest images alone.
    """
    crystal, w = model.crystal, model.hopping.centres
    tried_tp3 = phonon_images(q_mesh, reach_of(length))
    atom_tps3 = (tried_tp3 @ crystal.cell)[:, :, None] + crystal.positions
    first_tpsa = np.linalg.norm(atom_tps3[:, :, :, None] - w, axis=-1)
    for start in range(0, len(cells.cells_r3), _TOGETHER):
        chosen = slice(start, start + _TOGETHER)
        other_rb3 = (cells.cells_r3[chosen] @ crystal.cell)[:, None] + w
        second_tpsrb = np.linalg.norm(atom_tps3[:, :, :, None, None] - other_rb3, axis=-1)
        distance = first_tpsa[:, :, :, None, :, None] + second_tpsrb[:, :, :, :, None, :]
        yield Shares(chosen, *shares(distance, length, TIE * _unit(crystal)))


def shares(
    distance_t: Float[np.ndarray, "t *x"], length: float, tie: float
) -> tuple[Float[np.ndarray, "t *x"], Float[np.ndarray, "*x"]]:
    """e^{-2 d/length} over its sum over images t, and that sum; nearest images for length 0."""
    smallest = distance_t.min(axis=0)
    excess_t = distance_t - smallest
    if length == 0:
        part_t = (excess_t < tie).astype(float)
        return part_t / part_t.sum(axis=0), np.zeros_like(smallest)
    part_t = np.exp(-2 * excess_t / length)
    total = part_t.sum(axis=0)
    return part_t / total, total * np.exp(-2 * smallest / length)


def three_centre_weights(
    model: Model, k_mesh: Mesh, coarse: Mesh, fine: Mesh, length: float
) -> tuple[Float[np.ndarray, "p s k a a"], Float[np.ndarray, "o s k a a"]]:
    """Shares summed over the images that are one cell of the fine mesh; variances.

    Returns:
      weight[Rp mod fine, s, Re mod k mesh, a, b]; variance[Rp mod coarse, s, Re mod k mesh, a, b].
    """
    cells = electron_cells(model, k_mesh)
    size = len(model.hopping.site)
    shape = (len(model.crystal.positions), int(np.prod(k_mesh)), size, size)
    weight = np.zeros((int(np.prod(fine)), *shape))
    variance = np.zeros((int(np.prod(coarse)), *shape))
    class_tp = point_number(phonon_images(coarse, reach_of(length)), fine)
    for part in three_centre(model, cells, coarse, length):
        ties_rab, class_r = cells.weight_rab[part.chosen_r], cells.class_r[part.chosen_r]
        found = np.zeros((len(weight), *part.share_tpsrab.shape[2:]))
        np.add.at(found, class_tp, part.share_tpsrab)
        for i, number in enumerate(class_r):
            weight[:, :, number] += found[:, :, i] * ties_rab[i]
            variance[:, :, number] += part.variance_psrab[:, :, i] * ties_rab[i]
    return weight, variance


def two_centre_weights(
    model: Model, k_mesh: Mesh, coarse: Mesh, fine: Mesh, pair_centred: bool
) -> Float[np.ndarray, "p s k a a"]:
    """The same of EPW's choice: use_ws = .true. (pair_centred) or .false."""
    shift_sab3 = _middles(model) if pair_centred else np.zeros_like(_middles(model))
    weight_psab = np.zeros((int(np.prod(fine)), *shift_sab3.shape[:3]))
    for index in np.ndindex(*shift_sab3.shape[:3]):
        found = images(model.crystal.cell, coarse, shift_sab3[index], _unit(model.crystal))
        for cell, ties in found.items():
            weight_psab[(int(point_number(np.array(cell), fine)), *index)] += 1 / ties
    n_k = int(np.prod(k_mesh))
    return np.broadcast_to(
        weight_psab[:, :, None], (*weight_psab.shape[:2], n_k, *weight_psab.shape[2:])
    )


def epw_lists(model: Model, k_mesh: Mesh, q_mesh: Mesh) -> tuple[np.ndarray, ...]:
    """EPW's cells Rp and Re, and how many of them are equal: n[Rp, s, a, b], n[Re, a, b]."""
    cell, unit = model.crystal.cell, _unit(model.crystal)
    middles_sab3 = _middles(model)
    over_abs = np.moveaxis(middles_sab3, 0, 2)
    phonon_p3, weight_pp = weighted_list(
        [images(cell, q_mesh, shift, unit) for shift in over_abs.reshape(-1, 3)]
    )
    weight_psab = np.moveaxis(weight_pp.reshape(-1, *over_abs.shape[:3]), -1, 1)
    electrons = electron_cells(model, k_mesh)
    return phonon_p3, electrons.cells_r3, _counts(weight_psab), _counts(electrons.weight_rab)


def atom_cells(
    crystal: Crystal, q_mesh: Mesh
) -> tuple[Int[np.ndarray, "r 3"], Float[np.ndarray, "r s s"]]:
    """Cells that put atom t nearest to s, with 1 / ties."""
    tau = crystal.positions
    cells_r3, weight_rp = weighted_list(
        [
            images(crystal.cell, q_mesh, shift, _unit(crystal))
            for shift in (tau[None] - tau[:, None]).reshape(-1, 3)
        ]
    )
    return cells_r3, weight_rp.reshape(-1, len(tau), len(tau))


def _middles(model: Model) -> Float[np.ndarray, "s a a 3"]:
    """tau_s - (w_a + w_b)/2."""
    w = model.hopping.centres
    return model.crystal.positions[:, None, None] - (w[:, None] + w[None]) / 2


def _unit(crystal: Crystal) -> float:
    return float(np.linalg.norm(crystal.cell, axis=1).max())


def _counts(weight: Float[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
    inverse = np.divide(1, weight, out=np.zeros_like(weight), where=weight > 0)
    return np.rint(inverse).astype(np.int16)
