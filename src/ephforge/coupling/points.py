"""Bands, phonons and couplings of one model at points of the caller's choice, in bounded memory.

Two meshes of which that of q divides that of k, or lists of any points.  On meshes every state is
computed once and Fourier steps are short (wannier.py); k+q of lists are points of their own.
"""

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Complex, Float

from ephforge.core.devices import keep_compiled_kernels
from ephforge.core.realspace import Model, TwoCentreCoupling
from ephforge.coupling.grid import Limits, Pairs, Wanted, list_pairs, mesh_pairs
from ephforge.coupling.source import GeneralSource, Stream, TwoCentreSource

MEMORY = 2**30  # bytes, for everything but the model itself and what Python and JAX take
# bytes, on a CPU: memory that is touched for the first time costs as much as what is computed there
_LARGEST_ROOM = 2**24
_SHARE = 8  # the kernel computes chunks of so small a part; others wait to be written
_LIST = 8  # q of a list at once: the first step of a general coupling reads all of g once for them
_SMALLEST_BLOCK = 64  # k; lists that cannot be cut in blocks of equal length are filled up


class Couplings(NamedTuple):
    """What a model gives at points: energies and g in eV, g[q, k, v, m, n]."""

    energy_k: Float[np.ndarray, "k n"]
    energy_kq: Float[np.ndarray, "q k m"]
    frequency_q: Float[np.ndarray, "q v"]
    g: Complex[np.ndarray, "q k v m n"]


class Magnitudes(NamedTuple):
    """As `Couplings`, with |g| averaged over degenerate states, magnitude[q, k, v, m, n]."""

    energy_k: Float[np.ndarray, "k n"]
    energy_kq: Float[np.ndarray, "q k m"]
    frequency_q: Float[np.ndarray, "q v"]
    magnitude: Float[np.ndarray, "q k v m n"]


class Meshes(NamedTuple):
    """Gamma-centred meshes; that of q divides that of k."""

    k_mesh: tuple[int, int, int]
    q_mesh: tuple[int, int, int]


class Lists(NamedTuple):
    """Any points, fractional."""

    k_k3: Float[np.ndarray, "k 3"]
    q_q3: Float[np.ndarray, "q 3"]


def at_points(
    model: Model, k: Float[np.ndarray, "k 3"], q: Float[np.ndarray, "q 3"], soft_mode: float
) -> Couplings:
    """Couplings g_mnv(k, q) at lists of points, in double precision.

    Args:
      k, q: fractional.
      soft_mode: eV; modes softer than this get g = 0.
    """
    limits, wanted = Limits(0.0, soft_mode), Wanted(len(model.hopping.site), is_complex=True)
    parts = _chunks(model, Lists(k, q), limits, wanted, MEMORY)
    energy_k, *others = zip(*parts, strict=True)
    return Couplings(energy_k[0], *map(np.concatenate, others))


def magnitudes(
    model: Model,
    points: Meshes | Lists,
    limits: Limits,
    memory: int = MEMORY,
    is_single: bool = False,
) -> Iterator[Magnitudes]:
    """|g_mnv(k, q)| for one chunk of q after the other.

    Args:
      limits: degeneracy tolerance and soft-mode energy.
      memory: bytes that chunks may take, those that the caller still holds or writes included.
      is_single: couplings in single precision; energies are always in double.
    """
    wanted = Wanted(len(model.hopping.site), is_single=is_single)
    for part in _chunks(model, points, limits, wanted, memory):
        yield Magnitudes(*part)


def _chunks(
    model: Model, points: Meshes | Lists, limits: Limits, wanted: Wanted, memory: int
) -> Iterator[tuple]:
    """Energies at k and at k+q, phonon energies, g."""
    keep_compiled_kernels()
    meshes = tuple(points) if isinstance(points, Meshes) else None
    if isinstance(model.coupling, TwoCentreCoupling):
        source = TwoCentreSource(model, limits, wanted, wanted.bands)
    else:
        source = GeneralSource(model, limits, wanted, meshes)
    if meshes:
        pairs = mesh_pairs(*meshes)
        largest = memory // _SHARE
        if jax.default_backend() == "cpu":
            largest = min(largest, _LARGEST_ROOM)
        yield from _parts(source.at(pairs), pairs, largest)
        return
    k_k3 = _in_blocks(points.k_k3)
    length = min(
        _LIST, len(points.q_q3), max(1, memory // _SHARE // _bytes_of_one(model, len(k_k3)))
    )
    for first in range(0, len(points.q_q3), length):
        # as many every time, so that kernels are compiled for one number
        chosen = np.minimum(np.arange(first, first + length), len(points.q_q3) - 1)
        count = min(length, len(points.q_q3) - first)
        pairs = list_pairs(k_k3, points.q_q3[chosen])
        stream = source.at(pairs)
        largest = stream.bytes_of_one * length
        for energy_k, energy_kq, frequency_q, g in _parts(stream, pairs, largest):
            few = len(points.k_k3)
            yield energy_k[:few], energy_kq[:count, :few], frequency_q[:count], g[:count, :few]


def _parts(stream: Stream, pairs: Pairs, largest: int) -> Iterator[tuple]:
    energy_kn = stream.energy_pn[pairs.initial_k]
    for first, g_xkvmn in stream.chunks(largest):
        chosen = slice(first, first + len(g_xkvmn))
        final_xkm = stream.energy_pn[pairs.final_qk[chosen]]
        yield energy_kn, final_xkm, stream.energy_qv[chosen], g_xkvmn


def _bytes_of_one(model: Model, n_k: int) -> int:
    """Of one q of a list: couplings, and states at k+q."""
    n_bands, n_modes = len(model.hopping.site), 3 * len(model.crystal.masses)
    return 16 * n_k * n_bands**2 * 2 * n_modes


def _in_blocks(k_k3: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "l 3"]:
    """Filled up with the last point to a whole number of blocks."""
    missing = -len(k_k3) % _SMALLEST_BLOCK if len(k_k3) > _SMALLEST_BLOCK else 0
    return np.concatenate([k_k3, np.repeat(k_k3[-1:], missing, axis=0)])
