"""The lowest energy within a structure type, near a guess, within bounds.

First the size of the crystal is scanned; from the lowest inner minimum a quasi-Newton search
runs over the invariant strains and displacements (freedom.py), so that the space group is
kept.  Steps are short and go back where the energy rises or is infinite: potentials end at
cutoffs, and some give no energy for crowded atoms.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from ephforge.lattice.forces import Potential, energy, energy_and_forces
from ephforge.lattice.freedom import Freedom
from ephforge.lattice.rejection import OUT_OF_BOUNDS, SHELL_AT_CUTOFF, UNSETTLED, Rejected

_SIZES = np.geomspace(0.75, 1.3, 17)  # of the expected size
_LARGEST_STEP = 0.04  # of strains, and of displacements in units of `_unit`
_LARGEST_STRAIN = 0.25  # beyond the scan
_LARGEST_DISPLACEMENT = 0.4  # in units of `_unit`
_STRAIN_STEP = 1e-3  # of central differences; the error in the strain is near its square
_SETTLED = 2e-5  # the gradient that is left / the curvature of the size scan
_ROUNDS = 60
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
    start = (size * cell_33, size * positions_s3)
    unit = _unit(*start)

    def structure_at(x_f):
        return _deformed(*start, free, x_f, unit)

    def energy_at(x_f):
        return energy(*structure_at(x_f), numbers_s, potential)

    def gradient_at(x_f):
        return _gradient(energy_at, structure_at, numbers_s, potential, free, unit, x_f)

    x_f = _minimise(energy_at, gradient_at, curvature, len(free.strain_f33), _count(free))
    return structure_at(x_f)


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
    """Size of the lowest inner minimum of the scan, and d2E/d(ln size)2 there, eV."""
    values = np.array([energy_of(x) for x in _SIZES])
    finite = np.where(np.isfinite(values), values, np.inf)
    is_minimum = (finite[1:-1] < finite[:-2]) & (finite[1:-1] <= finite[2:])
    inner = 1 + np.flatnonzero(is_minimum & (finite[1:-1] < finite[-1]))
    if len(inner) == 0:
        raise Rejected(OUT_OF_BOUNDS, "no energy minimum for the size of the cell")
    best = inner[np.argmin(finite[inner])]
    step = np.log(_SIZES[1] / _SIZES[0])
    below, lowest, above = finite[best - 1 : best + 2]
    if not np.isfinite(below):
        below = above
    curvature = (below - 2 * lowest + above) / step**2
    return float(_SIZES[best] * np.exp((below - above) / (2 * step * curvature))), curvature


def _unit(cell_33: np.ndarray, positions_s3: np.ndarray) -> float:
    """Displacements are measured in units of the radius of an atom's share of the cell.

    That makes them about as stiff as strains.
    """
    return 2 * (abs(np.linalg.det(cell_33)) / len(positions_s3) * 3 / (4 * np.pi)) ** (1 / 3)


def _count(free: Freedom) -> int:
    return len(free.strain_f33) + len(free.displacement_fs3)


def _deformed(cell_33, positions_s3, free: Freedom, x_f, unit: float) -> Structure:
    n_strains = len(free.strain_f33)
    strain_33 = np.eye(3) + np.einsum("f,fcd->cd", x_f[:n_strains], free.strain_f33)
    moved_s3 = positions_s3 + unit * np.einsum("f,fsc->sc", x_f[n_strains:], free.displacement_fs3)
    return cell_33 @ strain_33, moved_s3 @ strain_33


def _gradient(energy_at, structure_at, numbers_s, potential, free: Freedom, unit: float, x_f):
    """dE/dx: strains by central differences of the energy, displacements from forces."""
    n_strains = len(free.strain_f33)
    gradient_f = np.empty(len(x_f))
    for f in range(n_strains):
        step_f = np.zeros_like(x_f)
        step_f[f] = _STRAIN_STEP
        gradient_f[f] = (energy_at(x_f + step_f) - energy_at(x_f - step_f)) / (2 * _STRAIN_STEP)
    if len(x_f) > n_strains:
        _, force_s3 = energy_and_forces(*structure_at(x_f), numbers_s, potential)
        strain_33 = np.eye(3) + np.einsum("f,fcd->cd", x_f[:n_strains], free.strain_f33)
        pull_s3 = force_s3 @ strain_33
        gradient_f[n_strains:] = -unit * np.einsum("fsc,sc->f", free.displacement_fs3, pull_s3)
    return gradient_f


def _minimise(energy_at, gradient_at, curvature: float, n_strains: int, count: int):
    """Quasi-Newton (BFGS) with short steps that must not raise the energy."""
    # the size is a strain of norm sqrt(3) for unit ln(size)
    hessian_ff = np.eye(count) * max(curvature / 3, 1e-3)
    settled = _SETTLED * max(curvature, 1e-3)
    x_f, value = np.zeros(count), energy_at(np.zeros(count))
    gradient_f = gradient_at(x_f)
    for _ in range(_ROUNDS):
        if not np.all(np.isfinite(gradient_f)):
            raise Rejected(OUT_OF_BOUNDS, "energy is not finite near the minimum")
        if np.max(np.abs(gradient_f)) < settled:
            return x_f
        step_f = -np.linalg.solve(hessian_ff, gradient_f)
        step_f *= min(1.0, _LARGEST_STEP / np.max(np.abs(step_f)))
        for _ in range(8):
            next_value = energy_at(x_f + step_f)
            if next_value < value + 1e-9 * max(1.0, abs(value)):
                break
            step_f *= 0.35
        else:
            raise Rejected(UNSETTLED, f"gradient {np.max(np.abs(gradient_f)):.1e} eV left")
        x_f, value = x_f + step_f, next_value
        _require_near(x_f, n_strains)
        next_gradient_f = gradient_at(x_f)
        change_f = next_gradient_f - gradient_f
        along = change_f @ step_f
        if along > 1e-3 * curvature * (step_f @ step_f):  # keeps the Hessian positive
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
