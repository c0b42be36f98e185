"""One kind of coefficients as bytes: step, pulls, offset, changed weights, range-coded numbers."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.modelcodec import laws
from ephforge.modelcodec.laws import Symbols
from ephforge.modelcodec.prior import Prior, grains
from ephforge.modelcodec.quantise import PULL_BITS, Quantised

_STEP_BITS, _OFFSET_BITS = 13, 2


class Coded(NamedTuple):
    """Bytes of coefficients, and what they say."""

    data: bytes
    quantised: Quantised


def write(found: Quantised, prior: Prior, default: Prior, offset: int, features_nf) -> bytes:
    """Bytes of numbers; the features are `grains` with this offset."""
    step = found.step + (1 << (_STEP_BITS - 1))
    bits = _plain(step, _STEP_BITS) + _plain(offset, _OFFSET_BITS)
    for pull in found.pulls:
        bits += _plain(pull + (1 << (PULL_BITS - 1)), PULL_BITS)
    for change in (prior.weight_f - default.weight_f).tolist():
        bits += laws.gamma(2 * change if change >= 0 else -2 * change - 1)
    return laws.encode(bits, Symbols(found.value_n, prior.classes(features_nf, found.step)))


def read(data: bytes, default: Prior, features_nf: Float[np.ndarray, "n f"]) -> Quantised:
    """Inverse of `write`; features as real numbers."""
    decoder = laws.Decoder(data)
    step = _number(decoder.bits(_STEP_BITS)) - (1 << (_STEP_BITS - 1))
    offset = _number(decoder.bits(_OFFSET_BITS))
    pulls = [_number(decoder.bits(PULL_BITS)) - (1 << (PULL_BITS - 1)) for _ in range(2)]
    zigzag_f = np.array([decoder.gamma() for _ in default.weight_f])
    change_f = np.where(zigzag_f % 2 == 0, zigzag_f // 2, -(zigzag_f + 1) // 2)
    prior = Prior(default.weight_f + change_f)
    class_n = prior.classes(grains(features_nf, offset), step)
    return Quantised(decoder.numbers(class_n), step, tuple(pulls))


def _plain(number: int, count: int) -> list[int]:
    return [number >> place & 1 for place in reversed(range(count))]


def _number(bits: list[int]) -> int:
    return int("".join(map(str, bits)), 2)
