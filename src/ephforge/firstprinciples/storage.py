"""How coarsely a model's g may be stored: the largest step that leaves |g| as it was.

g is folded on its coarse meshes (core/supercell.py) and rounded to whole multiples of one
absolute step (core/variables.py).  The step is not guessed: rounded models are compared with
the model itself at generic points, so that EPW's table, which is compared afterwards, stays
a check.  Step, its effect and the deviations from the table go into the file.
"""

from dataclasses import replace

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Mesh, Model, WannierCoupling, model_variables
from ephforge.core.rng import generator
from ephforge.core.supercell import fold, unfold
from ephforge.core.units import MEV
from ephforge.core.variables import Variable, rounded
from ephforge.coupling.points import at_points
from ephforge.firstprinciples.reference import (
    Reference,
    deviations,
    reference_variables,
)

TARGET = 2.5e-6  # of |g| > 1 meV, relative
FINEST, COARSEST = -36, -20  # powers of two, eV/angstrom
POINTS_Q, POINTS_K = 8, 12
# sums over cells and atoms cancel near Gamma, where rounding shows first: every fourth q
NEAR_GAMMA = 0.1


def stored_variables(
    model: Model, reference: Reference, meshes: tuple[Mesh, Mesh], target: float = TARGET
) -> tuple[dict[str, Variable], dict]:
    """Arrays and attributes of a file of kind "model" that takes little space.

    Args:
      reference: EPW's table, compared with the rounded model and written beside it.
      meshes: coarse k and q mesh of the run.
      target: largest relative change of |g| by rounding.

    Raises:
      EphforgeError: the coupling is not one of these meshes, or no step meets the target.
    """
    step, change = largest_step(model, meshes, target)
    variables, attributes = model_variables(model, step, meshes)
    attributes |= {
        "g_step": step,
        "g_change_by_rounding": change,
        "deviations": deviations(reference, as_stored(model, meshes, step))._asdict(),
    }
    return variables | reference_variables(reference), attributes


def largest_step(model: Model, meshes: tuple[Mesh, Mesh], target: float) -> tuple[float, float]:
    """Largest power of two that meets a target, as all smaller ones do.

    Returns:
      the step, eV/angstrom, and the largest relative change of |g| > 1 meV that it makes.

    Raises:
      EphforgeError: as `stored_variables`.
    """
    exact = _own_table(model)
    allowed = None
    for exponent in range(FINEST, COARSEST + 1):
        change = deviations(exact, as_stored(model, meshes, 2.0**exponent)).relative_g
        if not change <= target:
            break
        allowed = 2.0**exponent, change
    if allowed is None:
        raise EphforgeError(
            f"{model.name}: the finest step, 2^{FINEST} eV/angstrom, changes |g| by {change:.1e}, "
            f"expected at most {target:.1e}; state a larger target"
        )
    return allowed


def as_stored(model: Model, meshes: tuple[Mesh, Mesh], step: float) -> Model:
    """The model as it will be read from a file with this step."""
    coupling = model.coupling
    cells = (coupling.phonon_cells, coupling.electron_cells)
    k_mesh, q_mesh = meshes
    folded = fold(coupling.g, *cells, q_mesh, k_mesh)
    g = unfold(folded._replace(g=rounded(folded.g, step)), *cells)
    return replace(model, coupling=WannierCoupling(*cells, g))


def _own_table(model: Model) -> Reference:
    """What the model itself gives at generic points, in the form of EPW's table."""
    random = generator(0, 0, "storage")
    q, k = random.random((POINTS_Q, 3)), random.random((POINTS_K, 3))
    q[::4] *= NEAR_GAMMA
    own = at_points(model, k, q, soft_mode=0.0)
    g = np.moveaxis(np.abs(own.g), 2, -1) * MEV
    return Reference(q, k, own.energy_k, own.energy_kq, MEV * own.frequency_q, g)
