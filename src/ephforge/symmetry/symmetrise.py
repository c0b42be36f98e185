"""A noisy model made symmetric: its projection onto what space group and Hermiticity allow."""

from typing import NamedTuple

import numpy as np

from ephforge.core.realspace import Model
from ephforge.symmetry.actions import Reductions, reductions
from ephforge.symmetry.coarse import Coarse, Mesh, coarse, refined
from ephforge.symmetry.representation import LARGEST_CHANGE, Representation, represent


class Reduced(NamedTuple):
    """A model as its independent coefficients.

    Attributes:
      before, after: on the coarse meshes; after is the projection.
      representation: operations and what they do.
      reductions: how H, Phi and g reduce.
      coefficients: of H (eV), Phi (eV/angstrom^2), g (eV/angstrom).
    """

    before: Coarse
    after: Coarse
    representation: Representation
    reductions: Reductions
    coefficients: tuple[np.ndarray, np.ndarray, np.ndarray]

    @property
    def moved(self) -> dict[str, float]:
        """||after - before|| / ||before|| of H, Phi and g, and the largest moves."""
        names = ("hopping", "phi", "g")
        found = {}
        for name, old, new in zip(names, self.before[2:], self.after[2:], strict=True):
            norm = np.linalg.norm(old)
            found[name] = float(np.linalg.norm(new - old) / norm) if norm else 0.0
            found[f"{name}_largest"] = float(np.abs(new - old).max())
        return found


def reduced(
    model: Model, k_mesh: Mesh, q_mesh: Mesh, largest_change: float = LARGEST_CHANGE
) -> Reduced:
    """Reduce a general model.

    Args:
      k_mesh, q_mesh: its coarse meshes.
      largest_change: of the norm of H or g, up to which an operation counts as a symmetry.
    """
    before = coarse(model, k_mesh, q_mesh)
    hopping = model.hopping
    found = represent(before, model.crystal, hopping.centres, hopping.site, largest_change)
    how = reductions(found, model.crystal, hopping.centres, (before.k_mesh, before.q_mesh))
    coefficients = how.coefficients(before)
    after = how.values(*coefficients, (before.k_mesh, before.q_mesh))
    return Reduced(before, after, found, how, coefficients)


def symmetrised(model: Model, found: Reduced) -> Model:
    """The projection on the model's own lists of cells: symmetric on the coarse meshes."""
    return refined(model, found.after)
