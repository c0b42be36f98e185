"""A synthetic material of the three-centre family: draw, solve, screen, write in real space."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float
from threadpoolctl import threadpool_limits

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Crystal, Hopping, WannierCoupling
from ephforge.threecentre import cells, elements, ground, orbitals
from ephforge.threecentre.draw import Plan, draw, supports
from ephforge.threecentre.occupations import fermi_dirac

_ATTEMPTS = 12
_SMALLEST_GAP = 0.1  # eV, of materials that fill their bands


class Dipoles(NamedTuple):
    """What the lattice of a polar material says of its electrons.

    Attributes:
      charge_s: a third of the trace of Born's charges, e; valence electrons are on the negative.
      field_qsct: the field of dipoles on the mesh that whoever uses the material adds to the
        orbitals of atom t, eV/angstrom.  The electrons have the field of their own charges in
        g already, so it is taken off g before this goes to real space, as codes for first
        principles do it.
    """

    charge_s: Float[np.ndarray, " s"]
    field_qsct: Complex[np.ndarray, "q s 3 t"]


def build(
    generator: np.random.Generator,
    crystal: Crystal,
    mesh: tuple[int, int, int],
    dipoles: Dipoles | None = None,
) -> tuple[Hopping, WannierCoupling, dict]:
    """H(R), g(Rp, Re) and the drawn numbers of one material, the same bits on every run.

    Args:
      crystal: one of those that `supports` accepts.
      mesh: of k and of q alike; the material is defined on it.
      dipoles: of a polar crystal.

    Raises:
      EphforgeError: the crystal is not supported, or no draw gave a material.
    """
    if not supports(crystal):
        raise EphforgeError(
            f"three-centre electrons: a cell of {len(crystal.positions)} atoms and "
            f"{abs(np.linalg.det(crystal.cell)):.0f} angstrom^3, expected one or two atoms and no "
            "vacuum; give it another basis"
        )
    charge_s, field_qsct = (None, None) if dipoles is None else dipoles
    reason = ""
    for attempt in range(_ATTEMPTS):
        plan = draw(generator, crystal, mesh, charge_s)
        try:
            # sums are cut differently by more threads, and the last bits with them
            with threadpool_limits(limits=1, user_api="blas"):
                hopping, coupling, found = make(plan, field_qsct)
        except EphforgeError as error:
            reason = str(error)
            continue
        return hopping, coupling, plan.parameters | found | {"attempts": attempt + 1}
    raise EphforgeError(f"{reason}; {_ATTEMPTS} draws failed")


def make(
    plan: Plan, field_qsct: Complex[np.ndarray, "q s 3 t"] | None = None
) -> tuple[Hopping, WannierCoupling, dict]:
    """The material of a plan, and what was found out about it; the field as in `Dipoles`.

    Raises:
      EphforgeError: it does not converge, has no gap where its bands are to be filled, or its
        trial orbitals do not span its bands.
    """
    matter = plan.matter
    rest = ground.solve(matter)
    if matter.smearing == 0 and rest.gap < _SMALLEST_GAP:
        raise EphforgeError(
            f"three-centre electrons: gap {rest.gap:.2f} eV, expected {_SMALLEST_GAP} at least; "
            "draw other parameters"
        )
    weight_kn = rest.occupation_kn
    if matter.smearing > 0:
        # a soft edge keeps the functions short-ranged
        edge = plan.edge + min(e[0] for e in rest.energy_kn)
        weight_kn = [fermi_dirac(e, edge, plan.softness) for e in rest.energy_kn]
    functions = orbitals.project(matter, rest, plan.trial, weight_kn)
    g_qsckab = elements.on_mesh(matter, rest, functions)
    hopping, coupling = cells.models(
        matter.crystal, matter.mesh, functions.centre_a3, functions.energy_kab, g_qsckab, field_qsct
    )
    found = {
        "electrons": matter.electrons,
        "kind": "metal" if matter.smearing > 0 else "semiconductor",
        "gap": max(rest.gap, 0.0),
        "fermi": float(rest.fermi),
    }
    return hopping, coupling, found
