"""Runs the kernels over many materials, with few shapes, so that few kernels are compiled.

Lists of cells and of q are padded to powers of two, and sums over cells have kernels of their own,
small ones: the large one depends on (atoms, orbitals, what the model has, bands) only.  A CPU
takes one material at a time; an accelerator takes many of a shape together.  Compiled kernels
persist between processes.  A material's numbers depend neither on its batch nor on its padding.
"""

import os
from collections import defaultdict
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ephforge.core.realspace import Model, TwoCentreCoupling
from ephforge.coupling import grid, longrange, two_centre

_CELL_PAD = 64  # cells; longer lists are padded to powers of two
_Q_PAD = 64
_COARSE_PAD = 16  # cells of a general coupling; longer lists are padded to multiples
_WAVE_PAD = 128  # reciprocal vectors of the dipole sums
_FAR = 1e6  # of a reciprocal vector that only pads: the sums leave it out
# bands taken along above the window, so that it cuts no group of degenerate ones; where one is
# longer still the material is computed again with more
_MARGIN = 4
_QUICK = {
    "xla_cpu_use_fusion_emitters": "False",
    "xla_backend_optimization_level": "1",
    "xla_cpu_parallel_codegen_split_count": "1",
}
_LARGEST_BATCH = 2**28  # complex numbers of H, S, A, B of the materials taken together: 4 GB


class Window(NamedTuple):
    """The lowest `bands` are wanted; couplings are taken among the lowest `kept`."""

    bands: int
    kept: int


class Strengths(NamedTuple):
    """Bands (eV) at the points, phonon energies (eV), shared |g| (eV) of one material."""

    energy_pn: Float[np.ndarray, "p n"]
    energy_qv: Float[np.ndarray, "q v"]
    g_mnvkq: Float[np.ndarray, "m n v k q"]


def evaluate(
    models: list[Model],
    pairs: grid.Pairs | list[grid.Pairs],
    limits: grid.Limits,
    bands: int,
    batch_size: int,
) -> list[Strengths]:
    """|g| of every model on its pairs, in the order given.

    Args:
      models: of either coupling; the general one runs one at a time, its arrays being large.
      pairs: for all models, or one for each.
      bands: the lowest so many are kept; fewer where the basis has fewer.
      batch_size: two-centre materials per kernel call on an accelerator.
    """
    keep_compiled_kernels()
    if isinstance(pairs, grid.Pairs):
        pairs = [pairs] * len(models)
    found: dict[int, Strengths] = {}
    buckets = defaultdict(list)
    for i, model in enumerate(models):
        if isinstance(model.coupling, TwoCentreCoupling):
            size = len(model.hopping.site)
            window = Window(min(bands, size), min(bands + _MARGIN, size))
            buckets[_shape(model, pairs[i]), window].append(i)
        else:
            found[i] = _one_general(model, pairs[i], limits, bands)
    while buckets:
        (shape, window), members = buckets.popitem()
        together = _together(models[members[0]], pairs[members[0]], batch_size)
        for first in range(0, len(members), together):
            chosen = members[first : first + together]
            # filled up with the last one, so that one kernel is compiled
            filled = chosen + chosen[-1:] * (together - len(chosen))
            strengths_i = _two_centre([(models[i], pairs[i]) for i in filled], limits, window)
            for i, strengths in zip(chosen, strengths_i, strict=False):
                size = len(models[i].hopping.site)
                if _cuts_a_group(strengths.energy_pn, window, limits.degeneracy):
                    wider = Window(window.bands, min(2 * window.kept, size))
                    buckets[shape, wider].append(i)
                else:
                    found[i] = strengths
    return [found[i] for i in range(len(models))]


def keep_compiled_kernels() -> None:
    """Keep compiled kernels in $EPHFORGE_CACHE, by default ~/.cache/ephforge/jax."""
    default = Path.home() / ".cache" / "ephforge" / "jax"
    jax.config.update("jax_compilation_cache_dir", os.environ.get("EPHFORGE_CACHE", str(default)))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)


def _shape(model: Model, pairs: grid.Pairs) -> tuple:
    """What decides which kernel runs."""
    hopping, coupling = model.hopping, model.coupling
    slot_so = two_centre.slots(hopping.site, len(model.crystal.masses))
    parts = (hopping.overlap, coupling.crystal_field, coupling.basis_derivative, model.long_range)
    points = (len(pairs.points_p3), len(pairs.initial_k), _length(len(pairs.q_q3), _Q_PAD))
    return slot_so.shape, len(hopping.site), tuple(x is None for x in parts), points


def _together(model: Model, pairs: grid.Pairs, batch_size: int) -> int:
    """Materials in one call: one on a CPU, where more save nothing; else what memory allows."""
    if jax.default_backend() == "cpu":
        return 1
    size = 8 * len(pairs.points_p3) * len(model.hopping.site) ** 2
    return max(1, min(batch_size, _LARGEST_BATCH // size))


def _cuts_a_group(energy_pn, window: Window, degeneracy: float) -> bool:
    """Whether somewhere a group of degenerate bands of the window goes on above those kept."""
    if window.kept == energy_pn.shape[1]:
        return False
    gap_pn = np.diff(energy_pn[:, window.bands - 1 : window.kept + 1], axis=1)
    return bool(np.any(np.all(gap_pn <= degeneracy, axis=1)))


def _two_centre(parts: list, limits: grid.Limits, window: Window) -> list[Strengths]:
    """Materials of one shape."""
    prepared = [_sums(*part, window.kept) for part in parts]
    energies = jax.device_get([energy_pn for energy_pn, _ in prepared])
    count = max(len(pairs.q_q3) for _, pairs in parts)
    rest = (np.int32(count), limits, window.bands)
    if len(parts) == 1:
        rows = [jax.device_get(_kernel(_one, "bands")(prepared[0][1], *rest))]
    else:
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *(sums for _, sums in prepared))
        energy_iqv, square_iqkvmn = jax.device_get(_kernel(_many, "bands")(stacked, *rest))
        rows = zip(energy_iqv, square_iqkvmn, strict=True)
    return [
        _strengths(_cut(grid.Squares(energy_pn, *row), len(pairs.q_q3)))
        for energy_pn, row, (_, pairs) in zip(energies, rows, parts, strict=True)
    ]


def _sums(model: Model, pairs: grid.Pairs, kept: int) -> tuple:
    """All bands, and everything that the kernel takes: what one point needs, on the device."""
    electrons = two_centre.electrons(model.hopping, model.coupling, len(model.crystal.masses))
    slot_so = electrons.slot_so
    fields = [None if x is None else _padded(x, _CELL_PAD) for x in electrons[:-1]]
    electrons = two_centre.Electrons(*fields, slot_so)
    q_q3 = _padded(pairs.q_q3, _Q_PAD)
    at_points = _kernel(grid.bloch_matrices)(pairs.points_p3, electrons._replace(field_rtcsoo=None))
    only_field = electrons._replace(
        energy_rab=None, overlap_rab=None, gradient_rcab=None, basis_rcab=None
    )
    if electrons.field_rtcsoo is None:
        only_field = only_field._replace(cells_r3=None)
    at_q = _kernel(grid.waves)(
        q_q3, _lattice_arrays(model, 2 * _CELL_PAD), _dipoles(model), only_field
    )
    at_ends = _kernel(grid.two_centre_ends, ("kept", "is_polar"))
    energy_pn, ends_p = at_ends(at_points, slot_so, kept, model.long_range is not None)
    numbers = (pairs.initial_k, _padded(pairs.final_qk, _Q_PAD))
    return energy_pn, (ends_p, at_q, model.crystal.masses, numbers)


def _one(material: tuple, count, limits: grid.Limits, bands: int):
    ends_p, at_q, mass_s, (initial_k, final_qk) = material
    numbers = grid.Numbers(initial_k, final_qk, count)
    return grid.two_centre_squares(ends_p, at_q, mass_s, numbers, limits, bands)


def _many(stacked: tuple, count, limits: grid.Limits, bands: int):
    return jax.vmap(lambda material: _one(material, count, limits, bands))(stacked)


@cache
def _kernel(function: Callable, static: str | tuple | None = None) -> Callable:
    """A function compiled; on a CPU in a third of the usual time.

    What these kernels do is in library calls; how their loops are compiled makes no difference
    that can be measured.
    """
    options = _QUICK if jax.default_backend() == "cpu" else None
    return jax.jit(function, static_argnames=static, compiler_options=options)


def _one_general(model: Model, pairs: grid.Pairs, limits: grid.Limits, bands: int) -> Strengths:
    """A general model; long lists of q are filled up with the last one to whole chunks."""
    n_q = len(pairs.q_q3)
    missing = -n_q % grid.Q_CHUNK if n_q > grid.Q_CHUNK else 0
    filled = pairs._replace(
        q_q3=np.concatenate([pairs.q_q3, np.repeat(pairs.q_q3[-1:], missing, axis=0)]),
        final_qk=np.concatenate([pairs.final_qk, np.repeat(pairs.final_qk[-1:], missing, axis=0)]),
    )
    squares = jax.device_get(_one_wannier(*_wannier_arrays(model), filled, limits, bands))
    return _strengths(_cut(squares, n_q))


def _cut(squares: grid.Squares, n_q: int) -> grid.Squares:
    return squares._replace(
        energy_qv=squares.energy_qv[:n_q], square_qkvmn=squares.square_qkvmn[:n_q]
    )


@partial(jax.jit, static_argnames="bands")
def _one_wannier(electrons, lattice, dipoles, pairs, limits, bands) -> grid.Squares:
    return grid.wannier_squares(electrons, lattice, dipoles, pairs, limits, bands)


def _strengths(squares: grid.Squares) -> Strengths:
    g_mnvkq = np.sqrt(np.asarray(squares.square_qkvmn).transpose(3, 4, 2, 1, 0))
    return Strengths(np.asarray(squares.energy_pn), np.asarray(squares.energy_qv), g_mnvkq)


def _lattice_arrays(model: Model, smallest: int) -> grid.Lattice:
    constants = model.force_constants
    return grid.Lattice(
        _padded(constants.cells, smallest), _padded(constants.phi, smallest), model.crystal.masses
    )


def _wannier_arrays(model: Model):
    hopping, coupling = model.hopping, model.coupling
    phonon_cells, electron_cells = coupling.phonon_cells, coupling.electron_cells
    missing = [-len(cells) % _COARSE_PAD for cells in (phonon_cells, electron_cells)]
    g = np.asarray(coupling.g, complex)
    if any(missing):
        g = np.pad(g, [(0, missing[0]), (0, 0), (0, 0), (0, missing[1]), (0, 0), (0, 0)])
    electrons = grid.Wannier(
        _padded(hopping.cells, _CELL_PAD),
        _padded(np.asarray(hopping.energy, complex), _CELL_PAD),
        np.pad(phonon_cells, ((0, missing[0]), (0, 0))),
        np.pad(electron_cells, ((0, missing[1]), (0, 0))),
        g,
        hopping.site,
    )
    return electrons, _lattice_arrays(model, 2 * _CELL_PAD), _dipoles(model)


def _dipoles(model: Model) -> longrange.DipoleSum | None:
    """The dipole sums with their reciprocal vectors padded by some that do not count."""
    if model.long_range is None:
        return None
    dipoles = longrange.dipole_sum(model.long_range, model.crystal)

    def longer(waves):
        vector_g3 = np.asarray(waves.vector_g3)
        missing = _length(len(vector_g3), _WAVE_PAD) - len(vector_g3)
        filled = np.pad(vector_g3, ((0, missing), (0, 0)), constant_values=_FAR)
        return waves._replace(vector_g3=filled)

    return dipoles._replace(lattice=longer(dipoles.lattice), coupling=longer(dipoles.coupling))


def _length(count: int, smallest: int) -> int:
    """A power of two not below count and smallest."""
    return max(smallest, 1 << (count - 1).bit_length())


def _padded(values_r, smallest: int):
    """Zeros appended to the first axis, up to a power of two not below the smallest."""
    missing = _length(len(values_r), smallest) - len(values_r)
    return np.pad(values_r, [(0, missing)] + [(0, 0)] * (values_r.ndim - 1))
