"""A two-centre coupling written in the general form g[Rp, s,c, Re, a, b].

The two-centre form is small and is what the campaign computes with; the general form is what
other codes read.  Orbitals that overlap have to be orthogonalised first (loewdin.py).
"""

import numpy as np
from jaxtyping import Inexact

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Hopping, TwoCentreCoupling, WannierCoupling


def general_form(hopping: Hopping, coupling: TwoCentreCoupling, n_atoms: int) -> WannierCoupling:
    """The same coupling with every atom's displacement told apart; exact at every k and q.

    H_ab(R) depends on the vector from orbital a (atom s_a, cell 0) to orbital b (atom s_b, cell
    R), so dH_ab(R) = grad_ab(R).(u of s_b in cell R - u of s_a in cell 0).  In an orthonormal
    basis B stands on site only, and c_m^+ E_m = c_m^+ H(k+q), E_n c_n = H(k) c_n (two_centre.py)
    make of its terms H(R) B and B H(R):

        g[Rp, s, c, Re, a, b] = [s = s_b] [Rp = Re] (grad^c - H B^c)_ab(Re)
                              - [s = s_a] [Rp = 0]  (grad^c - B^c H)_ab(Re)
                              + [Re = 0] (X_ab[Rp, s, c] - [s = s_a] [Rp = 0] sum X_ab[R, t, c])

    Args:
      n_atoms: atoms of the cell.

    Returns:
      coupling on the cells of the hopping, R = 0 added where it is missing; complex, eV/angstrom.

    Raises:
      EphforgeError: the orbitals overlap.
    """
    if hopping.overlap is not None:
        raise EphforgeError(
            "orbitals overlap, expected orthonormal ones; use coupling.loewdin.orthonormal on a "
            "mesh first"
        )
    cell_r3 = hopping.cells
    home = np.flatnonzero(np.all(cell_r3 == 0, axis=1))
    energy, grad, field = hopping.energy, coupling.gradient, coupling.crystal_field
    basis = coupling.basis_derivative
    if not len(home):
        cell_r3 = np.vstack([cell_r3, np.zeros((1, 3), cell_r3.dtype)])
        energy, grad, field, basis = (_one_more(x) for x in (energy, grad, field, basis))
        home = np.array([len(cell_r3) - 1])
    moved_ket, moved_bra = grad, grad
    if basis is not None:
        own_cab = basis[home[0]]
        moved_ket = grad - energy[:, None] @ own_cab
        moved_bra = grad - own_cab @ energy[:, None]
    carries_sa = (np.arange(n_atoms)[:, None] == hopping.site).astype(float)
    count, size = len(cell_r3), len(hopping.site)
    g = np.zeros((count, n_atoms, 3, count, size, size), dtype=complex)
    every = np.arange(count)
    g[every, :, :, every] += np.einsum("sb,rcab->rscab", carries_sa, moved_ket)
    g[home[0]] -= np.einsum("sa,rcab->scrab", carries_sa, moved_bra)
    if field is not None:
        g[:, :, :, home[0]] += field
        g[home[0], :, :, home[0]] -= np.einsum("sa,rtcab->scab", carries_sa, field)
    return WannierCoupling(cell_r3, cell_r3, g)


def _one_more(values_r: Inexact[np.ndarray, "r ..."] | None):
    """Zeros for one more cell."""
    if values_r is None:
        return None
    return np.concatenate([values_r, np.zeros_like(values_r[:1])])
