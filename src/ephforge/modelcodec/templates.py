"""What is expected of a coupling before it is known: synthetic materials on the same crystal.

Three-centre materials (threecentre/) are drawn and solved on the crystal at hand, their functions
are matched with those of the model by their centres, and what symmetry leaves of their g are
templates: a few multiples of them are subtracted before g is quantised.  No number of a real
material is in them.  In polar materials the field of the Born charges, whose Coulomb tail the
model has taken out in its own way, is one more template.

Templates are made anew by whoever decodes.  They enter the numbers that are rebuilt and nothing
else: rounding that differs from machine to machine does not disturb decoding.
"""

import struct
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_indices, mesh_points, point_number
from ephforge.core.realspace import Crystal, ForceConstants, LongRange, Model
from ephforge.core.units import COULOMB
from ephforge.modelcodec.header import Header
from ephforge.symmetry.actions import Reductions
from ephforge.symmetry.coarse import Coarse, coarse
from ephforge.threecentre.build import build
from ephforge.threecentre.draw import supports

MOST = 3  # synthetic materials that are tried
FIELD = 255  # number of the dipole field; others are seeds
_FINE = 10  # amounts are multiples of 2^-10 of the norm of all coefficients, or of twice that
_LARGEST = 1 << 15
_ROUNDS = 40
_CUT = 56.0  # the field's sum takes e^{-s/4} / s up to this s, units of (2 pi / lattice unit)^2


class Mean(NamedTuple):
    """Multiples of templates: number of each and how much of it, times 2^exponent."""

    numbers: tuple[int, ...]
    amounts: tuple[int, ...]
    exponent: int

    def packed(self) -> bytes:
        """Three bytes each and one; nothing where there is none."""
        if not self.numbers:
            return b""
        pairs = zip(self.numbers, self.amounts, strict=True)
        return struct.pack("<b", self.exponent) + b"".join(
            struct.pack("<Bh", *one) for one in pairs
        )

    def total(self, template_kn: list[np.ndarray]) -> Float[np.ndarray, " n"] | float:
        """The sum that is expected."""
        pairs = zip(self.amounts, template_kn, strict=True)
        return sum((amount * 2.0**self.exponent * one for amount, one in pairs), 0.0)


def unpacked(data: bytes) -> Mean:
    """Inverse of `Mean.packed`."""
    if not data:
        return Mean((), (), 0)
    pairs = list(struct.iter_unpack("<Bh", data[1:]))
    return Mean(
        *(tuple(column) for column in zip(*pairs, strict=True)), struct.unpack("<b", data[:1])[0]
    )


def means(
    target_n: Float[np.ndarray, " n"],
    number_k: list[int],
    template_kn: list[np.ndarray],
    step: float,
) -> list[Mean]:
    """No template, the first one, the first two, ...: each with the amounts that leave fewest bits.

    What is made smallest is sum log (step^2 + rest^2), roughly the bits of the rest.
    """
    found = [Mean((), (), 0)]
    exponent = int(np.ceil(np.log2(np.linalg.norm(target_n)))) - _FINE
    for count in range(1, len(template_kn) + 1):
        template_nk = np.stack(template_kn[:count], axis=1)
        weight_n = np.ones(len(target_n))
        for _ in range(_ROUNDS):
            weighed_kn = template_nk.T * weight_n
            square_kk = weighed_kn @ template_nk
            square_kk += 1e-9 * np.trace(square_kk) * np.eye(count)
            amount_k = np.linalg.solve(square_kk, weighed_kn @ target_n)
            weight_n = 1 / (step**2 + (target_n - template_nk @ amount_k) ** 2)
        whole_k = np.rint(amount_k / 2.0**exponent).astype(int)
        if np.abs(whole_k).max() < _LARGEST:
            found.append(Mean(tuple(number_k[:count]), tuple(whole_k.tolist()), exponent))
    return found


def available(
    header: Header, how: Reductions, hopping_ab: Float[np.ndarray, "a a"]
) -> tuple[list[int], list[np.ndarray]]:
    """Numbers and coefficients of the templates that can be made for a model."""
    number_k, template_kn = [], []
    for number in numbers(header, MOST):
        try:
            template_kn.append(template(number, header, how, hopping_ab))
        except EphforgeError:
            continue
        number_k.append(number)
    return number_k, template_kn


def numbers(header: Header, count: int) -> list[int]:
    """Numbers of the templates that exist for a crystal."""
    found = list(range(count)) if supports(header.crystal) else []
    return found + ([FIELD] if found and header.long_range is not None else [])


def template(
    number: int, header: Header, how: Reductions, hopping_ab: Float[np.ndarray, "a a"]
) -> Float[np.ndarray, " n"]:
    """Coefficients of one template, of unit norm.

    Args:
      number: as told by `numbers`.
      hopping_ab: H(0) as decoded, which settles the signs of functions.

    Raises:
      EphforgeError: it cannot be built, or its functions are not those of the model.
    """
    values = _field(header) if number == FIELD else _material(number, header, hopping_ab)
    found_n = how.coefficients(values)[2]
    norm = np.linalg.norm(found_n)
    if norm == 0:
        raise EphforgeError(f"template {number}: nothing is left of it by symmetry")
    return found_n / norm


def brought(
    values: Coarse,
    centre_b3: Float[np.ndarray, "b 3"],
    header: Header,
    hopping_ab: Float[np.ndarray, "a a"],
) -> Coarse:
    """Another material on the same crystal in the order, cells and signs of the model's functions.

    Args:
      centre_b3: where its functions stand, angstrom.
      hopping_ab: H(0) of the model.

    Raises:
      EphforgeError: its functions do not stand where those of the model do.
    """
    which_a, shift_a3 = _matched(header.crystal, header.centre_a3, centre_b3)
    moved = _moved(values, which_a, shift_a3)
    sign_a = np.sign(moved.hopping_rab[0, 0] * hopping_ab[0])
    sign_a[0] = 1.0
    sign_ab = sign_a[:, None] * sign_a
    return moved._replace(g_psrcab=moved.g_psrcab * sign_ab)


def _material(seed: int, header: Header, hopping_ab) -> Coarse:
    hopping, coupling, _ = build(np.random.default_rng(seed), header.crystal, header.q_mesh)
    return brought(_on_meshes(header, hopping, coupling), hopping.centres, header, hopping_ab)


def _on_meshes(header: Header, hopping, coupling) -> Coarse:
    n_s = len(header.crystal.positions)
    at_rest = ForceConstants(np.zeros((1, 3), int), np.zeros((1, n_s, 3, n_s, 3)))
    model = Model(header.name, header.crystal, hopping, at_rest, coupling)
    return coarse(model, header.k_mesh, header.q_mesh)


def _matched(
    crystal: Crystal, wanted_a3: Float[np.ndarray, "a 3"], found_b3: Float[np.ndarray, "b 3"]
) -> tuple[Int[np.ndarray, " a"], Int[np.ndarray, "a 3"]]:
    """For each centre the nearest one of a template, and how many cells it has to be moved."""
    away_ab3 = (wanted_a3[:, None] - found_b3) @ np.linalg.inv(crystal.cell)
    shift_ab3 = np.rint(away_ab3)
    distance_ab = np.linalg.norm((away_ab3 - shift_ab3) @ crystal.cell, axis=-1)
    which_a = np.argmin(distance_ab, axis=1)
    if len(set(which_a.tolist())) < len(which_a) or len(found_b3) != len(wanted_a3):
        raise EphforgeError("template: its functions do not stand where those of the model do")
    return which_a, np.take_along_axis(shift_ab3, which_a[:, None, None], 1)[:, 0].astype(int)


def _moved(values: Coarse, which_a, shift_a3) -> Coarse:
    """Functions renumbered and moved by whole cells."""
    hopping_rab, g_psrcab = (np.empty_like(x) for x in (values.hopping_rab, values.g_psrcab))
    re_r3, rp_p3 = mesh_indices(values.k_mesh), mesh_indices(values.q_mesh)
    for a, (own, own_3) in enumerate(zip(which_a, shift_a3, strict=True)):
        p = point_number(rp_p3 - own_3, values.q_mesh)
        for b, (other, other_3) in enumerate(zip(which_a, shift_a3, strict=True)):
            r = point_number(re_r3 + other_3 - own_3, values.k_mesh)
            hopping_rab[:, a, b] = values.hopping_rab[r, own, other]
            g_psrcab[..., a, b] = values.g_psrcab[p][:, :, r][..., own, other]
    return values._replace(hopping_rab=hopping_rab, g_psrcab=g_psrcab)


def _field(header: Header) -> Coarse:
    """The dipole field at each Wannier centre, without q = 0.

    i (4 pi e^2 / V) sum_K e^{-K.eps.K/4} (K.Z_s)_c e^{i K.(w_a - tau_s)} / K.eps.K, on m = n,
    Re = 0.
    """
    polar, crystal = header.long_range, header.crystal
    q_q3 = mesh_points(header.q_mesh)
    field_qsca = np.stack([_field_at(q_3, polar, header) for q_3 in q_q3])
    phase_pq = np.exp(-2j * np.pi * mesh_indices(header.q_mesh) @ q_q3.T)
    field_psca = np.real(np.tensordot(phase_pq, field_qsca, axes=1)) / len(q_q3)
    n_q, n_k, n_a = len(q_q3), int(np.prod(header.k_mesh)), len(header.centre_a3)
    g_psrcab = np.zeros((n_q, len(crystal.positions), n_k, 3, n_a, n_a))
    every = np.arange(n_a)
    g_psrcab[:, :, 0, :, every, every] = np.moveaxis(field_psca, 3, 0)
    n_s = len(crystal.positions)
    empty = np.zeros((n_k, n_a, n_a)), np.zeros((n_q, n_s, 3, n_s, 3))
    return Coarse(header.k_mesh, header.q_mesh, *empty, g_psrcab)


def _field_at(q_3, polar: LongRange, header: Header):
    crystal, unit = header.crystal, polar.lattice_unit
    reciprocal_33 = np.linalg.inv(crystal.cell).T * unit
    smallest = np.linalg.eigvalsh(polar.dielectric)[0]
    radius = np.sqrt(_CUT / smallest)
    height_3 = np.linalg.norm(np.linalg.inv(reciprocal_33), axis=0)
    reach_3 = np.ceil(radius * height_3).astype(int) + 1
    box = [np.arange(-n, n + 1) for n in reach_3]
    index_g3 = np.stack(np.meshgrid(*box, indexing="ij"), axis=-1).reshape(-1, 3)
    wave_g3 = (q_3 + index_g3) @ reciprocal_33
    strength_g = np.einsum("gi,ij,gj->g", wave_g3, polar.dielectric, wave_g3)
    kept = (strength_g > 1e-12) & (strength_g < _CUT)
    if not np.any(q_3):
        return np.zeros((len(crystal.positions), 3, len(header.centre_a3)), complex)
    wave_g3, strength_g = wave_g3[kept], strength_g[kept]
    charge_gsc = np.einsum("gf,sfc->gsc", wave_g3, polar.born)
    from_s = np.exp(-2j * np.pi * wave_g3 @ crystal.positions.T / unit)
    at_a = np.exp(2j * np.pi * wave_g3 @ header.centre_a3.T / unit)
    weight_g = np.exp(-strength_g / 4) / strength_g
    factor = 2j * COULOMB * unit / abs(np.linalg.det(crystal.cell))
    return factor * np.einsum("g,gs,gsc,ga->sca", weight_g, from_s, charge_gsc, at_a)
