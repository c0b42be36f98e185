"""What DFPT takes on coarse and fine q meshes, and what of it equal error saves.

Seconds are those of the processor in ph.x, which model files of the workflow record.  Where no
run on a coarse mesh is there, its time is taken as (number of q / that of the fine mesh)^exponent
of the fine one's.
"""

from typing import NamedTuple

import numpy as np

from ephforge.core.realspace import Mesh

# of a run's input: what the time of ph.x does not depend on, or is compared apart
_APART = {"name", "k_mesh", "q_mesh", "bands", "soft_modes", "wannier"}


class Cost(NamedTuple):
    """Minutes of DFPT on a mesh, and of which run they are ("" where they are estimated)."""

    minutes: float
    run: str


class Saved(NamedTuple):
    """Bounds on the minutes by which DFPT gets shorter at equal error."""

    least: float
    most: float


def seconds(attributes: dict) -> float | None:
    """Processor seconds of DFPT in a model file's attributes; None if they are not told."""
    return attributes.get("run_seconds", {}).get("cpu", {}).get("phonon")


def costs(own: dict, others: list[dict], meshes: list[Mesh], exponent: float) -> dict[Mesh, Cost]:
    """Of the meshes, the model's own among them; empty if its file does not tell what it took.

    Args:
      own, others: attributes of the model's file and of other files of the same material; a
        file counts if all of its input but meshes and Wannier functions is the same.
    """
    if seconds(own) is None:
        return {}
    fine = tuple(own["run_input"]["q_mesh"])
    runs = {
        tuple(found["run_input"]["q_mesh"]): found
        for found in reversed(others)
        if seconds(found) is not None and _of_dfpt(found) == _of_dfpt(own)
    } | {fine: own}
    found = {}
    for mesh in meshes:
        if mesh in runs:
            found[mesh] = Cost(seconds(runs[mesh]) / 60, runs[mesh]["name"])
        else:
            share = (np.prod(mesh) / np.prod(fine)) ** exponent
            found[mesh] = Cost(float(share * seconds(own) / 60), "")
    return found


def _of_dfpt(attributes: dict) -> dict:
    return {key: x for key, x in attributes["run_input"].items() if key not in _APART}


def saved(error: float, minutes: float, known: list[tuple[float, float]], fine: float) -> Saved:
    """How much longer DFPT takes for interpolation that is as good, nothing extrapolated.

    Args:
      error, minutes: of the refined mesh.
      known: minutes and error of interpolation from each coarse mesh that was tried.
      fine: minutes of the fine mesh, which is without error at its own q.

    Returns:
      `least` from the largest mesh that is not good enough, `most` from the smallest that is.
    """
    worse = [m for m, e in known if e > error]
    enough = [m for m, e in known if e <= error] + [fine]
    return Saved(max([minutes, *worse]) - minutes, max(min(enough) - minutes, 0.0))
