"""The electrons' answer to a moving atom: its potential, screened by their own bands.

With K = q + G, bands E_nk and states u_nk,

    chi_GG'(q) = (2 / N volume) sum_k,n,m (f_nk - f_m,k+q) / (E_nk - E_m,k+q)
                 <nk| e^{-iK.r} |m,k+q> <m,k+q| e^{iK'.r} |nk>
    dV(K) = dV_ion(K) + K(|K|) dn(K),    dn(K) = sum_K' chi_GG'(q) dV(K')

which is first-order perturbation theory of the self-consistent ground state.  Potentials are
real, so that pairs with n filled and m empty count as much as those with n and m exchanged.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.kpoints import mesh_indices, mesh_points, point_number
from ephforge.threecentre.ground import Ground, Matter, kernel
from ephforge.threecentre.ions import displaced
from ephforge.threecentre.plane_waves import Box, sphere

_EMPTY = 1e-9  # occupation below which a band counts as empty
_SAME_ENERGY = 1e-6  # eV


class Answer(NamedTuple):
    """Perturbation of one q and of each atom and direction.

    Attributes:
      index_g3: waves, K = q + G.
      field_scg: dV, screened, eV/angstrom.
    """

    index_g3: Int[np.ndarray, "g 3"]
    field_scg: Complex[np.ndarray, "s 3 g"]


class Step(NamedTuple):
    """The point k + q of the mesh, and the reciprocal vector that folding took off."""

    point: int
    fold_3: Int[np.ndarray, "3"]


def steps(mesh: tuple[int, int, int], q: int) -> list[Step]:
    """Where k + q lies for each k of the mesh."""
    index_k3 = mesh_indices(mesh)
    sum_k3 = index_k3 + index_k3[q]
    number_k = point_number(sum_k3, mesh)
    return [Step(int(n), s // np.array(mesh)) for n, s in zip(number_k, sum_k3, strict=True)]


def answer(matter: Matter, ground: Ground, q: int) -> Answer:
    """dV at point q of the mesh; at q = 0 the mean of the potential, G = 0, is left at zero."""
    waves, q_3 = matter.waves, mesh_points(matter.mesh)[q]
    index_g3 = sphere(waves, q_3, 2 * matter.cutoff)
    wave_g3 = (index_g3 + q_3) @ waves.reciprocal_33
    bare_scg = displaced(wave_g3, matter.ions, matter.crystal)
    kernel_g = kernel(np.linalg.norm(wave_g3, axis=1), matter)
    acts_g = kernel_g != 0
    # waves of the ions beyond the reach move electrons too, but nothing answers there
    outer = Answer(index_g3, np.where(acts_g, 0, bare_scg))
    chi_gh, moved_gp = response(matter, ground, q, index_g3[acts_g], outer)
    bare_gp = bare_scg[:, :, acts_g].reshape(moved_gp.shape[1], -1).T
    kernel_g = kernel_g[acts_g][:, None]
    total_gp = np.linalg.solve(
        np.eye(len(chi_gh)) - kernel_g * chi_gh, bare_gp + kernel_g * moved_gp
    )
    field_scg = bare_scg.copy()
    field_scg[:, :, acts_g] = total_gp.T.reshape(*bare_scg.shape[:2], -1)
    return Answer(index_g3, field_scg)


def response(
    matter: Matter, ground: Ground, q: int, index_g3: Int[np.ndarray, "g 3"], outer: Answer
) -> tuple[Complex[np.ndarray, "g g"], Complex[np.ndarray, "g p"]]:
    """chi on these waves, 1/(eV angstrom^3), and the density that other waves of a field move.

    In a metal at q = 0 the Fermi energy moves so that no electrons come or go.

    Args:
      outer: fields of perturbations p on all waves.
    """
    adapts = q == 0 and matter.smearing > 0
    if adapts:
        index_g3 = np.vstack([index_g3, np.zeros((1, 3), dtype=int)])
    # bands that hold electrons somewhere, the same number at every k
    filled = max(int(np.count_nonzero(f > _EMPTY)) for f in ground.occupation_kn)
    first = filled if matter.smearing == 0 else 0
    field_pg = outer.field_scg.reshape(-1, len(outer.index_g3))
    places_b = matter.waves.positions(outer.index_g3)
    chi_gh = np.zeros((len(index_g3), len(index_g3)), dtype=complex)
    moved_gp = np.zeros((len(index_g3), len(field_pg)), dtype=complex)
    for k, step in enumerate(steps(matter.mesh, q)):
        amplitude_gnm = transitions(matter.waves, ground, k, step, index_g3, (filled, first))
        weight_nm = _weights(ground, k, step.point, (filled, first), matter.smearing)
        flat_gt = amplitude_gnm.reshape(len(index_g3), -1)
        weighted_gt = flat_gt * weight_nm.ravel()
        chi_gh += weighted_gt @ flat_gt.conj().T
        initial_hn = ground.state_kgn[k][:, :filled]
        pushed_phn = applied(matter.waves, ground, k, step, (places_b, field_pg), initial_hn)
        element_pmn = ground.state_kgn[step.point][:, first:].conj().T @ pushed_phn
        moved_gp += weighted_gt @ element_pmn.transpose(2, 1, 0).reshape(-1, len(field_pg))
    scale = 2 / (len(ground.energy_kn) * matter.volume)
    if adapts:
        # the last wave is the mean, which takes the value that keeps the density's mean
        share_g = chi_gh[:-1, -1:] / chi_gh[-1, -1]
        moved_gp = moved_gp[:-1] - share_g * moved_gp[-1]
        chi_gh = chi_gh[:-1, :-1] - share_g * chi_gh[-1, :-1]
    return chi_gh * scale, moved_gp * scale


def applied(
    waves: Box,
    ground: Ground,
    k: int,
    step: Step,
    field: tuple[Int[np.ndarray, " b"], Complex[np.ndarray, "p g"]],
    state_hn: Complex[np.ndarray, "h n"],
) -> Complex[np.ndarray, "p i n"]:
    """dV |n, k> on the waves of k + q, for several fields given with the places of their waves."""
    places_b, field_pg = field
    code_i = waves.code(ground.index_kg3[step.point] - step.fold_3)
    place_ih = places_b[code_i[:, None] - waves.code(ground.index_kg3[k])[None, :]]
    return np.take(field_pg, place_ih, axis=1) @ state_hn


def transitions(
    waves: Box,
    ground: Ground,
    k: int,
    step: Step,
    index_g3: Int[np.ndarray, "g 3"],
    bands: tuple[int, int],
) -> Complex[np.ndarray, "g n m"]:
    """<n,k| e^{-i(q+G).r} |m,k+q> for n below the first of `bands`, m from the second on.

    A wave G'' of the point that k + q is folded to stands for k + q + (G'' - fold), so the
    amplitude is the sum over G'' of c_n(G'' - fold - G)* c_m(G'').
    """
    filled, first = bands
    initial_gn = ground.state_kgn[k][:, :filled]
    # one row of zeros: waves that k does not have
    padded_gn = np.vstack([initial_gn, np.zeros((1, filled))]).conj()
    places_b = waves.positions(ground.index_kg3[k])
    code_h = waves.code(ground.index_kg3[step.point] - step.fold_3)
    place_gh = places_b[code_h[None, :] - waves.code(index_g3)[:, None]]
    shifted_gnh = padded_gn[place_gh].transpose(0, 2, 1)
    final_hm = ground.state_kgn[step.point][:, first:]
    return (shifted_gnh.reshape(-1, len(code_h)) @ final_hm).reshape(len(index_g3), filled, -1)


def _weights(
    ground: Ground, k: int, final: int, bands: tuple[int, int], smearing: float
) -> Float[np.ndarray, "n m"]:
    """(f_n - f_m) / (E_n - E_m), times the share 2 f_n / (f_n + f_m) of this order of the pair.

    Both orders contribute the same; shares that depend on occupations alone do not tell apart
    the members of a degenerate level, and give nothing to an order that starts from empty bands.
    """
    filled, first = bands
    energy_n, energy_m = ground.energy_kn[k][:filled], ground.energy_kn[final][first:]
    f_n, f_m = ground.occupation_kn[k][:filled], ground.occupation_kn[final][first:]
    difference_nm = energy_n[:, None] - energy_m[None, :]
    is_same_nm = np.abs(difference_nm) < _SAME_ENERGY
    slope_nm = -(f_n * (1 - f_n))[:, None] / max(smearing, _SAME_ENERGY)
    ratio_nm = (f_n[:, None] - f_m[None, :]) / np.where(is_same_nm, 1.0, difference_nm)
    weight_nm = np.where(is_same_nm, slope_nm, ratio_nm)
    share_nm = 2 * f_n[:, None] / np.maximum(f_n[:, None] + f_m[None, :], np.finfo(float).tiny)
    return share_nm * weight_nm
