"""The Wannier coupling on the supercells of its coarse meshes: every number once, no zeros.

Meshes of N_q and N_k points give N_q N_k different matrices g(Rp, Re) per displacement.  The
lists of cells of a model hold more: for each pair of orbitals a Wigner-Seitz cell of its
own, zeros outside, and at its border equal numbers at several cells, divided by how many:

    g[Rp, s,c, Re, a,b] = folded[Rp mod q mesh, s,c, Re mod k mesh, a,b] / (n[Rp, s,a,b] n[Re, a,b])

n counts the cells of a list that are equal modulo the mesh and inside the Wigner-Seitz cell
of that pair; it is 0, and so is g, at cells outside.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import point_number

# equal numbers of a run differ by the rounding of its Fourier sums: this share of the largest g
SUM_NOISE = 1e-12


class FoldedCoupling(NamedTuple):
    """Attributes as in the equation of the module.

    Attributes:
      g: folded, eV/angstrom; cells modulo a mesh are numbered as its points in core/kpoints.py.
      phonon_images, electron_images: n[Rp, s, a, b] and n[Re, a, b].
      q_mesh, k_mesh: the coarse meshes.
    """

    g: Complex[np.ndarray, "q s 3 k a a"]
    phonon_images: Int[np.ndarray, "P s a a"]
    electron_images: Int[np.ndarray, "R a a"]
    q_mesh: tuple[int, int, int]
    k_mesh: tuple[int, int, int]


def fold(
    g: Complex[np.ndarray, "P s 3 R a a"],
    phonon_cells: Int[np.ndarray, "P 3"],
    electron_cells: Int[np.ndarray, "R 3"],
    q_mesh: tuple[int, int, int],
    k_mesh: tuple[int, int, int],
) -> FoldedCoupling:
    """Keep each number of a coupling once; the counts are read off its zeros.

    Raises:
      EphforgeError: g is not what these meshes give, so that folding would change it.
    """
    is_there = g != 0
    phonon_class = point_number(phonon_cells, q_mesh)
    electron_class = point_number(electron_cells, k_mesh)
    n_q, n_k = int(np.prod(q_mesh)), int(np.prod(k_mesh))
    over_p = _sums(g.astype(complex), phonon_class, n_q)
    over_both = _sums(np.moveaxis(over_p, 3, 0), electron_class, n_k)
    folded = FoldedCoupling(
        np.ascontiguousarray(np.moveaxis(over_both, 0, 3)).astype(g.dtype),
        _images(is_there.any(axis=(2, 3)), phonon_class, n_q),
        _images(is_there.any(axis=(0, 1, 2)), electron_class, n_k),
        tuple(q_mesh),
        tuple(k_mesh),
    )
    change = np.abs(unfold(folded, phonon_cells, electron_cells) - g)
    size = np.abs(g)
    if np.any(change > 16 * np.finfo(g.dtype).eps * size + SUM_NOISE * size.max()):
        raise EphforgeError(
            f"coupling: folding on q mesh {tuple(q_mesh)} and k mesh {tuple(k_mesh)} would change "
            f"g by {change.max():.1e} eV/angstrom, expected none; give the meshes of the run, or "
            "store it as it is"
        )
    return folded


def unfold(
    folded: FoldedCoupling,
    phonon_cells: Int[np.ndarray, "P 3"],
    electron_cells: Int[np.ndarray, "R 3"],
) -> Complex[np.ndarray, "P s 3 R a a"]:
    """Inverse of `fold`."""
    phonon_class = point_number(phonon_cells, folded.q_mesh)
    electron_class = point_number(electron_cells, folded.k_mesh)
    g = folded.g[phonon_class][:, :, :, electron_class]
    g *= _weights(folded.phonon_images)[:, :, None, None]
    g *= _weights(folded.electron_images)
    return g


def _sums(values, class_r, n_classes: int):
    """Sums of the first axis over the cells of each class."""
    total = np.zeros((n_classes, *values.shape[1:]), dtype=values.dtype)
    np.add.at(total, class_r, values)
    return total


def _images(is_there, class_r, n_classes: int) -> Int[np.ndarray, "..."]:
    counts = _sums(is_there.astype(np.int64), class_r, n_classes)
    return np.where(is_there, counts[class_r], 0).astype(np.int16)


def _weights(images: Int[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """1/n, and 0 where n is 0."""
    return np.divide(1.0, images, out=np.zeros(images.shape), where=images > 0)
