"""The electrons at rest: self-consistent states in plane waves on the mesh.

    H_k(G, G') = (hbar^2 / 2 M) |k+G|^2 delta_GG' + V(G - G')
    V(G) = V_ion(G) + K(G) n(G),    K(G) = 4 pi e^2 / G^2 - x,    0 < |G| < reach

n is the electron density, x the strength of a local exchange that is linear in the density.
Each spin has the same states.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.kpoints import mesh_points, negation_index
from ephforge.core.realspace import Crystal
from ephforge.core.units import BOHR, COULOMB, HARTREE
from ephforge.threecentre.ions import Ions, potential
from ephforge.threecentre.mixing import settle
from ephforge.threecentre.occupations import occupy
from ephforge.threecentre.plane_waves import Box, box, sphere

KINETIC = HARTREE * BOHR**2 / 2  # hbar^2 / 2m, eV angstrom^2
# eV: the first potential is that of the ions / (1 + 4 pi e^2 n / (this G^2))
_FIRST_STIFFNESS = 10.0


class Matter(NamedTuple):
    """What the electrons live in.

    Attributes:
      crystal, ions: the atoms.
      mesh: of wave vectors k.
      cutoff: largest |k+G| of a wave in a state, 1/angstrom.
      reach: largest |q+G| at which electrons feel each other, 1/angstrom.
      exchange: strength of the local exchange; 1 is that of the uniform gas of mean density.
      mass: M of the electrons, in units of their mass.
      smearing: k T of the occupations, eV; 0 fills the lowest bands, insulators only.
    """

    crystal: Crystal
    ions: Ions
    mesh: tuple[int, int, int]
    cutoff: float
    reach: float
    exchange: float
    mass: float
    smearing: float

    @property
    def electrons(self) -> int:
        """Electrons per cell."""
        return int(np.rint(np.sum(self.ions.charge_s)))

    @property
    def volume(self) -> float:
        """Of the cell, angstrom^3."""
        return float(abs(np.linalg.det(self.crystal.cell)))

    @property
    def waves(self) -> Box:
        """Box of all differences of waves that are looked up."""
        return box(self.crystal.cell, 2 * self.cutoff + self.reach)


class Ground(NamedTuple):
    """Electrons of a crystal at rest; lists have one entry per k.

    Attributes:
      index_kg3: waves of each k.
      energy_kn: bands, eV (all that the waves of k give).
      state_kgn: their coefficients, columns.
      occupation_kn: 0 to 1.
      fermi: eV.
      index_g3, potential_g: self-consistent V(G), eV, and its waves; no list over k.
      gap: lowest energy of the first band that an insulator leaves empty minus the highest of
        the last it fills, eV; not above 0 in a metal.
    """

    index_kg3: list
    energy_kn: list
    state_kgn: list
    occupation_kn: list
    fermi: float
    index_g3: Int[np.ndarray, "g 3"]
    potential_g: Complex[np.ndarray, " g"]
    gap: float


def kernel(length_g: Float[np.ndarray, " g"], matter: Matter) -> Float[np.ndarray, " g"]:
    """K of the equation above at wave vectors of these lengths, eV angstrom^3; 0 beyond reach.

    Dirac's exchange energy of the uniform gas, -(3/4) (3/pi)^(1/3) e^2 n^(4/3) per volume, has
    the second derivative -(1/3) (3/pi)^(1/3) e^2 n^(-2/3).
    """
    density = matter.electrons / matter.volume
    exchange = matter.exchange * (3 / np.pi) ** (1 / 3) / 3 * COULOMB * density ** (-2 / 3)
    acts_g = (length_g > 1e-9) & (length_g < matter.reach * (1 + 1e-9))
    safe_g = np.where(acts_g, length_g, 1.0)
    return np.where(acts_g, 4 * np.pi * COULOMB / safe_g**2 - exchange, 0.0)


class _Problem(NamedTuple):
    """What does not change from turn to turn; lists have one entry per k.

    Attributes:
      index_kg3, kinetic_kg: waves of each k, and hbar^2/2M |k+G|^2, eV.
      spots_kgh: where G - G' of each k stands among the waves of the potential.
      index_g3, length_g: waves of the potential and their lengths, 1/angstrom.
      ion_g, kernel_g: the ions' part and K of the equation of the module on them.
    """

    index_kg3: list
    kinetic_kg: list
    spots_kgh: list
    index_g3: Int[np.ndarray, "g 3"]
    ion_g: Complex[np.ndarray, " g"]
    kernel_g: Float[np.ndarray, " g"]
    length_g: Float[np.ndarray, " g"]


def solve(matter: Matter) -> Ground:
    """Self-consistent states.

    Raises:
      EphforgeError: the potential does not settle.
    """
    problem = _problem(matter)
    count, negative_k = len(problem.index_kg3), negation_index(matter.mesh)
    # k and -k have the same density
    kept_k = np.flatnonzero(np.arange(count) <= negative_k).tolist()
    weight_k = np.where(negative_k[kept_k] == kept_k, 1.0, 2.0) / count

    def turn(v_g):
        found = [_states(problem, v_g, k) for k in kept_k]
        occupation_kn, _ = occupy(
            [e for e, _ in found], weight_k, matter.electrons, matter.smearing
        )
        density_g = np.zeros(len(v_g), dtype=complex)
        for k, (_, state_gn), f_n, weight in zip(
            kept_k, found, occupation_kn, weight_k, strict=True
        ):
            density_g += weight * _density(state_gn, f_n, problem.spots_kgh[k], len(v_g))
        return problem.ion_g + problem.kernel_g * density_g / matter.volume

    pull = 4 * np.pi * COULOMB * matter.electrons / matter.volume / _FIRST_STIFFNESS
    square_g = np.where(problem.length_g > 0, problem.length_g, 1.0) ** 2
    v_g = settle(turn, problem.ion_g / (1 + pull / square_g))
    found = [_states(problem, v_g, k) for k in range(count)]
    energy_kn = [e for e, _ in found]
    occupation_kn, fermi = occupy(
        energy_kn, np.full(count, 1 / count), matter.electrons, matter.smearing
    )
    filled = matter.electrons // 2
    gap = min(e[filled] for e in energy_kn) - max(e[filled - 1] for e in energy_kn)
    return Ground(
        problem.index_kg3,
        energy_kn,
        [c for _, c in found],
        occupation_kn,
        float(fermi),
        problem.index_g3,
        v_g,
        float(gap),
    )


def _problem(matter: Matter) -> _Problem:
    waves = matter.waves
    index_g3 = sphere(waves, np.zeros(3), 2 * matter.cutoff)
    wave_g3 = index_g3 @ waves.reciprocal_33
    length_g = np.linalg.norm(wave_g3, axis=1)
    places_b = waves.positions(index_g3)
    index_kg3, kinetic_kg, spots_kgh = [], [], []
    for k_3 in mesh_points(matter.mesh):
        own_g3 = sphere(waves, k_3, matter.cutoff)
        index_kg3.append(own_g3)
        kinetic_kg.append(
            KINETIC / matter.mass * np.sum(((own_g3 + k_3) @ waves.reciprocal_33) ** 2, axis=1)
        )
        code_g = waves.code(own_g3)
        spots_kgh.append(places_b[code_g[:, None] - code_g[None]])
    ion_g = potential(wave_g3, matter.ions, matter.crystal)
    kernel_g = kernel(length_g, matter)
    return _Problem(index_kg3, kinetic_kg, spots_kgh, index_g3, ion_g, kernel_g, length_g)


def _states(problem: _Problem, v_g: Complex[np.ndarray, " g"], k: int):
    """Energies and coefficients at one k."""
    matrix_gh = v_g[problem.spots_kgh[k]]
    matrix_gh[np.diag_indices(len(matrix_gh))] += problem.kinetic_kg[k]
    return np.linalg.eigh(matrix_gh)


def _density(
    state_gn: Complex[np.ndarray, "g n"],
    occupation_n: Float[np.ndarray, " n"],
    spots_gh: Int[np.ndarray, "g g"],
    size: int,
) -> Complex[np.ndarray, " d"]:
    """Fourier coefficients (times the volume) of both spins' density at one k."""
    is_filled_n = occupation_n > 0
    part_gn = state_gn[:, is_filled_n]
    product_gh = 2 * (part_gn * occupation_n[is_filled_n]) @ part_gn.conj().T
    spots = spots_gh.ravel()
    real, imaginary = product_gh.real.ravel(), product_gh.imag.ravel()
    return np.bincount(spots, real, size) + 1j * np.bincount(spots, imaginary, size)
