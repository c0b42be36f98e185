"""Error-bounded storage: what an approximation misses, such that no element is off by more.

Residuals are rounded to multiples of twice the bound and range coded; the coder learns their
scales channel by channel and orbit by orbit.  The approximation may come from anything that the
decoder can repeat: an autoencoder, principal components, zero.
"""

import struct

import numpy as np
from jaxtyping import Float

from ephforge.baselines import coder
from ephforge.baselines.orbits import distinct_entries
from ephforge.baselines.symmetric import hermitian_mean
from ephforge.core.errors import EphforgeError
from ephforge.core.symmetry import Orbits

_HEADER = ">fh"  # the bound actually kept, and the mean residual in quarter octaves of the step
_PER_OCTAVE = 4
_SMALLEST_MEAN = 1e-6  # in steps
_ROUNDING = 1e-6  # of the bound, left for the arithmetic


def bounded(
    g: Float[np.ndarray, "*c o"], approximation: Float[np.ndarray, "*c o"], bound: float
) -> bytes:
    """The code of g given an approximation, unit of both and of the bound the same.

    `restored` gives |restored - g| <= bound on every element.
    """
    residual = np.asarray(g, float) - approximation
    row, column = _places(residual.shape)
    return _coded(residual.ravel(), row, column, bound)


def restored(data: bytes, approximation: Float[np.ndarray, "*c o"]) -> Float[np.ndarray, "*c o"]:
    """Inverse of `bounded`, from the same approximation."""
    row, column = _places(approximation.shape)
    return approximation + _decoded(data, row, column).reshape(approximation.shape)


def bounded_block(
    g_mnvo: Float[np.ndarray, "m n v o"],
    approximation_mnvo: Float[np.ndarray, "m n v o"],
    orbits: Orbits,
    bound: float,
) -> bytes:
    """As `bounded`, each pair of hermitian partners once.

    The two of a pair differ a little in first-principles data; their mean is coded, and half
    of the largest difference is taken off the bound.

    Raises:
      EphforgeError: the bound is not larger than that half.
    """
    mean_mnvo = hermitian_mean(np.asarray(g_mnvo, float), orbits)
    half = float(np.abs(mean_mnvo - g_mnvo).max())
    if bound <= half:
        raise EphforgeError(
            f"error bound {bound} meV: expected more than {half:.3g} meV, by which |g| of this "
            "material breaks hermiticity; take a larger bound"
        )
    entries = distinct_entries(orbits, g_mnvo.shape[:3])
    residual_mnvo = mean_mnvo - hermitian_mean(np.asarray(approximation_mnvo, float), orbits)
    residual_e = residual_mnvo.ravel()[entries.first_e]
    return _coded(residual_e, entries.channel_e, entries.orbit_e, bound - half)


def restored_block(
    data: bytes, approximation_mnvo: Float[np.ndarray, "m n v o"], orbits: Orbits
) -> Float[np.ndarray, "m n v o"]:
    """Inverse of `bounded_block`."""
    entries = distinct_entries(orbits, approximation_mnvo.shape[:3])
    residual_e = _decoded(data, entries.channel_e, entries.orbit_e)
    residual_mnvo = residual_e[entries.entry_c].reshape(approximation_mnvo.shape)
    return hermitian_mean(np.asarray(approximation_mnvo, float), orbits) + residual_mnvo


def _coded(residual_e, row_e, column_e, bound: float) -> bytes:
    kept = float(np.nextafter(np.float32(bound * (1 - _ROUNDING)), np.float32(0)))
    smallest = float(np.abs(residual_e).max(initial=0)) / 2**coder.LARGEST_WIDTH
    if kept <= smallest:
        raise EphforgeError(
            f"error bound {bound}: expected a positive number above {smallest:.3g}, the accuracy "
            "of single precision; take a larger bound"
        )
    mean = float(np.abs(residual_e).mean()) / (2 * kept)
    octave = round(_PER_OCTAVE * np.log2(max(mean, _SMALLEST_MEAN)))
    known = _table(row_e, column_e, 2 * kept, octave)
    symbols = coder.encode(residual_e, known, 2 * kept, price=0.0)
    return struct.pack(_HEADER, kept, octave) + symbols


def _decoded(data: bytes, row_e, column_e) -> Float[np.ndarray, " e"]:
    size = struct.calcsize(_HEADER)
    kept, octave = struct.unpack(_HEADER, data[:size])
    return coder.decode(data[size:], _table(row_e, column_e, 2 * kept, octave), 2 * kept)


def _table(row_e, column_e, step: float, octave: int) -> coder.Table:
    scale = step * 2.0 ** (octave / _PER_OCTAVE)
    return coder.Table(np.full(len(row_e), scale), row_e, column_e)


def _places(shape: tuple[int, ...]):
    """Row (all axes but the last) and column (the last) of each element."""
    row, column = np.indices((int(np.prod(shape[:-1])), shape[-1]))
    return row.ravel(), column.ravel()
