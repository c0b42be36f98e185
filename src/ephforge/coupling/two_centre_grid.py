"""The two-centre coupling over many pairs: what needs one point each, and its step of the loop."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact, Int

from ephforge.coupling import longrange, two_centre
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
from ephforge.electrons.bloch import bloch_sum
from ephforge.phonons.modes import modes


class Waves(NamedTuple):
    """A two-centre model at every q; None where it has no such part.

    Attributes:
      modes: phonons.
      field_qtcsoo, rigid_csoo: crystal field, X(q) and sum_t X^t(0), eV/angstrom.
      dipole_qsct: field of dipole waves at every atom t, eV/angstrom.
    """

    modes: Modes
    field_qtcsoo: Complex[Array, "q t 3 s o o"] | None
    rigid_csoo: Inexact[Array, "3 s o o"] | None
    dipole_qsct: Complex[Array, "q s 3 t"] | None

    def couplings(self, q) -> tuple:
        """The last three at one q, as `two_centre.wave` takes them."""
        field_tcsoo = None if self.field_qtcsoo is None else self.field_qtcsoo[q]
        dipole_sct = None if self.dipole_qsct is None else self.dipole_qsct[q]
        return field_tcsoo, self.rigid_csoo, dipole_sct


def bloch_matrices(
    points_p3: Float[Array, "p 3"], electrons: two_centre.Electrons
) -> two_centre.Matrices:
    """Matrices of a two-centre model at every point."""
    return jax.vmap(two_centre.matrices, (0, None))(points_p3, electrons)


def waves(
    q_q3: Float[Array, "q 3"],
    lattice: Lattice,
    dipoles: longrange.DipoleSum | None,
    electrons: two_centre.Electrons,
) -> Waves:
    """What a two-centre model needs at every q."""

    def at_q(q_3):
        dynamical_dd = longrange.dynamical_matrix(q_3, *lattice, dipoles)
        dipole_sct = None if dipoles is None else longrange.field_at_atoms(q_3, dipoles)
        field_tcsoo = None
        if electrons.field_rtcsoo is not None:
            field_tcsoo = bloch_sum(q_3, electrons.cells_r3, electrons.field_rtcsoo)
        return Modes(*modes(dynamical_dd)), field_tcsoo, dipole_sct

    modes_q, field_qtcsoo, dipole_qsct = jax.vmap(at_q)(q_q3)
    rigid_csoo = None
    if electrons.field_rtcsoo is not None:
        rigid_csoo = jnp.sum(electrons.field_rtcsoo, axis=(0, 1))
    return Waves(modes_q, field_qtcsoo, rigid_csoo, dipole_qsct)


def ends(
    at_points: two_centre.Matrices,
    slot_so: Int[Array, "s o"],
    kept: int,
    is_polar: bool,
    is_single: bool,
) -> tuple[Float[Array, "p a"], two_centre.Ends]:
    """All bands at every point, and what its lowest `kept` bring to pairs."""
    over_points = jax.vmap(two_centre.ends, (0, None, None, None))
    energy_pa, ends_p = over_points(at_points, slot_so, kept, is_polar)
    return energy_pa, in_precision(ends_p, is_single)._replace(energy_n=ends_p.energy_n)


def couplings(
    initial_k: two_centre.Ends,
    final_p: two_centre.Ends,
    groups: Groups,
    at_q: Waves,
    mass_s: Float[Array, " s"],
    numbers: Numbers,
    limits: Limits,
    wanted: Wanted,
    room_xkvmn: Inexact[Array, "x k v w w"],
) -> Inexact[Array, "x k v w w"]:
    """Couplings of a two-centre model.

    Args:
      initial_k, final_p: of k, and of all points; their bands may be more than are wanted.
      groups: degenerate bands at the points.
      numbers: of the pairs; see `grid.Numbers`.
      room_xkvmn: see `grid.over_q`.
    """

    def couple_q(q, displacement_vsc, is_wanted):
        wave = two_centre.wave(displacement_vsc, *at_q.couplings(q))
        wave = in_precision(wave, wanted.is_single)
        couple = jax.vmap(partial(two_centre.couple, is_wanted=is_wanted), (0, 0, None))

        def couple_block(take, final_h):
            return couple(take(initial_k), jax.tree.map(lambda x: x[final_h], final_p), wave)

        return wave.weights(), couple_block

    return over_q(couple_q, groups, at_q.modes, mass_s, numbers, limits, wanted, room_xkvmn)
