r"""Linewidths of carriers near a band edge by phonons, on dense meshes; polar materials too.

    Gamma_nk = 2 pi / N sum_{k',m,v} |g_mnv(k,q)|^2 {n_qv delta(E_m,k' - E_nk - hbar omega_qv)
                                            + (n_qv + 1) delta(E_m,k' - E_nk + hbar omega_qv)}

with E the energies of carriers (carriers.py) and q = +-(k' - k): Giustino, Rev. Mod. Phys. 89,
015003 (2017), Eq. (169), where bands are empty of carriers.  The deltas are Gaussians.  k and k'
are points of one mesh of N; k' runs over all of them that a carrier can reach, k over those asked
for.  Each q is on the mesh: its phonons, zero-point displacements and dipole field are found once.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from ephforge.core.kpoints import point_number
from ephforge.core.realspace import Model
from ephforge.coupling import longrange
from ephforge.coupling.matrix_elements import displacements
from ephforge.observables.block_sums import bose
from ephforge.observables.carriers import Carriers, averaged
from ephforge.observables.fermi import delta
from ephforge.phonons.modes import modes

_AT_ONCE = 64  # q of one compiled step


class Waves(NamedTuple):
    """Phonons at some q of a mesh.

    Attributes:
      place_q: where the point with a number stands in the arrays, -1 where it was not asked for.
      energy_qv: eV.
      displacement_qvd: zero-point displacements, angstrom; soft modes have none.
      field_qd: dipole field at every orbital, eV/angstrom.
      phase_qp: e^{2 pi i q.Rp}.
    """

    place_q: Int[np.ndarray, " n"]
    energy_qv: Float[np.ndarray, "q v"]
    displacement_qvd: Complex[np.ndarray, "q v d"]
    field_qd: Complex[np.ndarray, "q d"]
    phase_qp: Complex[np.ndarray, "q p"]


def linewidths(
    model: Model,
    initial: Carriers,
    final: Carriers,
    broadenings: list[float],
    temperature: float,
    soft_mode: float,
) -> Float[np.ndarray, "b k n"]:
    """Linewidths Gamma = hbar / tau, eV, for several broadenings from the same couplings.

    Args:
      initial, final: of one mesh; `final` holds all that phonons can lead to.
      broadenings: standard deviations of the Gaussians, eV.
      temperature: of the phonons, kelvin.
      soft_mode: eV; softer modes do not couple.
    """
    mesh = final.mesh
    step_kj = [_steps(index_3, final, mesh) for index_3 in initial.index_k3]
    waves = _waves(model, np.unique(step_kj), mesh, soft_mode)
    width_bkn = np.zeros((len(broadenings), *initial.energy_kn.shape))
    coupling = model.coupling
    g_prx = np.moveaxis(coupling.g, 3, 1).reshape(
        len(coupling.phonon_cells), len(coupling.electron_cells), -1
    )
    shape = (-1, *coupling.g.shape[4:])
    for k, (index_3, step_j) in enumerate(zip(initial.index_k3, step_kj, strict=True)):
        phase_r = np.exp(2j * np.pi * coupling.electron_cells @ (index_3 / np.asarray(mesh)))
        gradient_pdab = np.einsum("r,prx->px", phase_r, g_prx).reshape(len(g_prx), *shape)
        square_jvmn, energy_jv = _squares(
            gradient_pdab, initial.vector_kan[k], final, waves, waves.place_q[step_j]
        )
        width_bkn[:, k] = _sums(
            square_jvmn, energy_jv, initial.energy_kn[k], final.energy_kn,
            (np.asarray(broadenings), temperature, soft_mode),
        )  # fmt: skip
    return averaged(width_bkn * (2 * np.pi / np.prod(mesh)), initial.energy_kn)


def _steps(index_3, final: Carriers, mesh) -> Int[np.ndarray, " j"]:
    """Numbers of the points k' - k."""
    return point_number(final.index_k3 - index_3, mesh)


def _waves(model: Model, number_q: Int[np.ndarray, " q"], mesh, soft_mode: float) -> Waves:
    q_q3 = np.stack(np.unravel_index(number_q, mesh), axis=-1) / np.asarray(mesh, float)
    constants, dipoles = model.force_constants, None
    if model.long_range is not None:
        dipoles = longrange.dipole_sum(model.long_range, model.crystal)
    lattice = tuple(map(jnp.asarray, (constants.cells, constants.phi, model.crystal.masses)))
    missing = -len(q_q3) % _AT_ONCE
    padded = np.concatenate([q_q3, np.repeat(q_q3[-1:], missing, axis=0)])
    parts = [
        jax.device_get(_phonons(part, lattice, dipoles, soft_mode))
        for part in padded.reshape(-1, _AT_ONCE, 3)
    ]
    found = [np.concatenate(one)[: len(q_q3)] for one in zip(*parts, strict=True)]
    place_q = np.full(int(np.prod(mesh)), -1)
    place_q[number_q] = np.arange(len(number_q))
    phase_qp = np.exp(2j * np.pi * q_q3 @ model.coupling.phonon_cells.T)
    return Waves(place_q, *found, phase_qp)


@jax.jit
def _phonons(q_q3: Float[Array, "q 3"], lattice: tuple, dipoles, soft_mode: Float[Array, ""]):
    """Energies, displacements and dipole fields."""

    def one(q_3):
        energy_v, polarisation_vd = modes(longrange.dynamical_matrix(q_3, *lattice, dipoles))
        displacement_vsc = displacements(energy_v, polarisation_vd, lattice[2], soft_mode)
        field_d = jnp.zeros(len(energy_v), complex)
        if dipoles is not None:
            field_d = longrange.field(q_3, dipoles).ravel()
        return energy_v, displacement_vsc.reshape(polarisation_vd.shape), field_d

    return jax.vmap(one)(q_q3)


def _squares(gradient_pdab, initial_an, final: Carriers, waves: Waves, place_j):
    """|g|^2 (eV^2) from the states at one k to all final ones, and the energies of the phonons."""
    ket_pdan = gradient_pdab @ initial_an
    ket_jdan = (waves.phase_qp[place_j] @ ket_pdan.reshape(len(ket_pdan), -1)).reshape(
        -1, *ket_pdan.shape[1:]
    )
    ket_jdan += waves.field_qd[place_j][:, :, None, None] * initial_an
    ket_jvan = np.einsum("jvd,jdan->jvan", waves.displacement_qvd[place_j], ket_jdan, optimize=True)
    bra_jma = final.vector_kan.conj().swapaxes(1, 2)
    element_jvmn = bra_jma[:, None] @ ket_jvan
    return np.abs(element_jvmn) ** 2, waves.energy_qv[place_j]


def _sums(square_jvmn, energy_jv, initial_n, final_jm, how) -> Float[np.ndarray, "b n"]:
    """Sum over final states and modes of |g|^2 times occupations and Gaussians."""
    width_b, temperature, soft_mode = how
    is_hard_jv = energy_jv >= soft_mode
    safe_jv = np.where(is_hard_jv, energy_jv, 1.0)
    number_jv = np.where(is_hard_jv, bose(safe_jv, temperature), 0.0)
    rise_jmn = final_jm[:, :, None] - initial_n
    found_bn = np.zeros((len(width_b), len(initial_n)))
    for b, width in enumerate(width_b):
        for v in range(energy_jv.shape[1]):
            energy_j11 = safe_jv[:, v, None, None]
            absorbed_jmn = number_jv[:, v, None, None] * delta(rise_jmn - energy_j11, width)
            emitted_jmn = (number_jv[:, v] + 1)[:, None, None] * delta(rise_jmn + energy_j11, width)
            found_bn[b] += np.sum(square_jvmn[:, v] * (absorbed_jmn + emitted_jmn), axis=(0, 1))
    return found_bn
