r"""What couplings must do as q -> 0: acoustic modes, the sum over atoms, and the polar field.

Acoustic   |g|^2 = hbar^2/(2 M E) |q.D|^2 with E ~ q: it vanishes like q for a mode without a
           macroscopic field; where strain polarises the crystal it grows like 1/q instead.
Translation   sum_s <n,k| dH/du_s(q=0) |n,k> = 0: moving the whole crystal shifts no band.
Polar      |g_LO| |q| tends to a constant (`polar_constants`).

A first-principles g obeys the second only to its own accuracy, and what is left over, d, adds
hbar^2/(2 M E) |d|^2 ~ 1/q to the first; exponents are therefore taken above that crossover.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ephforge.core.realspace import LongRange, Model
from ephforge.core.units import COULOMB, HBAR2_PER_DALTON
from ephforge.coupling import longrange
from ephforge.coupling.points import at_points
from ephforge.coupling.wannier import add_long_range, at_kq, at_q
from ephforge.electrons.bloch import bloch_sum, eigenpairs

# of no symmetry, so that bands are not degenerate and no element vanishes by symmetry
GENERIC_K = np.array([[0.13, 0.27, -0.31], [0.05, 0.21, 0.40], [0.33, -0.12, 0.08]])
DIRECTIONS = {"[100]": (1, 0, 0), "[110]": (1, 1, 0), "[111]": (1, 1, 1)}  # Cartesian
_ACOUSTIC = 3
_NO_SOFT_MODE = 1e-9  # eV; acoustic modes at the smallest q have 1e-6 eV


class SmallQ(NamedTuple):
    """Root mean square of |g_nnv(k, q)| over generic k and all bands n, along directions d.

    Attributes:
      size_q: |q|, 1/angstrom.
      strength_dqv: eV; modes in rising energy.
      energy_dqv: eV.
    """

    size_q: Float[np.ndarray, " q"]
    strength_dqv: Float[np.ndarray, "d q v"]
    energy_dqv: Float[np.ndarray, "d q v"]


def small_q(model: Model, size_q: Float[np.ndarray, " q"]) -> SmallQ:
    """Intraband couplings near Gamma, in the directions of `DIRECTIONS`."""
    strengths, energies = [], []
    for unit_3 in unit_vectors():
        q_q3 = size_q[:, None] * unit_3 @ model.crystal.cell.T / (2 * np.pi)
        found = at_points(model, GENERIC_K, q_q3, _NO_SOFT_MODE)
        diagonal_qkvn = np.einsum("qkvnn->qkvn", found.g)
        strengths.append(np.sqrt(np.mean(np.abs(diagonal_qkvn) ** 2, axis=(1, 3))))
        energies.append(found.frequency_q)
    return SmallQ(size_q, np.stack(strengths), np.stack(energies))


def unit_vectors() -> Float[np.ndarray, "d 3"]:
    """The directions, Cartesian, of length 1."""
    vector_d3 = np.array(list(DIRECTIONS.values()), float)
    return vector_d3 / np.linalg.norm(vector_d3, axis=1, keepdims=True)


def acoustic_exponents(
    found: SmallQ, window: tuple[float, float]
) -> dict[str, Float[np.ndarray, " d"]]:
    """Slope of log |g|^2 against log |q|, for the two lower modes together and the upper one.

    Args:
      window: smallest and largest |q| of the fit, 1/angstrom.
    """
    inside_q = (found.size_q >= window[0]) & (found.size_q <= window[1])
    x_q = np.log(found.size_q[inside_q])
    square_dqv = found.strength_dqv[:, inside_q, :_ACOUSTIC] ** 2
    # the two lower ones may be degenerate, where only their sum has a meaning
    branches = {"lower": square_dqv[..., :2].sum(axis=-1), "upper": square_dqv[..., 2]}
    return {
        name: np.array([np.polyfit(x_q, np.log(y_q), 1)[0] for y_q in square_dq])
        for name, square_dq in branches.items()
    }


class Translation(NamedTuple):
    """Diagonal of sum_s dH/du_s(q=0), largest over generic k, bands and directions, eV/angstrom.

    `single` is the same without the sum over atoms, `any_element` with all pairs of bands.
    """

    diagonal: float
    single: float
    any_element: float


def translation(model: Model) -> Translation:
    """How far the model is from the sum rule, and the sizes of what should cancel."""
    coupling, gamma_3 = model.coupling, jnp.zeros(3)
    hopping_cells_r3, cells_p3, cells_r3 = map(
        jnp.asarray, (model.hopping.cells, coupling.phonon_cells, coupling.electron_cells)
    )
    energy_rab = jnp.asarray(model.hopping.energy, dtype=complex)
    g_scrab = at_q(gamma_3, cells_p3, jnp.asarray(coupling.g))
    field_sc = None
    if model.long_range is not None:
        dipoles = longrange.dipole_sum(model.long_range, model.crystal)
        field_sca = longrange.field_at_atoms(gamma_3, dipoles)[:, :, model.hopping.site]

    @jax.vmap
    def elements(k_3):
        _, vector_an = eigenpairs(bloch_sum(k_3, hopping_cells_r3, energy_rab))
        gradient_scab = at_kq(k_3, cells_r3, g_scrab)
        if field_sc is not None:
            gradient_scab = add_long_range(gradient_scab, field_sca)
        return vector_an.conj().T @ gradient_scab @ vector_an

    element_kscmn = np.asarray(elements(GENERIC_K))
    diagonal_kscn = np.einsum("kscnn->kscn", element_kscmn)
    return Translation(
        float(np.abs(diagonal_kscn.sum(axis=1)).max()),
        float(np.abs(diagonal_kscn).max()),
        float(np.abs(element_kscmn).max()),
    )


def polar_constants(model: Model) -> Float[np.ndarray, "d v"]:
    r"""|g| |q| at q -> 0 in each direction, eV/angstrom, from the macroscopic field alone.

        lim |q| |g_nnv| = (4 pi e^2 / volume) | sum_s sqrt(hbar^2 / (2 M_s E_v))
                                               (n.Z_s.e_sv) / (n.eps.n) |        n = q/|q|

    The G = 0 term of Verdi and Giustino, Phys. Rev. Lett. 115, 176401 (2015), Eq. (4), where
    the overlap of the two states is 1.  The modes in direction n are those of the analytic part
    of the dynamical matrix at Gamma plus 4 pi e^2 / volume (n.Z_s)_c (n.Z_t)_d / (n.eps.n).
    """
    polar, mass_s = model.long_range, model.crystal.masses
    constants = model.force_constants
    analytic_dd = np.asarray(
        longrange.dynamical_matrix(
            jnp.zeros(3),
            *map(jnp.asarray, (constants.cells, constants.phi, mass_s)),
            longrange.dipole_sum(polar, model.crystal),
        )
    )
    strength = 4 * np.pi * COULOMB / abs(np.linalg.det(model.crystal.cell))
    return np.stack([_constants(analytic_dd, n, polar, mass_s, strength) for n in unit_vectors()])


def _constants(analytic_dd, unit_3, polar: LongRange, mass_s, strength: float):
    charge_d = (unit_3 @ polar.born).ravel() / np.repeat(np.sqrt(mass_s), 3)
    screening = unit_3 @ polar.dielectric @ unit_3
    full_dd = analytic_dd + strength / screening * np.outer(charge_d, charge_d)
    square_v, vector_dv = np.linalg.eigh(full_dd)
    energy_v = np.sqrt(HBAR2_PER_DALTON * np.maximum(square_v, 0))
    energy_v[:_ACOUSTIC] = np.inf  # no finite amplitude at Gamma, and no field of their own
    amplitude_v = np.sqrt(HBAR2_PER_DALTON / (2 * energy_v))
    return strength / screening * amplitude_v * np.abs(charge_d @ vector_dv)
