"""One kind of coefficients as bytes: step, pulls, offset, changed weights, range-coded numbers."""

import struct
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.modelcodec import laws
from ephforge.modelcodec.laws import Symbols
from ephforge.modelcodec.prior import Prior, grains
from ephforge.modelcodec.quantise import Quantised

_MIDDLE = 8  # a pull of zero, in its four bits
_FIXED = struct.Struct("<hBB")


class Coded(NamedTuple):
    """Bytes of coefficients, and what they say."""

    data: bytes
    quantised: Quantised


def write(found: Quantised, prior: Prior, default: Prior, offset: int, features_nf) -> bytes:
    """Bytes of numbers; the features are `grains` with this offset."""
    pulls = (found.pulls[0] + _MIDDLE) << 4 | (found.pulls[1] + _MIDDLE)
    weights = _gamma(prior.weight_f - default.weight_f)
    symbols = Symbols(found.value_n, prior.classes(features_nf, found.step))
    fixed = _FIXED.pack(found.step, pulls, offset << 6 | len(weights))
    return fixed + weights + laws.encode(symbols)


def read(data: bytes, default: Prior, features_nf: Float[np.ndarray, "n f"]) -> Quantised:
    """Inverse of `write`; features as real numbers."""
    step, pulls, packed = _FIXED.unpack_from(data)
    offset, length = packed >> 6, packed & 63
    start = _FIXED.size + length
    change_f = _read_gamma(data[_FIXED.size : start], len(default.weight_f))
    prior = Prior(default.weight_f + change_f)
    class_n = prior.classes(grains(features_nf, offset), step)
    value_n = laws.decode(data[start:], class_n)
    return Quantised(value_n, step, ((pulls >> 4) - _MIDDLE, (pulls & 15) - _MIDDLE))


def _gamma(change_f: Int[np.ndarray, " f"]) -> bytes:
    bits = ""
    for change in change_f.tolist():
        text = bin((2 * change if change >= 0 else -2 * change - 1) + 1)[2:]
        bits += "0" * (len(text) - 1) + text
    return np.packbits([int(bit) for bit in bits]).tobytes()


def _read_gamma(data: bytes, count: int) -> Int[np.ndarray, " f"]:
    bits, place, found = np.unpackbits(np.frombuffer(data, np.uint8)), 0, []
    for _ in range(count):
        zeros = 0
        while bits[place] == 0:
            zeros, place = zeros + 1, place + 1
        number = int("".join(map(str, bits[place : place + zeros + 1])), 2) - 1
        place += zeros + 1
        found.append(number // 2 if number % 2 == 0 else -(number + 1) // 2)
    return np.array(found)
