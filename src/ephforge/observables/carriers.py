r"""Carriers near a band edge, and the mobility that their lifetimes give.

Energies of carriers count from the band edge into the band: E - E_edge for electrons, E_edge - E
for holes, never negative.  Few carriers: occupations are Boltzmann's, and the self-energy
relaxation-time approximation (Ponce et al., Rep. Prog. Phys. 83, 036501 (2020), Sec. 5) reads

    mu = (e / 3 k_B T) sum_nk e^{-E_nk/k_B T} v_nk^2 tau_nk / sum_nk e^{-E_nk/k_B T}

tau = hbar / Gamma; v = (dE/dk) / hbar.  It is the mean of the three principal mobilities, which
symmetry leaves as it is, so that irreducible k alone enter.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices
from ephforge.core.realspace import Hopping
from ephforge.core.units import KELVIN
from ephforge.observables.mesh import states

_SAME = 1e-5  # eV, energies within which states are degenerate
_HBAR = 6.582119569e-16  # eV s
_SQUARE_CM = 1e-16  # per square angstrom


class Carriers(NamedTuple):
    """States of a band edge on a mesh: the points where one is near, all bands of that side.

    Attributes:
      mesh, index_k3: the mesh, and integer coordinates of its points.
      energy_kn: carrier energies, eV.
      vector_kan: eigenvectors, columns.
      is_near_kn: states within the reach.
      is_hole: whether E falls where carrier energies rise.
    """

    mesh: tuple[int, int, int]
    index_k3: Int[np.ndarray, "k 3"]
    energy_kn: Float[np.ndarray, "k n"]
    vector_kan: Complex[np.ndarray, "k a n"]
    is_near_kn: Bool[np.ndarray, "k n"]
    is_hole: bool

    def take(self, chosen_k: Int[np.ndarray, " k"]) -> "Carriers":
        """Some of the points."""
        return self._replace(
            index_k3=self.index_k3[chosen_k],
            energy_kn=self.energy_kn[chosen_k],
            vector_kan=self.vector_kan[chosen_k],
            is_near_kn=self.is_near_kn[chosen_k],
        )


def carriers(
    hopping: Hopping, mesh: tuple[int, int, int], filled: int, is_hole: bool, reach: float
) -> Carriers:
    """Carriers of a model up to an energy.

    Args:
      filled: bands that are full.
      reach: largest carrier energy, eV.

    Raises:
      EphforgeError: the model has no band of that side.
    """
    count = len(hopping.site)
    bands = slice(0, filled) if is_hole else slice(filled, count)
    if not 0 <= filled <= count or bands.start == bands.stop:
        raise EphforgeError(
            f"{filled} of {count} bands filled: no band is left for "
            f"{'holes' if is_hole else 'electrons'}; correct the number of filled bands"
        )
    energy_kn, vector_kan = states(hopping, mesh)
    energy_kn, vector_kan = energy_kn[:, bands], vector_kan[:, :, bands]
    energy_kn = energy_kn.max() - energy_kn if is_hole else energy_kn - energy_kn.min()
    near_kn = energy_kn <= reach
    near_k = np.flatnonzero(near_kn.any(axis=1))
    return Carriers(
        mesh, mesh_indices(mesh)[near_k], energy_kn[near_k], vector_kan[near_k],
        near_kn[near_k], is_hole,
    )  # fmt: skip


def slopes_squared(
    hopping: Hopping, cell_33: Float[np.ndarray, "3 3"], found: Carriers
) -> Float[np.ndarray, "k n"]:
    """|dE/dk|^2 in (eV angstrom)^2; degenerate states have the mean of theirs.

    <m|dH/dk|n> within a group of degenerate states is a matrix; the mean of its squares over the
    group has no gauge.
    """
    k_k3 = found.index_k3 / np.asarray(found.mesh)
    phase_kr = np.exp(2j * np.pi * k_k3 @ hopping.cells.T)
    place_r3 = hopping.cells @ cell_33
    change_crab = 1j * place_r3.T[:, :, None, None] * hopping.energy
    same_kmn = np.abs(found.energy_kn[:, :, None] - found.energy_kn[:, None, :]) < _SAME
    total_kn = np.zeros(found.energy_kn.shape)
    bra_kna = found.vector_kan.conj().swapaxes(1, 2)
    for change_rab in change_crab:
        slope_kmn = bra_kna @ np.tensordot(phase_kr, change_rab, 1) @ found.vector_kan
        total_kn += np.sum(np.abs(slope_kmn) ** 2 * same_kmn, axis=1)
    return averaged(total_kn, found.energy_kn)


def averaged(
    value_kn: Float[np.ndarray, "*b k n"], energy_kn: Float[np.ndarray, "k n"]
) -> Float[np.ndarray, "*b k n"]:
    """Mean over degenerate bands."""
    same_kmn = np.abs(energy_kn[:, :, None] - energy_kn[:, None, :]) < _SAME
    return np.einsum("...kn,kmn->...km", value_kn, same_kmn) / same_kmn.sum(axis=2)


def mobility(
    found: Carriers,
    square_kn: Float[np.ndarray, "k n"],
    width_kn: Float[np.ndarray, "k n"],
    weight_k: Float[np.ndarray, " k"],
    temperature: float,
) -> float:
    """Mobility in cm^2/Vs; states outside the reach do not count.

    Args:
      square_kn: |dE/dk|^2, (eV angstrom)^2.
      width_kn: Gamma = hbar / tau, eV.
      weight_k: of the points; any norm.
      temperature: kelvin.
    """
    thermal = KELVIN * temperature
    share_kn = weight_k[:, None] * np.exp(-found.energy_kn / thermal) * found.is_near_kn
    safe_kn = np.where(found.is_near_kn, width_kn, 1.0)
    mean = float(np.sum(share_kn * square_kn / safe_kn) / np.sum(share_kn))
    return mean / (3 * thermal) / _HBAR * _SQUARE_CM
