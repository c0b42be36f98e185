"""From a header to what a decoder needs: reductions, features, which coefficients are stored."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ephforge.modelcodec import prior
from ephforge.modelcodec.header import Header
from ephforge.symmetry.actions import Geometry, Reductions, reductions, site_places
from ephforge.symmetry.reduction import Reduction


class Parts(NamedTuple):
    """How H, Phi and g reduce, and the features of their coefficients.

    Attributes:
      is_stored_n: coefficients of Phi that the sum rule does not give.
    """

    reductions: Reductions
    hopping_nf: Float[np.ndarray, "n f"]
    phi_nf: Float[np.ndarray, "m f"]
    g_nf: Float[np.ndarray, "k f"]
    is_stored_n: Bool[np.ndarray, " n"]


def parts(header: Header) -> Parts:
    """All of it, from the header alone."""
    crystal, meshes = header.crystal, (header.k_mesh, header.q_mesh)
    how = reductions(header.representation(), crystal, header.centre_a3, meshes)
    site_x3 = site_places(header.centre_a3, how.place_xi)
    geometry = Geometry(crystal.cell, crystal.positions, site_x3, *meshes)
    length = float(np.mean(np.linalg.norm(crystal.cell, axis=1)))
    hopping_nf = _pairs(how.hopping, geometry, site_x3, header.k_mesh, length)
    phi_nf = _pairs(how.phi, geometry, crystal.positions, header.q_mesh, length)
    between_o3, atom_o3, _, _ = geometry.triples(how.g.first_o)
    orbit_n, place_n = np.nonzero(how.g.is_free_oj)
    g_nf = prior.triangle(
        between_o3[orbit_n], atom_o3[orbit_n], place_n, how.g.size_o[orbit_n], length
    )
    n_s = len(crystal.positions)
    r_o, s_o, t_o = np.unravel_index(how.phi.first_o, (int(np.prod(header.q_mesh)), n_s, n_s))
    is_own_o = (r_o == 0) & (s_o == t_o)
    return Parts(how, hopping_nf, phi_nf, g_nf, ~is_own_o[how.phi.orbit_n])


def _pairs(how: Reduction, geometry: Geometry, point_x3, mesh, length: float):
    n_x = len(point_x3)
    r_o, x_o, y_o = np.unravel_index(how.first_o, (int(np.prod(mesh)), n_x, n_x))
    between_o3 = geometry.pairs(r_o, point_x3[x_o], point_x3[y_o], mesh)
    orbit_n, place_n = np.nonzero(how.is_free_oj)
    return prior.pair(between_o3[orbit_n], place_n, how.size_o[orbit_n], length)
