"""Wannier functions: trial orbitals projected on bands and made orthonormal.

In each k the trial functions are projected on the bands, each band with a weight from 1 to 0,
and Loewdin's orthonormalisation picks the orthonormal set nearest to the result.  In
an insulator the weights are the occupations, and the functions span the filled bands exactly.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points, point_number
from ephforge.threecentre.ground import Ground, Matter
from ephforge.threecentre.screening import steps

_DEPENDENT = 0.02  # smallest singular value of the projections, relative to the largest


class Trial(NamedTuple):
    """Mixtures of normalised Gaussians e^{-r^2 / 2 width^2}, times x, y or z where `axis` says so.

    Attributes:
      centre_a3: angstrom.
      axis_a: -1 for s, else the direction of a p orbital.
      width: angstrom.
      mixing_aa: unitary; column a holds the shares of the Gaussians in trial function a.
    """

    centre_a3: Float[np.ndarray, "a 3"]
    axis_a: Int[np.ndarray, " a"]
    width: float
    mixing_aa: Float[np.ndarray, "a a"]


class Functions(NamedTuple):
    """Wannier functions in plane waves, one entry per k.

    Attributes:
      coefficient_kga: like the states of the ground state.
      energy_kab: <a|H|b> at each k, eV.
      centre_a3: angstrom.
    """

    coefficient_kga: list
    energy_kab: Complex[np.ndarray, "k a a"]
    centre_a3: Float[np.ndarray, "a 3"]


def transform(wave_g3: Float[np.ndarray, "g 3"], trial: Trial) -> Complex[np.ndarray, "g a"]:
    """Fourier transforms of the trial functions at k + G, up to one factor."""
    phase_ga = np.exp(-1j * wave_g3 @ trial.centre_a3.T)
    gauss_g = np.exp(-np.sum(wave_g3**2, axis=1) * trial.width**2 / 2)
    # the transform of x e^{-x^2/2w^2} is that of the Gaussian times -i K w^2; its norm is w/sqrt 2
    angular_ga = np.ones(phase_ga.shape, dtype=complex)
    is_p_a = trial.axis_a >= 0
    angular_ga[:, is_p_a] = -1j * np.sqrt(2) * wave_g3[:, trial.axis_a[is_p_a]] * trial.width
    return (phase_ga * angular_ga * gauss_g[:, None]) @ trial.mixing_aa


def project(matter: Matter, ground: Ground, trial: Trial, weight_kn: list) -> Functions:
    """Wannier functions from trial functions and a weight of each band.

    Raises:
      EphforgeError: the trial functions do not tell the bands apart.
    """
    coefficient_kga, energy_kab = [], []
    for k, k_3 in enumerate(mesh_points(matter.mesh)):
        wave_g3 = (ground.index_kg3[k] + k_3) @ matter.waves.reciprocal_33
        overlap_na = ground.state_kgn[k].conj().T @ transform(wave_g3, trial)
        left_na, size_a, right_aa = np.linalg.svd(
            weight_kn[k][:, None] * overlap_na, full_matrices=False
        )
        if size_a[-1] < _DEPENDENT * size_a[0]:
            raise EphforgeError(
                f"three-centre electrons: trial orbitals are dependent ({size_a[-1]:.1e} of "
                f"{size_a[0]:.1e}), expected {_DEPENDENT} at least; draw other parameters"
            )
        mixing_na = left_na @ right_aa
        coefficient_kga.append(ground.state_kgn[k] @ mixing_na)
        energy_kab.append((mixing_na.conj().T * ground.energy_kn[k]) @ mixing_na)
    shift_a3 = _shifts(matter, ground, coefficient_kga, trial)
    return Functions(
        coefficient_kga, np.array(energy_kab), trial.centre_a3 + shift_a3 @ matter.crystal.cell
    )


def _shifts(
    matter: Matter, ground: Ground, coefficient_kga: list, trial: Trial
) -> Float[np.ndarray, "a 3"]:
    """How far the centres lie from those of the trial functions, fractional.

    The mean of e^{-2 pi i r_c / N_c} in a function, r_c its fractional coordinate, is the mean
    over k of the overlaps between k and its neighbour on the mesh; its phase gives the centre.
    """
    waves, mesh = matter.waves, np.array(matter.mesh)
    start_a3 = trial.centre_a3 @ np.linalg.inv(matter.crystal.cell)
    shift_a3 = np.zeros_like(start_a3)
    for c in np.flatnonzero(mesh > 1):
        neighbour = int(point_number(np.eye(3, dtype=int)[c], matter.mesh))
        mean_a = np.zeros(len(start_a3), dtype=complex)
        for k, step in enumerate(steps(matter.mesh, neighbour)):
            here_ga = np.vstack([coefficient_kga[k], np.zeros((1, len(start_a3)))])
            code_h = waves.code(ground.index_kg3[step.point] - step.fold_3)
            place_h = waves.positions(ground.index_kg3[k])[code_h]
            mean_a += np.sum(here_ga[place_h].conj() * coefficient_kga[step.point], axis=0)
        turned_a = mean_a * np.exp(2j * np.pi * start_a3[:, c] / mesh[c])
        shift_a3[:, c] = -np.angle(turned_a) * mesh[c] / (2 * np.pi)
    return shift_a3
