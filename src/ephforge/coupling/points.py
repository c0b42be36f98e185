"""Bands, phonons and couplings of a model at any list of k and q points.

For comparisons with other codes and for users with points of their own; meshes go through
maps.py, which needs each k+q only once.  Points go through the kernel in chunks, so that
memory is that of the result.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Int

from ephforge.core.realspace import Model, TwoCentreCoupling
from ephforge.coupling import longrange, two_centre
from ephforge.coupling.degeneracy import shared_square, sharing
from ephforge.coupling.grid import Limits
from ephforge.coupling.matrix_elements import band_coupling, displacements
from ephforge.coupling.wannier import add_long_range, at_kq, at_q
from ephforge.electrons.bloch import bloch_sum, eigenpairs
from ephforge.phonons.modes import modes

_K_CHUNK = 512  # k points at once
_Q_CHUNK = 8  # q points at once: the first step of the general coupling reads all g once for them


class Couplings(NamedTuple):
    """What a model gives at points: energies and g in eV, g[q, k, v, m, n]."""

    energy_k: Float[np.ndarray, "k n"]
    energy_kq: Float[np.ndarray, "q k m"]
    frequency_q: Float[np.ndarray, "q v"]
    g: Complex[np.ndarray, "q k v m n"]


class Magnitudes(NamedTuple):
    """As `Couplings`, with |g| averaged over degenerate states, magnitude[q, k, v, m, n]."""

    energy_k: Float[np.ndarray, "k n"]
    energy_kq: Float[np.ndarray, "q k m"]
    frequency_q: Float[np.ndarray, "q v"]
    magnitude: Float[np.ndarray, "q k v m n"]


class _Arrays(NamedTuple):
    """The model as the kernel takes it.

    A general coupling has H on electron_cells and g on phonon_cells and g_cells; a two-centre
    one has two_centre.Electrons.  What a model does not have is None.
    """

    lattice_cells: Int[Array, "l 3"]
    phi: Inexact[Array, "l s 3 s 3"]
    mass: Float[Array, " s"]
    electron_cells: Int[Array, "r 3"] | None
    energy: Inexact[Array, "r a a"] | None
    phonon_cells: Int[Array, "p 3"] | None
    g_cells: Int[Array, "e 3"] | None
    g: Complex[Array, "p s 3 e a a"] | None
    site: Int[Array, " a"] | None
    two_centre: two_centre.Electrons | None
    dipoles: longrange.DipoleSum | None


def at_points(
    model: Model, k: Float[np.ndarray, "k 3"], q: Float[np.ndarray, "q 3"], soft_mode: float
) -> Couplings:
    """Couplings g_mnv(k, q) in the model's own precision or better.

    Args:
      k, q: fractional.
      soft_mode: eV; modes softer than this get g = 0.
    """
    arrays = _arrays(model)
    parts = [_complex_chunk(arrays, k, chunk_q3, soft_mode) for chunk_q3, _ in _chunks(q)]
    return Couplings(*_joined(parts, len(q)))


def magnitudes(
    model: Model, k: Float[np.ndarray, "k 3"], q: Float[np.ndarray, "q 3"], limits: Limits
) -> Iterator[Magnitudes]:
    """|g_mnv(k, q)| for one chunk of q after the other.

    Args:
      k, q: fractional.
      limits: degeneracy tolerance and soft-mode energy.
    """
    arrays = _arrays(model)
    for chunk_q3, count in _chunks(q):
        found = jax.device_get(_shared_chunk(arrays, k, chunk_q3, limits))
        energy_k, energy_kq, frequency_q, square = _joined([found], count)
        yield Magnitudes(energy_k, energy_kq, frequency_q, np.sqrt(square))


def _chunks(q_q3: Float[np.ndarray, "q 3"]) -> Iterator[tuple[Float[np.ndarray, "c 3"], int]]:
    """Chunks of one length, the last one filled up, so that one kernel is compiled."""
    length = min(len(q_q3), _Q_CHUNK)
    for first in range(0, len(q_q3), length):
        chunk_q3 = q_q3[first : first + length]
        count = len(chunk_q3)
        yield np.concatenate([chunk_q3, np.repeat(chunk_q3[-1:], length - count, axis=0)]), count


def _joined(parts: list, count: int) -> tuple:
    """Chunks one after the other, cut to the number of q; energies at k do not depend on q."""
    initial, *rest = zip(*parts, strict=True)
    return (np.asarray(initial[0][0]), *(np.concatenate(part)[:count] for part in rest))


def _arrays(model: Model) -> _Arrays:
    hopping, coupling, lattice = model.hopping, model.coupling, model.force_constants
    dipoles = None
    if model.long_range is not None:
        dipoles = longrange.dipole_sum(model.long_range, model.crystal)
    own = [lattice.cells, lattice.phi, model.crystal.masses]
    if isinstance(coupling, TwoCentreCoupling):
        own += [None] * 6 + [two_centre.electrons(hopping, coupling, len(model.crystal.masses))]
    else:
        own += [hopping.cells, hopping.energy, coupling.phonon_cells, coupling.electron_cells]
        own += [coupling.g, hopping.site, None]
    return _Arrays(*jax.tree.map(jnp.asarray, own), dipoles)


@partial(jax.jit, static_argnames="soft_mode")
def _complex_chunk(
    arrays: _Arrays, k_k3: Float[Array, "k 3"], q_q3: Float[Array, "q 3"], soft_mode: float
):
    """Energies at k and k+q, phonon energies, and g, for each q."""

    def one_pair(initial_n, final_m, frequency_v, g_vmn):
        return g_vmn

    return _over_pairs(arrays, k_k3, q_q3, soft_mode, one_pair)


@jax.jit
def _shared_chunk(
    arrays: _Arrays, k_k3: Float[Array, "k 3"], q_q3: Float[Array, "q 3"], limits: Limits
):
    """The same with |g|^2 averaged over groups of degenerate states."""

    def one_pair(initial_n, final_m, frequency_v, g_vmn):
        averages = (sharing(e, limits.degeneracy) for e in (frequency_v, final_m, initial_n))
        return shared_square(g_vmn, *averages)

    return _over_pairs(arrays, k_k3, q_q3, limits.soft_mode, one_pair)


def _over_pairs(arrays: _Arrays, k_k3, q_q3, soft_mode, one_pair):
    """Apply one_pair(energies, g) to all pairs; leading axis q everywhere."""

    def one_q(inputs):
        q_3, g_scrab = inputs
        frequency_v, displacement_vsc = _phonons(arrays, q_3, soft_mode)
        couple_k = _general(arrays, q_3, g_scrab, displacement_vsc)
        if g_scrab is None:
            couple_k = _two_centre(arrays, q_3, displacement_vsc)

        def one_k(k_3):
            initial_n, final_m, g_vmn = couple_k(k_3)
            return initial_n, final_m, one_pair(initial_n, final_m, frequency_v, g_vmn)

        initial_kn, final_km, result_k = jax.lax.map(one_k, k_k3, batch_size=_K_CHUNK)
        return initial_kn, final_km, frequency_v, result_k

    g_qscrab = None
    if arrays.g is not None:
        g_qscrab = jax.vmap(at_q, (0, None, None))(q_q3, arrays.phonon_cells, arrays.g)
    return jax.lax.map(one_q, (q_q3, g_qscrab))


def _two_centre(arrays: _Arrays, q_3, displacement_vsc):
    """k -> energies at k and at k+q, and g[v, m, n], at one q."""
    electrons = arrays.two_centre
    field_tcsoo = rigid_csoo = dipole_sct = None
    if electrons.field_rtcsoo is not None:
        field_tcsoo = bloch_sum(q_3, electrons.cells_r3, electrons.field_rtcsoo)
        rigid_csoo = jnp.sum(electrons.field_rtcsoo, axis=(0, 1))
    if arrays.dipoles is not None:
        dipole_sct = longrange.field_at_atoms(q_3, arrays.dipoles)
    wave = two_centre.wave(displacement_vsc, field_tcsoo, rigid_csoo, dipole_sct)
    size = electrons.energy_rab.shape[-1]

    def ends(k_3):
        at_k = two_centre.matrices(k_3, electrons)
        return two_centre.ends(at_k, electrons.slot_so, size, arrays.dipoles is not None)

    def couple_k(k_3):
        (initial_n, initial), (final_m, final) = ends(k_3), ends(k_3 + q_3)
        return initial_n, final_m, two_centre.couple(initial, final, wave)

    return couple_k


def _general(arrays: _Arrays, q_3, g_scrab, displacement_vsc):
    """The same for a general coupling, from g after its first Fourier step."""

    def couple_k(k_3):
        initial_n, initial_bn = _bands(arrays, k_3)
        final_m, final_am = _bands(arrays, k_3 + q_3)
        gradient_scab = at_kq(k_3, arrays.g_cells, g_scrab)
        if arrays.dipoles is not None:
            field_sca = longrange.field_at_atoms(q_3, arrays.dipoles)[:, :, arrays.site]
            gradient_scab = add_long_range(gradient_scab, field_sca)
        g_vmn = band_coupling(gradient_scab, final_am, initial_bn, displacement_vsc)
        return initial_n, final_m, g_vmn

    return couple_k


def _bands(arrays: _Arrays, k_3):
    return eigenpairs(bloch_sum(k_3, arrays.electron_cells, arrays.energy))


def _phonons(arrays: _Arrays, q_3, soft_mode):
    lattice = (arrays.lattice_cells, arrays.phi, arrays.mass)
    dynamical_dd = longrange.dynamical_matrix(q_3, *lattice, arrays.dipoles)
    frequency_v, polarisation_vd = modes(dynamical_dd)
    return frequency_v, displacements(frequency_v, polarisation_vd, arrays.mass, soft_mode)
