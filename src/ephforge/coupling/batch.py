"""Runs the kernels over many materials: same shapes together, padded, compiled once.

A bucket is (atoms, orbitals, length of the padded R lists).  Batches are filled up to the
batch size, so that a campaign compiles one kernel per bucket; compiled kernels persist
between processes.  A material's numbers do not depend on its batch or its padding.
"""

import os
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from ephforge.core.realspace import Model, TwoCentreCoupling
from ephforge.coupling import grid, longrange

_HOPPING_PAD = 64  # cells; longer lists are padded to powers of two
_PHI_PAD = 128


class Strengths(NamedTuple):
    """Bands (eV) at the points, phonon energies (eV), shared |g| (eV) of one material."""

    energy_pn: Float[np.ndarray, "p n"]
    energy_qv: Float[np.ndarray, "q v"]
    g_mnvkq: Float[np.ndarray, "m n v k q"]


def evaluate(
    models: list[Model], pairs: grid.Pairs, limits: grid.Limits, bands: int, batch_size: int
) -> list[Strengths]:
    """|g| of every model on the pairs, in the order given.

    Args:
      models: of either coupling; the general one runs one at a time, its arrays being large.
      bands: the lowest so many are kept; fewer where the basis has fewer.
      batch_size: two-centre materials per kernel call.
    """
    keep_compiled_kernels()
    found: dict[int, Strengths] = {}
    buckets = defaultdict(list)
    for i, model in enumerate(models):
        if isinstance(model.coupling, TwoCentreCoupling):
            electrons, lattice = _two_centre_arrays(model)
            shapes = tuple(x.shape for x in (*electrons, *lattice))
            buckets[shapes].append((i, (electrons, lattice)))
        else:
            squares = _one_wannier(*_wannier_arrays(model), pairs, limits, bands)
            found[i] = _strengths(squares)
    for members in buckets.values():
        for first in range(0, len(members), batch_size):
            numbers, arrays = zip(*members[first : first + batch_size], strict=True)
            filled = arrays + arrays[-1:] * (batch_size - len(arrays))
            electrons, lattice = jax.tree.map(lambda *x: np.stack(x), *filled)
            squares = jax.device_get(_many_two_centre(electrons, lattice, pairs, limits, bands))
            for row, i in enumerate(numbers):
                found[i] = _strengths(grid.Squares(*(x[row] for x in squares)))
    return [found[i] for i in range(len(models))]


def keep_compiled_kernels() -> None:
    """Keep compiled kernels in $EPHFORGE_CACHE, by default ~/.cache/ephforge/jax."""
    default = Path.home() / ".cache" / "ephforge" / "jax"
    jax.config.update("jax_compilation_cache_dir", os.environ.get("EPHFORGE_CACHE", str(default)))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@partial(jax.jit, static_argnames="bands")
def _many_two_centre(electrons, lattice, pairs, limits, bands) -> grid.Squares:
    over_materials = jax.vmap(grid.two_centre_squares, (0, 0, None, None, None))
    return over_materials(electrons, lattice, pairs, limits, bands)


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


def _two_centre_arrays(model: Model) -> tuple[grid.TwoCentre, grid.Lattice]:
    hopping = model.hopping
    electrons = grid.TwoCentre(
        _padded(hopping.cells, _HOPPING_PAD),
        _padded(hopping.energy, _HOPPING_PAD),
        _padded(model.coupling.gradient, _HOPPING_PAD),
        hopping.site,
    )
    return electrons, _lattice_arrays(model, _PHI_PAD)


def _wannier_arrays(model: Model):
    hopping, coupling = model.hopping, model.coupling
    electrons = grid.Wannier(
        hopping.cells,
        np.asarray(hopping.energy, complex),
        coupling.phonon_cells,
        coupling.electron_cells,
        np.asarray(coupling.g, complex),
    )
    dipoles = None
    if model.long_range is not None:
        dipoles = longrange.dipole_sum(model.long_range, model.crystal)
    return electrons, _lattice_arrays(model, 1), dipoles


def _padded(values_r, smallest: int):
    """Zeros appended to the first axis, up to a power of two not below the smallest."""
    count = len(values_r)
    length = max(smallest, 1 << (count - 1).bit_length())
    return np.pad(values_r, [(0, length - count)] + [(0, 0)] * (values_r.ndim - 1))
