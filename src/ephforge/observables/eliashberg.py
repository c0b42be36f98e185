r"""Electron-phonon coupling at the Fermi level of a metal: lambda_qv, alpha2F, lambda, T_c.

    lambda_qv = 2/(N_F E_qv) 1/N_k sum_{k,mn} |g_mnv(k,q)|^2 delta(E_nk - E_F) delta(E_m,k+q - E_F)
    alpha2F(E) = 1/2 sum_q w_q sum_v E_qv lambda_qv delta(E - E_qv)
    lambda = 2 int alpha2F(E)/E dE = sum_qv w_q lambda_qv

N_F is the density of states per spin and cell, E_qv = hbar omega_qv, w_q the weights of the
irreducible q.  This is Eqs. (2)-(4) of appendix A of the PHonon user's guide of Quantum ESPRESSO:
the linewidth gamma_qv = 2 pi E_qv (double sum) put into lambda_qv = gamma_qv / (pi N_F E_qv^2).

The deltas are Gaussians on a mesh that is rarely dense enough for their width, so that the
density of states they see, N_b, scatters about N_F by several per cent, and the double sum
about N_F^2.  What such a mesh gives well is the mean of |g|^2 over pairs of states: the double
sum is divided by N_b^2 and multiplied by N_F^2, with N_F from tetrahedra on a denser mesh.

Only pairs of states near E_F enter.  They are picked first; dH/du is then summed over Re on
the whole k mesh by FFT, one displacement at a time, and contracted for the picked pairs only.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.integrate
from jaxtyping import Array, Complex, Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices, point_number
from ephforge.core.realspace import Model
from ephforge.core.symmetry import reciprocal_operations
from ephforge.core.units import KELVIN
from ephforge.coupling.matrix_elements import displacements
from ephforge.coupling.wannier import at_q
from ephforge.observables.fermi import FermiLevel, delta
from ephforge.observables.mesh import irreducible, on_mesh, states
from ephforge.phonons.modes import dynamical_matrix, modes

_REACH = 4.0  # broadenings; a Gaussian has 6e-5 of its weight beyond


class ModeCouplings(NamedTuple):
    """lambda_qv at the irreducible q, for several broadenings b.

    Attributes:
      broadening_b: standard deviations of the Gaussians, eV.
      density_b: the density of states they see on the k mesh, per eV, cell and spin.
      weight_q: of the irreducible q, sum 1.
      energy_qv: phonon energies, eV.
      lambda_bqv: zero for modes softer than the soft-mode energy.
      pairs: pairs of states that were summed.
    """

    broadening_b: Float[np.ndarray, " b"]
    density_b: Float[np.ndarray, " b"]
    weight_q: Float[np.ndarray, " q"]
    energy_qv: Float[np.ndarray, "q v"]
    lambda_bqv: Float[np.ndarray, "b q v"]
    pairs: int


class _Shell(NamedTuple):
    """States near the Fermi level on the k mesh: which, their vectors, their deltas."""

    is_near_kn: np.ndarray
    vector_kan: np.ndarray
    delta_bkn: np.ndarray


class _Pairs(NamedTuple):
    """Pairs of states: number of k, vectors of the two, product of the two deltas."""

    k_p: Int[np.ndarray, " p"]
    initial_pa: Complex[np.ndarray, "p a"]
    final_pa: Complex[np.ndarray, "p a"]
    weight_bp: Float[np.ndarray, "b p"]


def mode_couplings(
    model: Model,
    fermi: FermiLevel,
    k_mesh: tuple[int, int, int],
    q_mesh: tuple[int, int, int],
    broadenings: list[float],
    soft_mode: float,
) -> ModeCouplings:
    """lambda_qv of a metal on dense meshes, all broadenings from the same couplings.

    Args:
      fermi: level and density of states (fermi.py).
      k_mesh, q_mesh: the second must divide the first.
      broadenings: standard deviations of the Gaussians, eV.
      soft_mode: eV; softer modes (acoustic ones at q = 0) get lambda = 0.

    Raises:
      EphforgeError: the model is polar, that is, of an insulator.
    """
    if model.long_range is not None:
        raise EphforgeError(
            f"{model.name}: polar, but listed in observables.metals as a metal; take it off"
        )
    width_b = np.asarray(broadenings, float)
    shell = _shell(model, fermi.energy, k_mesh, width_b)
    density_b = shell.delta_bkn.sum(axis=(1, 2)) / len(shell.is_near_kn)
    crystal, coupling = model.crystal, model.coupling
    operations_g33 = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    number_q, weight_q = irreducible(operations_g33, q_mesh)
    lattice = _lattice(model)
    energies, sums, count = [], [], 0
    for index_3 in mesh_indices(q_mesh)[number_q]:
        step_3 = index_3 * (np.asarray(k_mesh) // np.asarray(q_mesh))
        pairs = _pairs(shell, point_number(mesh_indices(k_mesh) + step_3, k_mesh))
        energy_v, displacement_vd, g_scrab = jax.device_get(
            _at_q(index_3 / np.asarray(q_mesh), lattice, soft_mode)
        )
        element_dp = _elements(g_scrab, coupling.electron_cells, k_mesh, pairs)
        sums.append(np.abs(displacement_vd @ element_dp) ** 2 @ pairs.weight_bp.T)
        energies.append(energy_v)
        count += len(pairs.k_p)
    energy_qv = np.stack(energies)
    # zero displacements make the sums of soft modes vanish; their energy may be 0 or imaginary
    safe_energy_qv = np.where(energy_qv < soft_mode, 1.0, energy_qv)
    mean_bqv = np.moveaxis(np.stack(sums), -1, 0) / len(shell.is_near_kn)
    mean_bqv /= density_b[:, None, None] ** 2
    lambda_bqv = 2 * fermi.density * mean_bqv / safe_energy_qv
    return ModeCouplings(width_b, density_b, weight_q, energy_qv, lambda_bqv, count)


def _shell(model: Model, level: float, k_mesh, width_b: Float[np.ndarray, " b"]) -> _Shell:
    energy_kn, vector_kan = states(model.hopping, k_mesh)
    is_near_kn = np.abs(energy_kn - level) < _REACH * width_b.max()
    return _Shell(is_near_kn, vector_kan, delta(energy_kn - level, width_b[:, None, None]))


def _lattice(model: Model) -> tuple:
    """What the kernel of one q needs, put on the device once."""
    constants, coupling = model.force_constants, model.coupling
    return tuple(
        map(
            jnp.asarray,
            (
                constants.cells,
                constants.phi,
                model.crystal.masses,
                coupling.phonon_cells,
                np.asarray(coupling.g, complex),
            ),
        )
    )


@jax.jit
def _at_q(q_3: Float[Array, "3"], lattice: tuple, soft_mode: Float[Array, ""]):
    """Phonon energies (eV), zero-point displacements (angstrom), dH/du summed over Rp."""
    cells_r3, phi_rsctd, mass_s, cells_p3, g_pscrab = lattice
    energy_v, polarisation_vd = modes(dynamical_matrix(q_3, cells_r3, phi_rsctd, mass_s))
    displacement_vsc = displacements(energy_v, polarisation_vd, mass_s, soft_mode)
    return energy_v, displacement_vsc.reshape(polarisation_vd.shape), at_q(q_3, cells_p3, g_pscrab)


def _pairs(shell: _Shell, final_k: Int[np.ndarray, " k"]) -> _Pairs:
    """Pairs (n,k), (m,k+q) whose states are both near the Fermi level."""
    both_kmn = shell.is_near_kn[final_k][:, :, None] & shell.is_near_kn[:, None, :]
    k_p, m_p, n_p = np.nonzero(both_kmn)
    return _Pairs(
        k_p,
        shell.vector_kan[k_p, :, n_p],
        shell.vector_kan[final_k[k_p], :, m_p],
        shell.delta_bkn[:, k_p, n_p] * shell.delta_bkn[:, final_k[k_p], m_p],
    )


def _elements(
    g_scrab: Complex[np.ndarray, "s 3 r a a"],
    cells_r3: Int[np.ndarray, "r 3"],
    k_mesh: tuple[int, int, int],
    pairs: _Pairs,
) -> Complex[np.ndarray, "d p"]:
    """<m,k+q| dH/du_d |n,k> of the pairs, eV/angstrom; memory is that of one d on the mesh."""
    element_dp = np.empty((3 * len(g_scrab), len(pairs.k_p)), complex)
    for d, g_rab in enumerate(g_scrab.reshape(-1, *g_scrab.shape[2:])):
        gradient_pab = on_mesh(cells_r3, g_rab, k_mesh)[pairs.k_p]
        ket_pa = np.einsum("pab,pb->pa", gradient_pab, pairs.initial_pa)
        element_dp[d] = np.einsum("pa,pa->p", pairs.final_pa.conj(), ket_pa)
    return element_dp


class Summary(NamedTuple):
    """What follows from lambda_qv: lambda, and two averages of the phonon energies, eV."""

    coupling: float
    energy_log: float
    energy_rms: float


def summary(couplings: ModeCouplings, b: int) -> Summary:
    """lambda, E_log and E_2 for broadening number b, straight from the modes.

        ln E_log = (2/lambda) int alpha2F ln E / E dE     E_2^2 = (2/lambda) int alpha2F E dE

    Allen and Dynes, Phys. Rev. B 12, 905 (1975), define both averages.
    """
    weight_qv = couplings.weight_q[:, None] * couplings.lambda_bqv[b]
    strength = weight_qv.sum()
    energy_qv = np.where(weight_qv > 0, couplings.energy_qv, 1.0)
    energy_log = np.exp((weight_qv * np.log(energy_qv)).sum() / strength)
    energy_rms = np.sqrt((weight_qv * energy_qv**2).sum() / strength)
    return Summary(float(strength), float(energy_log), float(energy_rms))


def spectral_function(
    couplings: ModeCouplings, b: int, energy_e: Float[np.ndarray, " e"], width: float
) -> Float[np.ndarray, " e"]:
    """alpha2F at the energies (eV) for broadening number b; phonon deltas of the given width."""
    weight_qv = couplings.weight_q[:, None] * couplings.lambda_bqv[b] * couplings.energy_qv / 2
    peaks_eqv = delta(energy_e[:, None, None] - couplings.energy_qv, width)
    return np.einsum("eqv,qv->e", peaks_eqv, weight_qv)


def running_coupling(
    energy_e: Float[np.ndarray, " e"], spectrum_e: Float[np.ndarray, " e"]
) -> Float[np.ndarray, " e"]:
    """2 int_0^E alpha2F(E')/E' dE' by trapezoids; the last value is lambda.

    The first energy may be 0: there alpha2F/E vanishes but for the tail of a broadened peak.
    """
    safe_energy_e = np.where(energy_e > 0, energy_e, 1.0)
    integrand_e = np.where(energy_e > 0, 2 * spectrum_e / safe_energy_e, 0.0)
    return scipy.integrate.cumulative_trapezoid(integrand_e, energy_e, initial=0.0)


def critical_temperature(average: Summary, repulsion: float) -> float:
    """T_c in kelvin, with the strong-coupling factors f1 and f2; 0 where repulsion wins.

        T_c = f1 f2 (E_log / 1.2 k_B) exp(-1.04 (1 + lambda) / (lambda - mu* (1 + 0.62 lambda)))

    Allen and Dynes, Phys. Rev. B 12, 905 (1975), Eq. (34) and what defines f1 and f2 there.

    Args:
      repulsion: the Coulomb pseudopotential mu*.
    """
    strength = average.coupling
    attraction = strength - repulsion * (1 + 0.62 * strength)
    if attraction <= 0:
        return 0.0
    ratio = average.energy_rms / average.energy_log
    strong = 2.46 * (1 + 3.8 * repulsion)
    shape = 1.82 * (1 + 6.3 * repulsion) * ratio
    f1 = (1 + (strength / strong) ** 1.5) ** (1 / 3)
    f2 = 1 + (ratio - 1) * strength**2 / (strength**2 + shape**2)
    exponent = -1.04 * (1 + strength) / attraction
    return float(f1 * f2 * average.energy_log / (1.2 * KELVIN) * np.exp(exponent))
