"""A model with a fine q mesh from what a coarse one knows: the steps in order.

1. g at the q of the coarse mesh, its dipole field taken out (coarse.py, multipoles.py);
2. a trend, known up to amplitudes that the coarse mesh tells, is taken out (trend.py);
3. the rest is shared among images (images.py), the trend put back;
4. at the q of the fine mesh the dipole field is added, and a model of that mesh written down.

At the q of the coarse mesh nothing changes.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import Mesh, Model, WannierCoupling
from ephforge.refinement import coarse as coarse_mesh
from ephforge.refinement import images, multipoles, response, trend
from ephforge.refinement.coarse import at_points, field, to_cells, to_points, with_field
from ephforge.refinement.lattice import force_constants


class Method(NamedTuple):
    """How a coarse mesh is refined; lengths in units of |a_1|.

    Attributes:
      images: as in images.py. split: length of the decay of what is shared (0: nearest).
      trend: "", "multipoles", "response" or "relatives". fit: length of the decay that weighs
        the fit.
      lattice: length of the decay of shared force constants (0: nearest, as codes do).
      meaning: one line.
    """

    images: str
    split: float
    trend: str
    fit: float
    lattice: float
    meaning: str


METHODS = {
    "epw": Method("epw", 0.0, "", 0.0, 0.0, "EPW, use_ws = .true.: images of Rp without Re"),
    "zone": Method("zone", 0.0, "", 0.0, 0.0, "EPW, use_ws = .false.: cells about the origin"),
    "nearest": Method("three", 0.0, "", 0.0, 0.0, "three-centre images, nearest"),
    "split": Method("three", 1.0, "", 0.0, 0.4, "three-centre images, minimum-norm split"),
    "short": Method("three", 0.5, "", 0.0, 0.4, "the same of half that decay, for metals"),
    "multipoles": Method(
        "three", 1.0, "multipoles", 0.35, 0.4, "split, after quadrupoles and octupoles"
    ),
    "response": Method(
        "three", 0.75, "response", 0.5, 0.4, "split, after the response of model electrons"
    ),
}

# needs couplings of other materials, and so is in no list of what is tried on every material
RELATIVES = Method(
    "three", 0.75, "relatives", 0.35, 0.4, "split, after the couplings of other materials"
)
Columns = list[Float[np.ndarray, "p s 3 k a a"]]


def couplings(
    model: Model,
    k_mesh: Mesh,
    coarse: Mesh,
    fine: Mesh,
    method: Method,
    columns: Columns | None = None,
) -> Complex[np.ndarray, "q s 3 k a a"]:
    """g at the q of a fine mesh, dipole fields included, from those of a coarse one; eV/angstrom.

    Args:
      model: its g is taken at the q of the coarse mesh, where it is exact, and nowhere else.
      k_mesh: the coarse k mesh; cells Re count modulo it.
      columns: couplings on the cells of the fine mesh that trends "response" and "relatives"
        combine, dipole fields taken out (response.templates, relatives.columns); the former
        solves for its own where none are given.

    Raises:
      EphforgeError: the meshes do not fit, or a trend cannot be had for the material.
    """
    coarse_mesh.points_of(coarse, fine)
    class_p = coarse_mesh.class_of(coarse, fine)
    coarse_q3, fine_q3 = mesh_points(coarse), mesh_points(fine)
    if method.images in ("epw", "zone"):
        polar = model.long_range and replace(model.long_range, q_mesh=tuple(coarse))
        own = replace(model, long_range=polar)
        fields = field(own, coarse_q3), field(own, fine_q3)
        weight = images.two_centre_weights(model, k_mesh, coarse, fine, method.images == "epw")
        known = None
    else:
        fields = (multipoles.dipole_field(model, q) for q in (coarse_q3, fine_q3))
        unit = float(np.linalg.norm(model.crystal.cell[0]))
        weight, _ = images.three_centre_weights(model, k_mesh, coarse, fine, method.split * unit)
        known = method.trend
    at_coarse, at_fine = fields
    y_oscrab = to_cells(with_field(at_points(model, k_mesh, coarse_q3), -at_coarse), coarse)
    smooth = 0.0
    if known:
        _, variance = images.three_centre_weights(model, k_mesh, coarse, fine, method.fit * unit)
        if known == "multipoles":
            smooth = _multipoles(model, y_oscrab.real, variance, (coarse, fine))
        else:
            if columns is None:
                columns = response.templates(model, k_mesh, fine)
            fitted = {"response": trend.combined, "relatives": trend.blended}[known]
            smooth = fitted(columns, y_oscrab.real, variance, class_p)
        y_oscrab = y_oscrab - trend.fold(smooth, class_p)
    g_pscrab = smooth + y_oscrab[class_p] * weight[:, :, None]
    return with_field(to_points(g_pscrab, fine), at_fine)


def refine(
    model: Model,
    meshes: tuple[Mesh, Mesh],
    fine: Mesh,
    method: Method,
    columns: Columns | None = None,
) -> Model:
    """The model on a fine q mesh; force constants are refined by the same method.

    Args:
      meshes: coarse k and q mesh of the model.
      columns: as `couplings`.

    Raises:
      EphforgeError: the model is a two-centre one, or as `couplings`.
    """
    if not isinstance(model.coupling, WannierCoupling):
        raise EphforgeError(
            f"{model.name}: a two-centre model, which is exact at every q; give a Wannier model"
        )
    k_mesh, coarse = meshes
    g_qscrab = couplings(model, k_mesh, coarse, fine, method, columns)
    unit = float(np.linalg.norm(model.crystal.cell[0]))
    polar = model.long_range and replace(model.long_range, q_mesh=tuple(fine))
    found = replace(
        model,
        long_range=polar,
        force_constants=force_constants(model, coarse, method.lattice * unit),
    )
    short = with_field(g_qscrab, -field(found, mesh_points(fine)))
    coupling = in_cells(found, to_cells(short, fine), k_mesh, fine)
    if any(k % q for k, q in zip(k_mesh, fine, strict=True)):
        # equally near Re are one cell of the k mesh, but their partners Rp - Re are not one of q's
        coupling = hermitian(coupling)
    return replace(found, coupling=coupling)


def hermitian(coupling: WannierCoupling) -> WannierCoupling:
    """Mean of g[Rp, Re, a, b] and conj g[Rp - Re, -Re, b, a], where both are in the list."""
    phonon = {tuple(cell): i for i, cell in enumerate(coupling.phonon_cells.tolist())}
    electron = {tuple(cell): i for i, cell in enumerate(coupling.electron_cells.tolist())}
    found = coupling.g.copy()
    for r, cell_3 in enumerate(coupling.electron_cells):
        moved_p3 = (coupling.phonon_cells - cell_3).tolist()
        partner_p = np.array([phonon.get(tuple(cell), -1) for cell in moved_p3])
        is_there_p = partner_p >= 0
        opposite = electron.get(tuple((-cell_3).tolist()))
        if opposite is not None:
            other = coupling.g[partner_p[is_there_p]][:, :, :, opposite].conj().swapaxes(-1, -2)
            found[is_there_p, :, :, r] = (found[is_there_p, :, :, r] + other) / 2
    return replace(coupling, g=found)


def in_cells(
    model: Model, g_pscrab: Complex[np.ndarray, "p s 3 k a a"], k_mesh: Mesh, q_mesh: Mesh
) -> WannierCoupling:
    """A coupling of meshes on nearest three-centre images; equally near ones share."""
    cells = images.electron_cells(model, k_mesh)
    tried_tp3 = images.phonon_images(q_mesh, images.REACH_OF_NEAREST)
    parts, is_used_tp = [], np.zeros(tried_tp3.shape[:2], dtype=bool)
    for part in images.three_centre(model, cells, q_mesh, 0.0):
        parts.append(part)
        is_used_tp |= (part.share_tpsrab * cells.weight_rab[part.chosen_r]).any((2, 3, 4, 5))
    class_x = np.nonzero(is_used_tp)[1]
    shape = (len(class_x), *g_pscrab.shape[1:3], len(cells.cells_r3), *g_pscrab.shape[4:])
    g = np.zeros(shape, dtype=complex)
    for part in parts:
        share = part.share_tpsrab[is_used_tp] * cells.weight_rab[part.chosen_r]
        own = g_pscrab[:, :, :, cells.class_r[part.chosen_r]][class_x]
        g[:, :, :, part.chosen_r] = own * share[:, :, None]
    return WannierCoupling(tried_tp3[is_used_tp], cells.cells_r3, g)


def _multipoles(model: Model, y_oscrab, variance, meshes) -> Float[np.ndarray, "p s 3 k a a"]:
    """Quadrupoles and octupoles of each atom, fitted to the entries Re = 0, a = b."""
    coarse, fine = meshes
    class_p = coarse_mesh.class_of(coarse, fine)
    columns_psax = multipoles.windowed(model, coarse, fine)
    folded_osax = trend.fold(columns_psax, class_p)
    a = np.arange(y_oscrab.shape[-1])
    found = np.zeros((len(class_p), *y_oscrab.shape[1:]))
    for s in range(y_oscrab.shape[1]):
        y_oac = y_oscrab[:, s][:, :, 0, a, a].transpose(0, 2, 1)
        columns = folded_osax[:, s].reshape(-1, folded_osax.shape[-1])
        size = np.linalg.norm(columns, axis=0)
        amount_xc = trend.amplitudes(
            columns / size,
            y_oac.reshape(-1, 3),
            variance[:, s, 0][:, a, a].ravel(),
            trend.NO_RIDGE,
        )
        potential_pca = np.einsum("pax,xc->pca", columns_psax[:, s] / size, amount_xc)
        view_pcrab = found[:, s]
        view_pcrab[:, :, 0, a, a] = potential_pca
    return found
