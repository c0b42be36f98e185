"""Electron-phonon matrix elements in the band and mode basis, for one k and one q.

    g[v,m,n] = <m,k+q| sum_sc u[v,s,c] dH/du_sc(q) |n,k>
    u[v,s,c] = sqrt(hbar^2 / (2 M_s E_v)) e[v,s,c]

u is the zero-point displacement of a mode: the root mean square amplitude of a harmonic
oscillator of mass M and energy E in its ground state is sqrt(hbar^2 / (2 M E)).
"""

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ephforge.core.units import HBAR2_PER_DALTON
from ephforge.coupling.products import Parts, products


def displacements(
    energy_v: Float[Array, " v"],
    polarisation_vd: Complex[Array, "v d"],
    mass_s: Float[Array, " s"],
    soft_mode: float | Float[Array, ""],
) -> Complex[Array, "v s 3"]:
    """Zero-point displacements of the modes at one q, angstrom.

    Args:
      energy_v: hbar omega, eV; negative for imaginary omega.
      polarisation_vd: orthonormal eigenvectors of the dynamical matrix, one mode per row, d
        the pairs (s, c); no mass factor.
      mass_s: dalton.
      soft_mode: eV; softer modes (acoustic ones at q = 0) get exactly zero.
    """
    is_soft_v = energy_v < soft_mode
    # masked before the root as well as after it: gradients stay finite
    safe_energy_v = jnp.where(is_soft_v, 1.0, energy_v)
    amplitude_vs = jnp.sqrt(HBAR2_PER_DALTON / (2 * safe_energy_v[:, None] * mass_s[None, :]))
    amplitude_vs = jnp.where(is_soft_v[:, None], 0.0, amplitude_vs)
    polarisation_vsc = polarisation_vd.reshape(len(energy_v), len(mass_s), 3)
    return amplitude_vs[:, :, None] * polarisation_vsc


def in_modes(weights: list[Parts], changes: list[Parts]) -> Parts:
    """Coupling g[v, m, n] in eV from what every displacement does between bands.

    Args:
      weights: [v, x], displacements (angstrom) or potentials (eV) of the modes.
      changes: [x, m, n], what they weigh; the sum over all of them is g.
    """
    n_final, n_initial = changes[0].real.shape[1:]
    flat = [Parts(*(part.reshape(part.shape[0], -1) for part in change)) for change in changes]
    found = products(*zip(weights, flat, strict=True))
    return Parts(*(part.reshape(-1, n_final, n_initial) for part in found))
