"""Runs the kernels over many materials: which of them go together, and with how many bands.

A CPU takes one material at a time; an accelerator takes many of a shape together (arrays.py).
A material's numbers depend neither on its batch nor on its padding.
"""

from collections import defaultdict
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ephforge.core.devices import keep_compiled_kernels
from ephforge.core.realspace import Model, TwoCentreCoupling
from ephforge.coupling import grid, two_centre, two_centre_grid
from ephforge.coupling.arrays import (
    Q_PAD,
    compiled,
    padded,
    padded_length,
    two_centre_arrays,
)
from ephforge.coupling.source import GeneralSource, Stream, TwoCentreSource

# bands taken along above the window, so that it cuts no group of degenerate ones; where one is
# longer still the material is computed again with more
_MARGIN = 4
_LARGEST_BATCH = 2**28  # complex numbers of H, S, A, B of the materials taken together: 4 GB
_LARGEST_ROOM = 2**24  # bytes of |g| that one call computes, on a CPU


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


def _shape(model: Model, pairs: grid.Pairs) -> tuple:
    """What decides which kernel runs."""
    hopping, coupling = model.hopping, model.coupling
    slot_so = two_centre.slots(hopping.site, len(model.crystal.masses))
    parts = (hopping.overlap, coupling.crystal_field, coupling.basis_derivative, model.long_range)
    points = (len(pairs.points_p3), len(pairs.initial_k), padded_length(len(pairs.q_q3), Q_PAD))
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
    if len(parts) == 1:
        return [_one_two_centre(*parts[0], limits, window)]
    prepared = [two_centre_arrays(*part, window.kept) for part in parts]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *(arrays[1:] for arrays in prepared))
    mass_is = np.stack([model.crystal.masses for model, _ in parts])
    final_iqk = np.stack([padded(pairs.final_qk, Q_PAD) for _, pairs in parts])
    count = max(len(pairs.q_q3) for _, pairs in parts)
    wanted = grid.Wanted(window.bands)
    room = wanted.room(final_iqk.shape[1], len(parts[0][1].initial_k), 3 * mass_is.shape[1])
    g_ixkvmn = jax.device_get(
        compiled(_many, ("wanted",))(
            *stacked,
            mass_is,
            parts[0][1].initial_k,
            final_iqk,
            np.int32(count),
            limits,
            room,
            wanted=wanted,
        )
    )
    energies = jax.device_get(
        [(energy_pn, at_q.modes.energy_qv) for energy_pn, _, at_q in prepared]
    )
    return [
        Strengths(energy_pn, energy_qv[: len(q)], g_xkvmn[: len(q)].transpose(3, 4, 2, 1, 0))
        for (energy_pn, energy_qv), g_xkvmn, q in zip(
            energies, g_ixkvmn, (pairs.q_q3 for _, pairs in parts), strict=True
        )
    ]


def _many(ends_ip, at_iq, mass_is, initial_k, final_iqk, count, limits, room_xkvmn, wanted):
    def one(ends_p, at_q, mass_s, final_qk):
        start = jnp.zeros_like(count)
        numbers = grid.Numbers(initial_k, final_qk, start, count, start)
        own_k = jax.tree.map(lambda x: x[initial_k], ends_p)
        groups = grid.groups(ends_p.energy_n, limits.degeneracy, wanted.is_single)
        return two_centre_grid.couplings(
            own_k, ends_p, groups, at_q, mass_s, numbers, limits, wanted, room_xkvmn
        )

    return jax.vmap(one)(ends_ip, at_iq, mass_is, final_iqk)


def _one_two_centre(
    model: Model, pairs: grid.Pairs, limits: grid.Limits, window: Window
) -> Strengths:
    wanted = grid.Wanted(window.bands)
    return _collected(TwoCentreSource(model, limits, wanted, window.kept).at(pairs))


def _one_general(model: Model, pairs: grid.Pairs, limits: grid.Limits, bands: int) -> Strengths:
    wanted = grid.Wanted(min(bands, len(model.hopping.site)))
    return _collected(GeneralSource(model, limits, wanted, pairs.meshes).at(pairs))


def _collected(found: Stream) -> Strengths:
    g_qkvmn = found.all_q(_LARGEST_ROOM)
    return Strengths(found.energy_pn, found.energy_qv, g_qkvmn.transpose(3, 4, 2, 1, 0))
