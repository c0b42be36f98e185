"""A two-centre coupling written in the general form g[Rp, s,c, Re, a, b].

The two-centre form is small and is what the campaign computes with; the general form is what
other codes read.
"""

import numpy as np

from ephforge.core.realspace import Hopping, TwoCentreCoupling, WannierCoupling


def general_form(hopping: Hopping, coupling: TwoCentreCoupling, n_atoms: int) -> WannierCoupling:
    """The same coupling with every atom's displacement told apart.

    H_ab(R) depends on the vector from orbital a (atom s_a, cell 0) to orbital b (atom s_b, cell
    R), so dH_ab(R) = grad_ab(R).(u of s_b in cell R - u of s_a in cell 0):

        g[Rp, s, c, Re, a, b] = grad^c_ab(Re) ([s = s_b] [Rp = Re] - [s = s_a] [Rp = 0])

    Args:
      n_atoms: atoms of the cell.

    Returns:
      coupling on the cells of the hopping, R = 0 added where it is missing; complex, eV/angstrom.
    """
    cell_r3, grad_rcab = hopping.cells, coupling.gradient
    home = np.flatnonzero(np.all(cell_r3 == 0, axis=1))
    if not len(home):
        cell_r3 = np.vstack([cell_r3, np.zeros((1, 3), cell_r3.dtype)])
        grad_rcab = np.concatenate([grad_rcab, np.zeros((1, *grad_rcab.shape[1:]))])
        home = np.array([len(cell_r3) - 1])
    carries_sa = (np.arange(n_atoms)[:, None] == hopping.site).astype(float)
    count, size = len(cell_r3), len(hopping.site)
    g = np.zeros((count, n_atoms, 3, count, size, size), dtype=complex)
    every = np.arange(count)
    g[every, :, :, every] += np.einsum("sb,rcab->rscab", carries_sa, grad_rcab)
    g[home[0]] -= np.einsum("sa,rcab->scrab", carries_sa, grad_rcab)
    return WannierCoupling(cell_r3, cell_r3, g)
