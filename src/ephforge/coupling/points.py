"""Bands, phonons and complex couplings of a general model at any list of k and q points.

For comparisons with other codes and for users with points of their own; meshes go through
maps.py, which needs each k+q only once.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from ephforge.core.realspace import Model
from ephforge.coupling import longrange
from ephforge.coupling.matrix_elements import band_coupling, displacements
from ephforge.coupling.wannier import add_long_range, at_kq, at_q
from ephforge.electrons.bloch import bloch_sum, eigenpairs
from ephforge.phonons.modes import modes


class Couplings(NamedTuple):
    """What a model gives at points: energies and g in eV, g[q, k, v, m, n]."""

    energy_k: Float[np.ndarray, "k n"]
    energy_kq: Float[np.ndarray, "q k m"]
    frequency_q: Float[np.ndarray, "q v"]
    g: Complex[np.ndarray, "q k v m n"]


class _Arrays(NamedTuple):
    """The model as the kernel takes it."""

    electron_cells: Int[Array, "r 3"]
    energy: Complex[Array, "r a a"]
    lattice_cells: Int[Array, "l 3"]
    phi: Float[Array, "l s 3 s 3"]
    mass: Float[Array, " s"]
    phonon_cells: Int[Array, "p 3"]
    g_cells: Int[Array, "e 3"]
    g: Complex[Array, "p s 3 e a a"]
    dipoles: longrange.DipoleSum | None


def at_points(
    model: Model, k: Float[np.ndarray, "k 3"], q: Float[np.ndarray, "q 3"], soft_mode: float
) -> Couplings:
    """Couplings g_mnv(k, q) of a model with a Wannier coupling, in its own precision or better.

    Args:
      k, q: fractional.
      soft_mode: eV; modes softer than this get g = 0.
    """
    hopping, coupling, lattice = model.hopping, model.coupling, model.force_constants
    dipoles = None
    if model.long_range is not None:
        dipoles = longrange.dipole_sum(model.long_range, model.crystal)
    arrays = _Arrays(
        jnp.asarray(hopping.cells),
        jnp.asarray(hopping.energy, dtype=complex),
        jnp.asarray(lattice.cells),
        jnp.asarray(lattice.phi),
        jnp.asarray(model.crystal.masses),
        jnp.asarray(coupling.phonon_cells),
        jnp.asarray(coupling.electron_cells),
        jnp.asarray(coupling.g),
        dipoles,
    )
    per_q = [_one_q(arrays, jnp.asarray(k), jnp.asarray(q_3), soft_mode) for q_3 in q]
    energy_k, energy_kq, frequency_q, g = (np.stack(part) for part in zip(*per_q, strict=True))
    return Couplings(energy_k[0], energy_kq, frequency_q, g)


@partial(jax.jit, static_argnames="soft_mode")
def _one_q(arrays: _Arrays, k_k3: Float[Array, "k 3"], q_3: Float[Array, "3"], soft_mode: float):
    """Energies at k and k+q, phonon energies, and couplings of one q."""
    frequency_v, displacement_vsc = _phonons(arrays, q_3, soft_mode)
    g_scrab = at_q(q_3, arrays.phonon_cells, arrays.g)

    def one_k(k_3):
        initial_n, initial_bn = _bands(arrays, k_3)
        final_m, final_am = _bands(arrays, k_3 + q_3)
        gradient_scab = at_kq(k_3, arrays.g_cells, g_scrab)
        if arrays.dipoles is not None:
            field_sc = longrange.field(q_3, arrays.dipoles)
            gradient_scab = add_long_range(gradient_scab, field_sc)
        g_vmn = band_coupling(gradient_scab, final_am, initial_bn, displacement_vsc)
        return initial_n, final_m, g_vmn

    initial_kn, final_km, g_kvmn = jax.vmap(one_k)(k_k3)
    return initial_kn, final_km, frequency_v, g_kvmn


def _bands(arrays: _Arrays, k_3):
    return eigenpairs(bloch_sum(k_3, arrays.electron_cells, arrays.energy))


def _phonons(arrays: _Arrays, q_3, soft_mode: float):
    lattice = (arrays.lattice_cells, arrays.phi, arrays.mass)
    dynamical_dd = longrange.dynamical_matrix(q_3, *lattice, arrays.dipoles)
    frequency_v, polarisation_vd = modes(dynamical_dd)
    return frequency_v, displacements(frequency_v, polarisation_vd, arrays.mass, soft_mode)
