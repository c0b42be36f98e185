"""Models as the arrays that the kernels take, few shapes of them; and how kernels are compiled.

Lists of cells and of q are padded to powers of two, and sums over cells have kernels of their own,
small ones, so that the large kernels depend on (atoms, orbitals, what the model has, bands, number
of points) only.  Compiled kernels persist between processes.
"""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Inexact, Int, Shaped

from ephforge.core.realspace import Model
from ephforge.coupling import longrange, two_centre, two_centre_grid
from ephforge.coupling.grid import Lattice, Pairs

Q_PAD = 64
_CELL_PAD = 64  # cells; longer lists are padded to powers of two
_WAVE_PAD = 128  # reciprocal vectors of the dipole sums
_FAR = 1e6  # of a reciprocal vector that only pads: the sums leave it out
# XLA compiles what is here in half the time so, and the result is faster
_OPTIONS = {
    "xla_cpu_use_fusion_emitters": "False",
    "xla_backend_optimization_level": "1",
    "xla_cpu_parallel_codegen_split_count": "1",
}


@cache
def compiled(function: Callable, static: tuple = (), donated: tuple = ()) -> Callable:
    """A function compiled, once for each set of shapes."""
    options = _OPTIONS if jax.default_backend() == "cpu" else None
    return jax.jit(
        function, static_argnames=static, donate_argnames=donated, compiler_options=options
    )


def two_centre_arrays(
    model: Model, pairs: Pairs, kept: int, is_single: bool = False
) -> tuple[Float[jax.Array, "p a"], two_centre.Ends, two_centre_grid.Waves]:
    """All bands, and everything that the loop takes: what one point needs, on the device."""
    electrons = two_centre.electrons(model.hopping, model.coupling, len(model.crystal.masses))
    slot_so = electrons.slot_so
    fields = [None if x is None else padded(x, _CELL_PAD) for x in electrons[:-1]]
    electrons = two_centre.Electrons(*fields, slot_so)
    at_points = compiled(two_centre_grid.bloch_matrices)(
        pairs.points_p3, electrons._replace(field_rtcsoo=None)
    )
    only_field = electrons._replace(
        energy_rab=None, overlap_rab=None, gradient_rcab=None, basis_rcab=None
    )
    if electrons.field_rtcsoo is None:
        only_field = only_field._replace(cells_r3=None)
    at_q = compiled(two_centre_grid.waves)(
        padded(pairs.q_q3, Q_PAD), lattice_arrays(model), dipole_arrays(model), only_field
    )
    at_ends = compiled(two_centre_grid.ends, ("kept", "is_polar", "is_single"))
    is_polar = model.long_range is not None
    energy_pn, ends_p = at_ends(
        at_points, slot_so, kept=kept, is_polar=is_polar, is_single=is_single
    )
    return energy_pn, ends_p, at_q


def electron_arrays(model: Model) -> tuple[Int[np.ndarray, "h 3"], Inexact[np.ndarray, "h a a"]]:
    """Cells and H(R) of a general model."""
    hopping = model.hopping
    energy = np.asarray(hopping.energy, complex)
    return padded(hopping.cells, _CELL_PAD), padded(energy, _CELL_PAD)


def lattice_arrays(model: Model) -> Lattice:
    """Force constants and masses."""
    constants, smallest = model.force_constants, 2 * _CELL_PAD
    return Lattice(
        padded(constants.cells, smallest), padded(constants.phi, smallest), model.crystal.masses
    )


def dipole_arrays(model: Model) -> longrange.DipoleSum | None:
    """The dipole sums with their reciprocal vectors padded by some that do not count."""
    if model.long_range is None:
        return None
    dipoles = longrange.dipole_sum(model.long_range, model.crystal)

    def longer(waves):
        vector_g3 = np.asarray(waves.vector_g3)
        missing = padded_length(len(vector_g3), _WAVE_PAD) - len(vector_g3)
        filled = np.pad(vector_g3, ((0, missing), (0, 0)), constant_values=_FAR)
        return waves._replace(vector_g3=jnp.asarray(filled))

    return dipoles._replace(lattice=longer(dipoles.lattice), coupling=longer(dipoles.coupling))


def padded_length(count: int, smallest: int) -> int:
    """A power of two not below count and smallest."""
    return max(smallest, 1 << (count - 1).bit_length())


def padded(values_r: Shaped[np.ndarray, "r ..."], smallest: int) -> Shaped[np.ndarray, "x ..."]:
    """Zeros appended to the first axis, up to a power of two not below the smallest."""
    missing = padded_length(len(values_r), smallest) - len(values_r)
    return np.pad(values_r, [(0, missing)] + [(0, 0)] * (values_r.ndim - 1))
