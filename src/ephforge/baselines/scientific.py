"""SZ3 and ZFP, compressors of scientific arrays with bounded errors, within a number of bits.

Each sees the full grid as it is, and the arrays that symmetry leaves: band pairs m <= n, modes and
orbits, weighted such that their norm is that of the grid.  All orders of axes and predictors
listed here are tried at falling error bounds; for each budget the best of those that fit is
kept, and one byte is charged for telling which it was, two for the bound that ZFP needs.
SZ3: Liang et al., IEEE Trans. Big Data 9, 485 (2023).  ZFP: Lindstrom, IEEE TVCG 20, 2674 (2014).
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import zfpy
from jaxtyping import Float
from pysz import sz, szAlgorithm, szConfig, szErrorBoundMode

from ephforge.baselines.measure import Code
from ephforge.baselines.orbits import distinct_entries
from ephforge.baselines.symmetric import band_pairs, pack, spread, unpack, weight_pvo
from ephforge.core.blocks import Block, on_grid
from ephforge.core.symmetry import Orbits

_CHOICE_BYTES, _BOUND_BYTES = 1, 2
_BELOW = 1 - 1e-6  # of a bound, left for the arithmetic
_BOUNDS_PER_OCTAVE = 4
_OCTAVES = 26
_LOOSEST = 10  # octaves: ZFP stays far below its tolerance
# bits per number at fixed rate: below, and in one dimension, zfpy 1.0 writes past its buffer
_SMALLEST_RATE = 1.0
# where symmetry is not used far fewer bounds are worth their time
_BOUNDS_PER_OCTAVE_FULL, _OCTAVES_FULL = 1, 8
_SZ3_LAYOUTS = (
    (szAlgorithm.NOPRED, "o pv"),
    (szAlgorithm.LORENZO_REG, "p v o"),
    (szAlgorithm.LORENZO_REG, "o v p"),
    (szAlgorithm.INTERP_LORENZO, "o pv"),
    (szAlgorithm.INTERP_LORENZO, "pvo"),
)
_ZFP_LAYOUTS = ("o pv", "p v o", "pvo")


class Array(NamedTuple):
    """An array as a compressor sees it, and how |g| on the full grid comes back."""

    values: np.ndarray
    restore: Callable[[np.ndarray], np.ndarray]


class _Try(NamedTuple):
    error: float
    bits: int
    rebuilt: np.ndarray
    array: Array


def sz3(block: Block, allowed: list[int]) -> list[Code]:
    """Best of some predictors and layouts of SZ3."""
    reduced = layouts(block)
    tries = []
    for algorithm, layout in _SZ3_LAYOUTS:
        tries += _sz3_tries(reduced[layout], algorithm, _bounds(reduced[layout]), max(allowed))
    full = _full(block)
    bounds = _bounds(full, _BOUNDS_PER_OCTAVE_FULL, _OCTAVES_FULL)
    tries += _sz3_tries(full, szAlgorithm.LORENZO_REG, bounds, max(allowed))
    return _best(block, tries, allowed)


def zfp(block: Block, allowed: list[int]) -> list[Code]:
    """Best of some layouts of ZFP, with an error tolerance or at a fixed rate."""
    reduced, tries = layouts(block), []
    for array in (*(reduced[layout] for layout in _ZFP_LAYOUTS), _full(block)):
        top = float(np.abs(array.values).max()) or 1.0
        options = [{"tolerance": top * 2.0**-i} for i in range(-_LOOSEST, _OCTAVES)]
        rates = [0.95 * limit / array.values.size for limit in allowed]
        if array.values.ndim > 1:
            options += [{"rate": rate} for rate in rates if rate >= _SMALLEST_RATE]
        tries += _zfp_tries(array, options, max(allowed))
    return _best(block, tries, allowed)


def layouts(block: Block) -> dict[str, Array]:
    """Weighted arrays that symmetry leaves, axes in several orders, single precision."""
    bands, orbits = len(block.g), block.orbits
    weight = weight_pvo(orbits, bands)
    y_pvo = (pack(on_grid(block), orbits) * weight).astype(np.float32)
    p, v, o = y_pvo.shape

    def restored(y_pvo):
        return spread(unpack(y_pvo / weight, orbits, bands), orbits)

    return {
        "p v o": Array(y_pvo, restored),
        "pvo": Array(y_pvo.ravel(), lambda y: restored(y.reshape(p, v, o))),
        "o pv": Array(
            np.ascontiguousarray(y_pvo.reshape(p * v, o).T),
            lambda y: restored(y.T.reshape(p, v, o)),
        ),
        "o v p": Array(
            np.ascontiguousarray(y_pvo.transpose(2, 1, 0)),
            lambda y: restored(y.transpose(2, 1, 0)),
        ),
    }


def sz3_bytes(values: np.ndarray, bound: float, algorithm: int) -> bytes:
    """What SZ3 makes of an array, no element off by more than the bound."""
    config = szConfig()
    config.errorBoundMode, config.absErrorBound = szErrorBoundMode.ABS, bound
    config.cmprAlgo = algorithm
    return sz.compress(values, config)[0].tobytes()


def sz3_array(data: bytes, values: np.ndarray) -> np.ndarray:
    """Back from `sz3_bytes`; type and shape are those of an array known to the decoder."""
    return sz.decompress(np.frombuffer(data, np.uint8), values.dtype, values.shape)[0]


def _full(block: Block) -> Array:
    grid = on_grid(block)
    values = np.ascontiguousarray(grid.reshape(-1, *grid.shape[3:]), np.float32)
    return Array(values, lambda g: g.reshape(grid.shape))


def _bounds(array: Array, per_octave=_BOUNDS_PER_OCTAVE, octaves=_OCTAVES) -> list[float]:
    top = float(np.abs(array.values).max()) or 1.0
    return [2 * top * 2.0 ** (-i / per_octave) for i in range(per_octave * octaves)]


def _sz3_tries(array: Array, algorithm, bounds: list[float], limit: int) -> Iterator[_Try]:
    """One try a bound, until they are too long for the largest budget."""
    for bound in bounds:
        data = sz3_bytes(array.values, bound, algorithm)
        bits = 8 * (len(data) + _CHOICE_BYTES)
        if bits > limit:
            return
        yield _tried(array, sz3_array(data, array.values), bits)


def _zfp_tries(array: Array, options: list[dict], limit: int) -> Iterator[_Try]:
    kind = zfpy.dtype_to_ztype(array.values.dtype)
    for option in options:
        data = zfpy.compress_numpy(array.values, write_header=False, **option)
        bits = 8 * (len(data) + _CHOICE_BYTES + _BOUND_BYTES)
        if bits <= limit:
            rebuilt = zfpy._decompress(data, kind, array.values.shape, **option)
            yield _tried(array, rebuilt, bits)


def _tried(array: Array, rebuilt: np.ndarray, bits: int) -> _Try:
    return _Try(float(np.linalg.norm(rebuilt - array.values)), bits, rebuilt, array)


def _best(block: Block, tries: list[_Try], allowed: list[int]) -> list[Code]:
    """Of the tries within each budget the one with the smallest error; zero costs nothing."""
    codes = []
    nothing = float(np.linalg.norm(on_grid(block)))
    for limit in allowed:
        fitting = [found for found in tries if found.bits <= limit and found.error < nothing]
        if not fitting:
            codes.append(Code(np.zeros(on_grid(block).shape), 0))
            continue
        best = min(fitting, key=lambda found: found.error)
        codes.append(Code(best.array.restore(best.rebuilt.astype(float)), best.bits))
    return codes


def symmetric_sz3(
    g_mnvo: Float[np.ndarray, "m n v o"], orbits: Orbits, bound: float
) -> tuple[Float[np.ndarray, "m n v o"], int]:
    """The shortest SZ3 code of hermitian |g| with no element off by more than the bound.

    Returns:
      The rebuilt array and its bits, one byte for the choice of predictor and axes included.
    """
    entries = distinct_entries(orbits, g_mnvo.shape[:3])
    bands = len(g_mnvo)
    once = np.ascontiguousarray(g_mnvo.ravel()[entries.first_e])
    pairs = np.ascontiguousarray(g_mnvo[band_pairs(bands)])  # bands m = n twice, but a box
    p, v, o = pairs.shape
    flat = np.ascontiguousarray(pairs.reshape(p * v, o).T)
    bits, rebuilt = _shortest_sz3((once, pairs, flat), bound)
    if rebuilt.ndim == 1:
        return rebuilt[entries.entry_c].reshape(g_mnvo.shape), bits
    x_pvo = rebuilt if rebuilt.ndim == 3 else rebuilt.T.reshape(p, v, o)
    return unpack(x_pvo, orbits, bands), bits


def whole_sz3(
    g_mnvo: Float[np.ndarray, "m n v o"], bound: float
) -> tuple[Float[np.ndarray, "m n v o"], int]:
    """As `symmetric_sz3`, of |g| that is not hermitian within the bound."""
    rows = np.ascontiguousarray(g_mnvo.reshape(-1, g_mnvo.shape[-1]))
    turned = np.ascontiguousarray(rows.T)[None]  # told from the others by its axes
    bits, rebuilt = _shortest_sz3((rows.ravel(), rows, turned), bound)
    return (rebuilt[0].T if rebuilt.ndim == 3 else rebuilt).reshape(g_mnvo.shape), bits


def _shortest_sz3(layouts: tuple[np.ndarray, ...], bound: float) -> tuple[int, np.ndarray]:
    """Bits and rebuilt array of the layout and predictor that take fewest."""
    found = []
    for algorithm in (szAlgorithm.NOPRED, szAlgorithm.LORENZO_REG, szAlgorithm.INTERP_LORENZO):
        for values in layouts:
            data = sz3_bytes(values, bound * _BELOW, algorithm)
            found.append((8 * (len(data) + _CHOICE_BYTES), sz3_array(data, values)))
    return min(found, key=lambda code: code[0])
