"""How large each independent coefficient should be, from geometry alone: integers throughout.

log2 of the scale is a sum of weights times features of the triangle of two Wannier centres and an
atom (two points for H and Phi). Features are whole multiples of 1/1024 and weights are integers,
so that an encoder and a decoder on other machines find the same classes; the encoder looks that no
feature stands so near the middle of two multiples that rounding could differ.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.modelcodec.laws import PER_OCTAVE

GRAIN = 1024
STEPS_PER_OCTAVE = 64  # the quantisation step is 2^(number / 64)
_UNIT = 16  # weights are in octaves / 16 per unit of a feature
_NEAR = 1e-9  # of a grain, nearness to a rounding edge that is refused
_OFFSETS = (0.0, 0.137, 0.291, 0.433)  # of the grain; an encoder takes the first without such


class Prior(NamedTuple):
    """Weights of the features, octaves / 16; the first is that of the constant."""

    weight_f: Int[np.ndarray, " f"]

    def classes(self, features_nf: Int[np.ndarray, "n f"], step: int) -> Int[np.ndarray, " n"]:
        """Scale over step 2^(step / 64), in eighths of an octave."""
        octaves_n = features_nf @ self.weight_f.astype(np.int64)  # / (GRAIN _UNIT)
        part = GRAIN * _UNIT // PER_OCTAVE
        return (octaves_n - step * (GRAIN * _UNIT // STEPS_PER_OCTAVE)) // part


def triangle(
    between_n3: Float[np.ndarray, "n 3"],
    atom_n3: Float[np.ndarray, "n 3"],
    place_n: Int[np.ndarray, " n"],
    size_n: Int[np.ndarray, " n"],
    length: float,
) -> Float[np.ndarray, "n f"]:
    """Features of coefficients of g.

    Args:
      between_n3, atom_n3: second centre and atom seen from the first centre, angstrom.
      place_n: number of the coefficient in its block: 0 is along the direction to the middle.
      size_n: blocks in the orbit; coefficients grow as its root.
      length: unit of length, angstrom.
    """
    first = np.linalg.norm(atom_n3, axis=1) / length
    second = np.linalg.norm(atom_n3 - between_n3, axis=1) / length
    apart = np.linalg.norm(between_n3, axis=1) / length
    near, far = np.minimum(first, second), np.maximum(first, second)
    columns = (
        np.ones_like(first),
        0.5 * np.log2(size_n),
        first + second,
        apart,
        np.log2(_SOFT + first) + np.log2(_SOFT + second),
        np.log2(_SOFT + apart),
        place_n == 1,
        place_n == 2,
        place_n > 2,
        apart < _ONE_PLACE,
        far - near,
        np.log2(_SOFT + near),
        near,
        far**2 / 4,
        (first + second) * apart / 4,
    )
    return np.stack(columns, axis=1).astype(float)


_SOFT = 0.3  # lengths below which logarithms of lengths flatten
_ONE_PLACE = 1e-3


def pair(
    between_n3: Float[np.ndarray, "n 3"],
    place_n: Int[np.ndarray, " n"],
    size_n: Int[np.ndarray, " n"],
    length: float,
) -> Float[np.ndarray, "n f"]:
    """Features of coefficients of H and Phi; arguments as of `triangle`."""
    apart = np.linalg.norm(between_n3, axis=1) / length
    columns = (
        np.ones_like(apart),
        0.5 * np.log2(size_n),
        apart,
        np.log2(_SOFT + apart),
        place_n > 0,
    )
    return np.stack(columns, axis=1).astype(float)


def grains(features_nf: Float[np.ndarray, "n f"], offset: int) -> Int[np.ndarray, "n f"]:
    """Features as multiples of 1 / GRAIN."""
    return np.rint(features_nf * GRAIN + _OFFSETS[offset]).astype(np.int64)


def safe_offset(features_nf: Float[np.ndarray, "n f"]) -> int:
    """The first offset for which no feature stands at a rounding edge."""
    for number, offset in enumerate(_OFFSETS):
        fraction = (features_nf * GRAIN + offset) % 1.0
        if np.all(np.abs(fraction - 0.5) > _NEAR):
            return number
    raise ValueError("every offset has a feature at a rounding edge")
