"""Strength of the coupling along the standard path, of models on several q meshes.

    sqrt(sum_s,c,a,b |g_sc,ab(k = 0, q)|^2 / M_s),    eV/angstrom/sqrt(dalton),

which has no gauge and needs no phonons.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import Mesh, Model
from ephforge.observables import paths
from ephforge.refinement.coarse import as_run_on, at_points
from ephforge.refinement.refine import METHODS, refine

_NEAR = 1e-3  # fractional; places on the axis are rounded


class Along(NamedTuple):
    """Lines and dots.

    Attributes:
      line_lx: interpolated from the coarse mesh, refined from it, interpolated from the fine mesh.
      dot_x, dot_strength, is_given_d: q of the fine mesh on the path, DFPT's own; those of the
        coarse mesh are given.
    """

    path: paths.Path
    line_lx: Float[np.ndarray, "l x"]
    dot_x: Float[np.ndarray, " d"]
    dot_strength: Float[np.ndarray, " d"]
    is_given_d: Bool[np.ndarray, " d"]


def strength(model: Model, k_mesh: Mesh, q_q3: Float[np.ndarray, "q 3"]) -> Float[np.ndarray, " q"]:
    """The module's equation."""
    g_qscab = at_points(model, k_mesh, q_q3).sum(axis=3)
    square_qs = np.sum(np.abs(g_qscab) ** 2, axis=(2, 3, 4))
    return np.sqrt(square_qs @ (1 / model.crystal.masses))


def along(model: Model, meshes: tuple[Mesh, Mesh, Mesh], method: str, points: int) -> Along:
    """Lines of a model and of what its coarse mesh gives; Gamma is left out, it has no direction.

    Args:
      meshes: k mesh, coarse and fine q mesh.
    """
    k_mesh, few, fine = meshes
    path = paths.standard_path(model.crystal.cell, points)
    away_x = np.any(np.abs(path.point_k3) > 1e-9, axis=1)
    models = (
        as_run_on(model, k_mesh, few),
        refine(model, (k_mesh, few), fine, METHODS[method]),
        model,
    )
    line_lx = np.full((len(models), len(away_x)), np.nan)
    for line_x, one in zip(line_lx, models, strict=True):
        line_x[away_x] = strength(one, k_mesh, path.point_k3[away_x])
    dot_x, _ = paths.on_path(path, mesh_points(fine), model.crystal)
    dot_d3 = np.array([_place(path, x) for x in dot_x])
    kept_d = np.any(np.abs(dot_d3) > _NEAR, axis=1)
    dot_x, dot_d3 = dot_x[kept_d], dot_d3[kept_d]
    steps_d3 = dot_d3 * np.array(few)
    is_given_d = np.all(np.abs(steps_d3 - np.rint(steps_d3)) < _NEAR, axis=1)
    return Along(path, line_lx, dot_x, strength(model, k_mesh, dot_d3), is_given_d)


def _place(path: paths.Path, x: float) -> Float[np.ndarray, " 3"]:
    """The point of the path at a place of its axis."""
    piece = np.argmax((path.ends_x_p2[:, 0] <= x + 1e-3) & (path.ends_x_p2[:, 1] >= x - 1e-3))
    (left, right), (start_3, stop_3) = path.ends_x_p2[piece], path.ends_p23[piece]
    return start_3 + (x - left) / (right - left) * (stop_3 - start_3)
