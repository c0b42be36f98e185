"""The general coupling over many pairs: states, the first Fourier step, its step of the loop."""

from functools import partial
from typing import NamedTuple

import jax
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from ephforge.coupling import longrange, wannier
from ephforge.coupling.grid import (
    Groups,
    Lattice,
    Limits,
    Modes,
    Numbers,
    Wanted,
    in_precision,
    over_q,
)
from ephforge.coupling.products import Parts, apart, parts, products
from ephforge.electrons.bloch import bloch_sum, eigenpairs
from ephforge.phonons.modes import modes


class States(NamedTuple):
    """Bands (eV) and Bloch states of every point, as initial (ket) and final ones (bra)."""

    energy_pn: Float[Array, "p n"]
    ket_pbn: Parts
    bra_pma: Parts


class Response(NamedTuple):
    """What waves do: a model at a few q, and between cells Re.

    Attributes:
      modes: phonons.
      field_qda: dipole field at the orbitals; None where there is none.
      phases_qp: of the first Fourier step.
      g_py: eV/angstrom, [Rp, y] with y = (Re, s, c, a, b).
    """

    modes: Modes
    field_qda: Parts | None
    phases_qp: Parts
    g_py: Parts


class Second(NamedTuple):
    """The second Fourier step.

    Attributes:
      phases: [k, Re]; or [k, residue] of three directions, if k is a mesh.
      place_r: of the cells Re in the box of residues; None for lists.
    """

    phases: list[Parts]
    place_r: Int[Array, " r"] | None


def states(
    points_p3: Float[Array, "p 3"],
    cells_h3: Int[Array, "h 3"],
    energy_hab: Inexact[Array, "h a a"],
    is_single: bool,
) -> States:
    """Bands and states at every point."""
    hamiltonian_pab = jax.vmap(bloch_sum, (0, None, None))(points_p3, cells_h3, energy_hab)
    energy_pn, vector_pan = jax.vmap(eigenpairs)(hamiltonian_pab)
    ket_pbn = in_precision(parts(vector_pan), is_single)
    return States(energy_pn, ket_pbn, ket_pbn.adjoint())


def phonons(
    q_q3: Float[Array, "q 3"],
    lattice: Lattice,
    dipoles: longrange.DipoleSum | None,
    site_a: Int[Array, " a"],
) -> tuple[Modes, Complex[Array, "q d a"] | None]:
    """Modes at every q, and the dipole field of displacements at every orbital."""

    def at_q(q_3):
        found = Modes(*modes(longrange.dynamical_matrix(q_3, *lattice, dipoles)))
        if dipoles is None:
            return found, None
        field_sca = longrange.field_at_atoms(q_3, dipoles)[:, :, site_a]
        return found, field_sca.reshape(-1, len(site_a))

    return jax.vmap(at_q)(q_q3)


def couplings(
    initial_kbn: Parts,
    final_pma: Parts,
    groups: Groups,
    at_q: Response,
    second: Second,
    mass_s: Float[Array, " s"],
    numbers: Numbers,
    limits: Limits,
    wanted: Wanted,
    room_xkvmn: Inexact[Array, "x k v w w"],
) -> Inexact[Array, "x k v w w"]:
    """Couplings of a general model.

    Args:
      initial_kbn, final_pma: Bloch states at k (ket), at all points (bra).
      groups: degenerate bands at the points.
      numbers, room_xkvmn: see `grid`.
    """
    size = final_pma.real.shape[-1]
    wide = (-1, 3 * len(mass_s), size, size)
    g_qrx = jax.tree.map(
        lambda x: x.reshape(x.shape[0], -1, 3 * len(mass_s) * size**2),
        products((at_q.phases_qp, at_q.g_py)),
    )

    def couple_q(q, displacement_vsc, is_wanted):
        weights = parts(displacement_vsc.reshape(len(displacement_vsc), -1))
        gradient_kdab = _gradient(jax.tree.map(lambda x: x[q], g_qrx), second, is_wanted, wide)
        if at_q.field_qda is not None:
            field_da = jax.tree.map(lambda x: x[q], at_q.field_qda)
            gradient_kdab = apart(is_wanted, wannier.with_field, gradient_kdab, field_da)
        change = jax.vmap(partial(wannier.change, is_wanted=is_wanted))

        def couple_block(take, final_h):
            gradient_hdab, initial_hbn = take((gradient_kdab, initial_kbn))
            final_hma = jax.tree.map(lambda x: x[final_h], final_pma)
            return [change(gradient_hdab, final_hma, initial_hbn)]

        return [in_precision(weights, wanted.is_single)], couple_block

    return over_q(couple_q, groups, at_q.modes, mass_s, numbers, limits, wanted, room_xkvmn)


def _gradient(g_rx: Parts, second: Second, is_wanted: Bool[Array, ""], shape: tuple) -> Parts:
    """dH/du between k and k+q, for every k, after the second Fourier step."""
    if second.place_r is not None:
        residues = tuple(phase.real.shape[1] for phase in second.phases)
        g_rx = wannier.in_box(g_rx, second.place_r, residues)
    gradient = wannier.on_mesh(second.phases, g_rx, is_wanted)
    return jax.tree.map(lambda x: x.reshape(shape), gradient)
