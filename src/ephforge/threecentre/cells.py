"""From the mesh to real space: H and g on lists of cells, as first-principles models have them.

Each pair of orbitals has its own Wigner-Seitz cell of Re, about the vector between their
centres; each pair and atom one of Rp, about the middle of the pair.  Cells that are equally
near share the number.
"""

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.kpoints import point_number
from ephforge.core.realspace import Crystal, Hopping, WannierCoupling
from ephforge.core.supercell import FoldedCoupling, unfold
from ephforge.core.wigner_seitz import images, weighted_list

_SAME_SHIFT = (
    6  # digits, of the longest cell vector, to which vectors between centres are told apart
)


def models(
    crystal: Crystal,
    mesh: tuple[int, int, int],
    centre_a3: Float[np.ndarray, "a 3"],
    energy_kab: Complex[np.ndarray, "k a a"],
    g_qsckab: Complex[np.ndarray, "q s 3 k a a"],
    field_qsct: Complex[np.ndarray, "q s 3 t"] | None = None,
) -> tuple[Hopping, WannierCoupling]:
    """Hopping and coupling whose Fourier sums, and the field of dipoles at the orbitals of each
    atom t where there is one, give the numbers on the mesh."""
    site_a = _sites(crystal, centre_a3)
    if field_qsct is not None:
        same_ab = np.eye(len(site_a))
        g_qsckab = g_qsckab - field_qsct[:, :, :, None, site_a, None] * same_ab
    size = len(centre_a3)
    between_p3 = (centre_a3[None] - centre_a3[:, None]).reshape(-1, 3)
    middle_ab3 = (centre_a3[None] + centre_a3[:, None]) / 2
    seen_p3 = (crystal.positions - middle_ab3[:, :, None]).reshape(-1, 3)
    cells_r3, weight_rp = _list(crystal, mesh, between_p3)
    weight_rab = weight_rp.reshape(-1, size, size)
    phonon_cells_p3, weight_pp = _list(crystal, mesh, seen_p3)
    weight_psab = np.moveaxis(weight_pp.reshape(-1, size, size, len(crystal.positions)), -1, 1)

    hopping_kab = _to_cells(energy_kab, mesh, 0)[point_number(cells_r3, mesh)] * weight_rab
    folded = FoldedCoupling(
        _to_cells(_to_cells(g_qsckab, mesh, 0), mesh, 3),
        _counts(weight_psab),
        _counts(weight_rab),
        mesh,
        mesh,
    )
    coupling = WannierCoupling(phonon_cells_p3, cells_r3, unfold(folded, phonon_cells_p3, cells_r3))
    return Hopping(cells_r3, hopping_kab, site_a, centre_a3), coupling


def _list(crystal: Crystal, mesh, shift_p3: Float[np.ndarray, "p 3"]):
    """Cells and weights for many shifts; shifts that repeat are looked at once."""
    unit = float(np.linalg.norm(crystal.cell, axis=1).max())
    found: dict = {}
    for shift_3 in shift_p3:
        key = tuple(np.round(shift_3 / unit, _SAME_SHIFT) + 0.0)
        if key not in found:
            found[key] = images(crystal.cell, mesh, shift_3, unit)
    keys = [tuple(np.round(s / unit, _SAME_SHIFT) + 0.0) for s in shift_p3]
    return weighted_list([found[key] for key in keys])


def _counts(weight: Float[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
    """How many cells share a number, 0 where a pair does not have the cell."""
    return np.rint(np.divide(1, weight, out=np.zeros_like(weight), where=weight > 0)).astype(int)


def _to_cells(values: Complex[np.ndarray, "..."], mesh, axis: int) -> Complex[np.ndarray, "..."]:
    """X(R) = (1/N) sum_k e^{-2 pi i k.R} X(k) for the axis that numbers the mesh; real after that.

    Time reversal makes X(-k) = X(k)* once both axes are done, so only rounding is imaginary.
    """
    shape = values.shape
    apart = values.reshape(*shape[:axis], *mesh, *shape[axis + 1 :])
    turned = np.fft.fftn(apart, axes=(axis, axis + 1, axis + 2)) / np.prod(mesh)
    return turned.reshape(shape)


def _sites(crystal: Crystal, centre_a3: Float[np.ndarray, "a 3"]) -> Int[np.ndarray, " a"]:
    """The atom nearest to each centre, the first of equally near ones."""
    away_as3 = (centre_a3[:, None] - crystal.positions[None]) @ np.linalg.inv(crystal.cell)
    away_as3 -= np.rint(away_as3)
    distance_as = np.linalg.norm(away_as3 @ crystal.cell, axis=-1)
    return np.argmin(np.round(distance_as, 6), axis=1)
