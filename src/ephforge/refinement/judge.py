"""Every method on a model whose finer q mesh tells the truth: errors at the q that are left out.

A model on a fine q mesh is folded onto coarser ones that divide it, which repeats runs on them
(coarse.py), and refined again.  All are judged at the q that no coarse mesh has.
"""

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import Mesh, Model
from ephforge.refinement import coarse
from ephforge.refinement.errors import Judge
from ephforge.refinement.lattice import force_constants
from ephforge.refinement.refine import METHODS, couplings


class Trial(NamedTuple):
    """One method from one coarse mesh: errors (errors.Errors), seconds, or why there are none."""

    errors: dict[str, float]
    seconds: float
    refusal: str


def coarse_meshes(fine: Mesh) -> list[Mesh]:
    """Meshes of every second, third, ... q, the coarsest first; two points a direction at least.

    Directions that cannot be divided so keep all of their points.
    """
    found = set()
    for step in range(2, max(fine) // 2 + 1):
        found.add(tuple(n // step if n % step == 0 and n // step >= 2 else n for n in fine))
    return sorted(found - {tuple(fine)}, key=np.prod)


def hidden(meshes: list[Mesh], fine: Mesh) -> Int[np.ndarray, " q"]:
    """Numbers of the q of the fine mesh that none of the coarse meshes has."""
    given = np.concatenate([coarse.points_of(mesh, fine) for mesh in meshes])
    return np.setdiff1d(np.arange(np.prod(fine)), given)


def judged(model: Model, k_mesh: Mesh, fine: Mesh) -> dict[Mesh, dict[str, Trial]]:
    """Trials of every method from every coarse mesh.

    Raises:
      EphforgeError: no coarser mesh divides the mesh of the model.
    """
    meshes = coarse_meshes(fine)
    if not meshes:
        raise EphforgeError(
            f"{model.name}: no coarser mesh divides q mesh {'x'.join(map(str, fine))}, expected "
            "one with a half or a third; leave it out of refinement.materials"
        )
    q_q3 = mesh_points(fine)
    g, phi = coarse.at_points(model, k_mesh, q_q3), coarse.dynamical(model, q_q3)
    given = np.setdiff1d(np.arange(len(q_q3)), hidden(meshes, fine))
    judge = Judge(model, k_mesh, given, fine, g, phi)
    return {
        few: {
            name: _trial(model, judge, (k_mesh, few, fine), method)
            for name, method in METHODS.items()
        }
        for few in meshes
    }


def _trial(model: Model, judge: Judge, meshes: tuple[Mesh, Mesh, Mesh], method) -> Trial:
    k_mesh, few, fine = meshes
    unit = float(np.linalg.norm(model.crystal.cell[0]))
    start = time.perf_counter()
    try:
        g = couplings(model, k_mesh, few, fine, method)
    except EphforgeError as error:
        return Trial({}, 0.0, str(error))
    own = replace(model, force_constants=force_constants(model, few, method.lattice * unit))
    seconds = time.perf_counter() - start
    errors = judge.errors(g, coarse.dynamical(own, mesh_points(fine)))
    return Trial(errors._asdict(), seconds, "")


def recommended(trials: dict[str, Trial], is_metal: bool) -> str:
    """The method that docs/refinement.md recommends: by the kind of material, not by errors."""
    if is_metal:
        return "short"
    return "multipoles" if trials["response"].refusal else "response"
