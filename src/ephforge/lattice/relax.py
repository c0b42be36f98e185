"""The lowest energy within a structure type, near a guess, within bounds.

First the size of the crystal, downhill from the guess; from there a quasi-Newton search runs
over the invariant strains and displacements (freedom.py), so that the space group is kept.
Steps are short and go back where the energy rises or is infinite: potentials end at cutoffs,
and some give no energy for crowded atoms.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from ephforge.lattice.asap import Potential
from ephforge.lattice.forces import (
    WITHOUT_STRESS,
    energy,
    energy_and_forces,
    energy_forces_stress,
)
from ephforge.lattice.freedom import Freedom
from ephforge.lattice.rejection import OUT_OF_BOUNDS, SHELL_AT_CUTOFF, UNSETTLED, Rejected

_SIZE_STEP = 1.045  # the search for the size goes by this factor
_SIZE_STEPS = 7  # at most so many to either side: 0.73 to 1.36 of the expected size
_LARGEST_STEP = 0.04  # of strains, and of displacements in units of `_Space`
_LARGEST_STRAIN = 0.25  # beyond the scan
_LARGEST_DISPLACEMENT = 0.4  # likewise
_STRAIN_STEP = 1e-3  # of central differences, where a potential has no stress
_SETTLED = 5e-5  # the gradient that is left / the stiffness of the size
_SOFTEST = 1e-3  # eV; the least stiffness to start from
_ROUNDS = 60
_SHORTENINGS = 8
_FORCE = 1e-7  # eV/angstrom, what may be left on atoms
_NEWTON_STEP = 1e-3  # angstrom
_NEWTON_ROUNDS = 12
_FLATTEST = 1e-3  # eV/angstrom^2; less curvature than that holds no atom

Structure = tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "s 3"]]


def relax(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    numbers_s: Int[np.ndarray, " s"],
    potential: Potential,
    free: Freedom,
) -> Structure:
    """Cell and positions of lowest energy in the space of invariant strains and displacements.

    Args:
      cell_33, positions_s3: the guess, unscaled angstrom.
      free: of the guess.

    Raises:
      Rejected: no minimum inside the bounds, or none is reached.
    """
    size, curvature = _best_size(
        lambda x: energy(x * cell_33, x * positions_s3, numbers_s, potential)
    )
    space = _Space(size * cell_33, size * positions_s3, numbers_s, potential, free)
    x_f = _minimise(space.energy_and_gradient, curvature, len(free.strain_f33), space.size)
    return space.structure_at(x_f)


def settle(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    numbers_s: Int[np.ndarray, " s"],
    potential: Potential,
    free: Freedom,
) -> Float[np.ndarray, "s 3"]:
    """Positions without forces along the invariant displacements, at a fixed cell (Newton).

    Raises:
      Rejected: the forces do not vanish nearby, or not at a minimum.
    """
    basis_fs3 = free.displacement_fs3
    if len(basis_fs3) == 0:
        return positions_s3

    def force_at(positions):
        value, force_s3 = energy_and_forces(cell_33, positions, numbers_s, potential)
        if not np.isfinite(value):
            raise Rejected(UNSETTLED, "no energy while atoms settle")
        return np.einsum("fsc,sc->f", basis_fs3, force_s3)

    here, force_f, stiffness_ff = positions_s3, force_at(positions_s3), None
    for _ in range(_NEWTON_ROUNDS):
        if np.max(np.abs(force_f)) < _FORCE:
            return here
        if stiffness_ff is None:
            sides = [force_at(here + _NEWTON_STEP * basis) for basis in basis_fs3]
            stiffness_ff = -(np.array(sides) - force_f) / _NEWTON_STEP
            stiffness_ff = (stiffness_ff + stiffness_ff.T) / 2
            if np.linalg.eigvalsh(stiffness_ff)[0] < _FLATTEST:
                raise Rejected(UNSETTLED, "atoms are not held in their sites")
        step_f = np.linalg.solve(stiffness_ff, force_f)
        step_f /= max(1.0, np.max(np.abs(step_f)) / 0.2)
        here = here + np.einsum("f,fsc->sc", step_f, basis_fs3)
        before, force_f = np.max(np.abs(force_f)), force_at(here)
        if np.max(np.abs(force_f)) > 0.3 * before:
            stiffness_ff = None  # the quadratic model of the last point is worn out
    if np.max(np.abs(force_f)) < _FORCE:
        return here
    raise Rejected(UNSETTLED, f"{np.max(np.abs(force_f)):.1e} eV/angstrom left on free coordinates")


def cutoff_between_shells(
    cell_33: Float[np.ndarray, "3 3"],
    positions_s3: Float[np.ndarray, "s 3"],
    cutoff: float,
    displacement: float,
) -> float:
    """Cutoff moved to the middle of the widest gap between neighbour shells nearby.

    Pair potentials end with a jump of the force; a shell there would make its finite
    difference meaningless.

    Raises:
      Rejected: no gap is wide enough for the displacement.
    """
    low, high = 0.93 * cutoff, 1.07 * cutoff
    heights = 1 / np.linalg.norm(np.linalg.inv(cell_33), axis=0)
    counts = np.ceil(high / heights).astype(int) + 1
    cells_m3 = np.stack(
        np.meshgrid(*(np.arange(-n, n + 1) for n in counts), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    between_ss3 = positions_s3[None, :] - positions_s3[:, None]
    distance = np.linalg.norm((cells_m3 @ cell_33)[:, None, None] + between_ss3, axis=-1).ravel()
    inside = distance[(distance > low) & (distance < high)]
    shells = np.concatenate([[low], np.sort(inside), [high]])
    widest = int(np.argmax(np.diff(shells)))
    if shells[widest + 1] - shells[widest] < 4 * displacement:
        raise Rejected(SHELL_AT_CUTOFF, f"no gap between shells near {cutoff:.2f} angstrom")
    return float(shells[widest] + shells[widest + 1]) / 2


def _best_size(energy_of: Callable[[float], float]) -> tuple[float, float]:
    """Size of lowest energy downhill from 1, and d2E/d(ln size)2 there, eV."""
    known = {}

    def at(step: int) -> float:
        if step not in known:
            known[step] = energy_of(_SIZE_STEP**step)
        return known[step]

    here = 0
    while not np.isfinite(at(here)) and here < _SIZE_STEPS:
        here += 1  # atoms are crowded
    while abs(here) < _SIZE_STEPS:
        sides = {side: at(here + side) for side in (-1, 1)}
        lower = min(sides, key=sides.get)
        if sides[lower] >= at(here):
            break
        here += lower
    else:
        raise Rejected(OUT_OF_BOUNDS, "no energy minimum for the size of the cell")
    below, lowest, above = at(here - 1), at(here), at(here + 1)
    if not np.isfinite(above) or not np.isfinite(lowest) or above == lowest:
        raise Rejected(OUT_OF_BOUNDS, "atoms do not bind")
    if not np.isfinite(below):
        below = above
    step = np.log(_SIZE_STEP)
    curvature = (below - 2 * lowest + above) / step**2
    return float(_SIZE_STEP**here * np.exp((below - above) / (2 * step * curvature))), curvature


class _Space:
    """Energy and gradient over the free strains and displacements of one structure.

    Displacements are measured in units of the diameter of an atom's share of the cell, which
    makes them about as stiff as strains.
    """

    def __init__(self, cell_33, positions_s3, numbers_s, potential: Potential, free: Freedom):
        self.start = (cell_33, positions_s3)
        self.crystal = (numbers_s, potential)
        self.free = free
        self.strains = len(free.strain_f33)
        self.size = self.strains + len(free.displacement_fs3)
        volume = abs(np.linalg.det(cell_33)) / len(positions_s3)
        self.unit = 2 * (volume * 3 / (4 * np.pi)) ** (1 / 3)

    def change_at(self, x_f) -> Float[np.ndarray, "3 3"]:
        """1 + strain; it acts on rows from the right."""
        return np.eye(3) + np.einsum("f,fcd->cd", x_f[: self.strains], self.free.strain_f33)

    def structure_at(self, x_f) -> Structure:
        cell_33, positions_s3 = self.start
        shift_s3 = np.einsum("f,fsc->sc", x_f[self.strains :], self.free.displacement_fs3)
        change_33 = self.change_at(x_f)
        return cell_33 @ change_33, (positions_s3 + self.unit * shift_s3) @ change_33

    def energy_and_gradient(self, x_f):
        """E in eV, and dE/dx by stress and forces."""
        if self.crystal[1].name in WITHOUT_STRESS:
            value, force_s3 = energy_and_forces(*self.structure_at(x_f), *self.crystal)
            strain_f = self._strain_gradient(x_f) if np.isfinite(value) else np.zeros(self.strains)
        else:
            value, force_s3, stress_33 = energy_forces_stress(
                *self.structure_at(x_f), *self.crystal
            )
            # the stress is the derivative with a strain on top of the one that is there
            pull_33 = np.linalg.solve(self.change_at(x_f).T, stress_33)
            strain_f = np.einsum("cd,fcd->f", pull_33, self.free.strain_f33)
        pull_s3 = force_s3 @ self.change_at(x_f)
        shift_f = -self.unit * np.einsum("fsc,sc->f", self.free.displacement_fs3, pull_s3)
        return value, np.concatenate([strain_f, shift_f])

    def _strain_gradient(self, x_f):
        sides = np.empty((2, self.strains))
        for f in range(self.strains):
            step_f = np.zeros_like(x_f)
            step_f[f] = _STRAIN_STEP
            sides[0, f] = energy(*self.structure_at(x_f - step_f), *self.crystal)
            sides[1, f] = energy(*self.structure_at(x_f + step_f), *self.crystal)
        return (sides[1] - sides[0]) / (2 * _STRAIN_STEP)


def _minimise(evaluate, curvature: float, n_strains: int, count: int):
    """Quasi-Newton (BFGS) with short steps that must not raise the energy."""
    # the size is a strain of norm sqrt(3) for unit ln(size)
    stiffness = max(curvature / 3, _SOFTEST)
    hessian_ff = np.eye(count) * stiffness
    x_f = np.zeros(count)
    value, gradient_f = evaluate(x_f)
    if not np.all(np.isfinite(gradient_f)):
        raise Rejected(OUT_OF_BOUNDS, "energy is not finite near the minimum")
    for _ in range(_ROUNDS):
        if np.max(np.abs(gradient_f)) < _SETTLED * stiffness:
            return x_f
        step_f = -np.linalg.solve(hessian_ff, gradient_f)
        step_f *= min(1.0, _LARGEST_STEP / np.max(np.abs(step_f)))
        for _ in range(_SHORTENINGS):
            next_value, next_gradient_f = evaluate(x_f + step_f)
            is_lower = next_value < value + 1e-9 * max(1.0, abs(value))
            if is_lower and np.all(np.isfinite(next_gradient_f)):
                break
            step_f *= 0.35
        else:
            raise Rejected(UNSETTLED, f"gradient {np.max(np.abs(gradient_f)):.1e} eV left")
        x_f, value = x_f + step_f, next_value
        _require_near(x_f, n_strains)
        change_f = next_gradient_f - gradient_f
        along = change_f @ step_f
        if along > 1e-3 * stiffness * (step_f @ step_f):  # keeps the Hessian positive
            bent_f = hessian_ff @ step_f
            hessian_ff = hessian_ff + np.outer(change_f, change_f) / along
            hessian_ff = hessian_ff - np.outer(bent_f, bent_f) / (step_f @ bent_f)
        gradient_f = next_gradient_f
    raise Rejected(UNSETTLED, f"gradient {np.max(np.abs(gradient_f)):.1e} eV left")


def _require_near(x_f, n_strains: int) -> None:
    strain = np.linalg.norm(x_f[:n_strains])
    displacement = np.max(np.abs(x_f[n_strains:]), initial=0.0)
    if strain > _LARGEST_STRAIN or displacement > _LARGEST_DISPLACEMENT:
        raise Rejected(OUT_OF_BOUNDS, f"strain {strain:.2f}, displacement {displacement:.2f}")
