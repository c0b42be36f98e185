"""Lists of cells of a model that is known on coarse meshes: Wigner-Seitz cells of pairs of centres.

The rule of EPW's use_ws: H about the vector between two Wannier centres, Phi about that between two
atoms, Rp of g about the atom seen from the middle of two centres; equally near cells share.
"""

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.kpoints import point_number
from ephforge.core.realspace import ForceConstants, Hopping, Model, WannierCoupling
from ephforge.core.wigner_seitz import images, weighted_list
from ephforge.modelcodec.header import Header
from ephforge.symmetry.coarse import Coarse


def model(header: Header, values: Coarse) -> Model:
    """The model of a header and of what is known on its meshes."""
    crystal, centre_a3 = header.crystal, header.centre_a3
    n_a, n_s = len(centre_a3), len(crystal.positions)
    between_aa3 = centre_a3[None] - centre_a3[:, None]
    bonds_ss3 = crystal.positions[None] - crystal.positions[:, None]
    middle_aa3 = (centre_a3[None] + centre_a3[:, None]) / 2
    seen_saa3 = crystal.positions[:, None, None] - middle_aa3
    cells_r3, weight_rx = _listed(header, between_aa3.reshape(-1, 3), values.k_mesh)
    bond_x3, weight_xx = _listed(header, bonds_ss3.reshape(-1, 3), values.q_mesh)
    cells_p3, weight_px = _listed(header, seen_saa3.reshape(-1, 3), values.q_mesh)
    weight_raa = weight_rx.reshape(-1, n_a, n_a)
    weight_psaa = weight_px.reshape(-1, n_s, n_a, n_a)

    class_r, class_p = point_number(cells_r3, values.k_mesh), point_number(cells_p3, values.q_mesh)
    energy_raa = values.hopping_rab[class_r] * weight_raa
    phi = values.phi_rsctd[point_number(bond_x3, values.q_mesh)]
    phi = phi * weight_xx.reshape(-1, n_s, 1, n_s, 1)
    g = np.moveaxis(values.g_psrcab, 3, 2)[class_p][:, :, :, class_r].astype(complex)
    g *= weight_psaa[:, :, None, None]
    g *= weight_raa
    return Model(
        header.name,
        crystal,
        Hopping(cells_r3, energy_raa.astype(complex), header.atom_a, centre_a3),
        ForceConstants(bond_x3, phi),
        WannierCoupling(cells_p3, cells_r3, g),
        header.long_range,
    )


def _listed(
    header: Header, shift_x3: Float[np.ndarray, "x 3"], mesh
) -> tuple[Int[np.ndarray, "r 3"], Float[np.ndarray, "r x"]]:
    polar, cell_33 = header.long_range, header.crystal.cell
    unit = polar.lattice_unit if polar else float(np.linalg.norm(cell_33, axis=1).max())
    found = {}
    for shift_3 in shift_x3:
        if shift_3.tobytes() not in found:
            found[shift_3.tobytes()] = images(cell_33, mesh, shift_3, unit)
    return weighted_list([found[shift_3.tobytes()] for shift_3 in shift_x3])


def with_sum_rule(phi_rsctd: Float[np.ndarray, "r s 3 t 3"]) -> Float[np.ndarray, "r s 3 t 3"]:
    """Phi_sc,sd(0) chosen so that no force arises when the whole crystal moves."""
    found = phi_rsctd.copy()
    for s in range(found.shape[1]):
        found[0, s, :, s] = 0
        found[0, s, :, s] = -found[:, s].sum(axis=(0, 2))
    return found
