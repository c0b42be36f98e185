"""Codes of one block: which step of the transform, and which step of what it leaves.

A code of the transform alone is best where there are few bits.  With more of them the transform
ends at a share of the bits, and the rest states remainders (remainder.py).  Several shares are
tried; what is taken is what decodes best.

Axes   x band-band-mode channels   o orbits   e integers or different numbers
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Pattern, entries_of, no_degeneracy, pattern_of
from ephforge.model.bitstream import (
    STEPS,
    Header,
    Writer,
    scale_number,
    scale_value,
    step_value,
    write_header,
    write_integers,
)
from ephforge.model.remainder import N_STEPS, Remainder, write_remainder
from ephforge.model.sparse import dictionary_of, integers

if TYPE_CHECKING:
    from ephforge.model.codec import Codec

EXACT = 1e-3  # relative distance of a block from its projection that is rounding
SHARES = (0.08, 0.16, 0.3, 0.5, 0.8)  # of the bits that the transform gets, if not all
FIRST, STRIDE = 128, 32  # numbers of steps that a search begins with
MOST = 2.0  # bits of the transform for each different number; more never pay


@dataclass(frozen=True)
class Rebuilt:
    """|g| with rms 1, about, times the root of the orbits' shares, and what remainders need."""

    remainder: Remainder
    y_xo: Float[np.ndarray, "x o"]

    def with_remainder(self, left_e: Float[np.ndarray, " e"]) -> "Rebuilt":
        """With remainders added."""
        return replace(self, y_xo=self.y_xo + self.remainder.spread(left_e))

    def g(self, shape: tuple[int, ...]) -> Float[np.ndarray, "m n v o"]:
        """|g| with rms 1, about."""
        root_o = self.remainder.dictionary.entries.root_o
        return np.maximum(self.y_xo / root_o, 0.0).reshape(shape)


class Found(NamedTuple):
    """A code: bytes, |g| in meV that they decode to, and the distance from the block."""

    data: bytes
    g: Float[np.ndarray, "m n v o"]
    miss: float


class Encoder:
    """Codes of one block with one pattern of degeneracies; each step is tried once.

    Attributes:
      shares: of the bits that the transform gets where remainders follow.
      most: bits that it gets at all, for each different number.
    """

    shares, most = SHARES, MOST

    def __init__(self, codec: "Codec", block: Block, pattern: Pattern | None, rms: float):
        self.codec, self.block, self.pattern = codec, block, pattern
        self.ends = codec.ends_of(block)
        free = no_degeneracy(block.orbits, len(block.g), block.g.shape[2])
        self.dictionary = dictionary_of(block, codec.statistics, pattern or free)
        self.scale = scale_number(rms)
        root_o = self.dictionary.entries.root_o
        self.y_xo = block.g.reshape(-1, len(root_o)) * (root_o / scale_value(self.scale))
        self.transformed = cache(self._transformed)
        self.rebuilt = cache(self._rebuilt)
        self.ended = cache(self._ended)

    def within(self, bits: int) -> list[Found]:
        """Codes of at most so many bits, with and without remainders; none for a block of zeros."""
        if not np.any(self.y_xo):
            return []
        most = int(min(bits, self.most * len(self.dictionary.entries.weight_e)))
        alone = _last(lambda n: 8 * len(self.ended(n, 0)[0]) <= most, -1, STEPS - 1)
        if alone < 0:
            return []
        found = [self._found(alone, 0)]
        for start in sorted({self._start(min(int(share * bits), most)) for share in self.shares}):
            end = _last(lambda n, s=start: 8 * len(self.ended(s, n)[0]) <= bits, 0, N_STEPS - 1)
            if end:
                found.append(self._found(start, end))
        return [one for one in found if one.data]

    def _start(self, bits: int) -> int:
        """Number of the finest step whose integers take at most so many bits."""
        return max(_last(lambda n: 8 * len(self.ended(n, 0)[0]) <= bits, -1, STEPS - 1), 0)

    def _found(self, start: int, end: int) -> Found:
        data, left_e = self.ended(start, end)
        rebuilt = self.rebuilt(start)
        if left_e is not None:
            rebuilt = rebuilt.with_remainder(left_e)
        g = scale_value(self.scale) * rebuilt.g(self.block.g.shape)
        size_o = self.block.orbits.size_o.astype(float)
        return Found(data, g, float(np.sum((g - self.block.g) ** 2 @ size_o)))

    def _transformed(self, number: int) -> tuple[np.ndarray, Writer]:
        """Integers of the transform, and the writer that has written them."""
        step = step_value(number)
        n_e = integers(self.dictionary, self.y_xo, step)
        writer = Writer()
        write_header(writer, Header(self.scale, number, self.pattern), self.ends)
        write_integers(writer, n_e, self.dictionary, step, self.codec.prior)
        return n_e, writer

    def _rebuilt(self, number: int) -> Rebuilt:
        n_e, _ = self.transformed(number)
        return self.codec.synthesise(self.block, self.dictionary, n_e, step_value(number))

    def _ended(self, start: int, end: int) -> tuple[bytes, np.ndarray | None]:
        """Bytes of steps of transform and remainders, and what is decoded of the latter."""
        writer = self.transformed(start)[1].copy()
        writer.number(int(end > 0), 2)
        if not end:
            return writer.bytes(), None
        writer.number(end, N_STEPS)
        rebuilt = self.rebuilt(start)
        left_e = rebuilt.remainder.left_of(self.y_xo, rebuilt.y_xo)
        prior = self.codec.remainder_prior
        left_e = write_remainder(writer, rebuilt.remainder, left_e, end, prior)
        return writer.bytes(), left_e


def patterns_of(block: Block) -> list[Pattern | None]:
    """Patterns worth trying: none as well where degenerate states couple differently."""
    pattern = pattern_of(block)
    root_o = np.sqrt(block.orbits.size_o / block.orbits.size_o.sum())
    y_xo = block.g.reshape(-1, len(root_o)) * root_o
    left = np.linalg.norm(entries_of(block, pattern).project(y_xo) - y_xo)
    return [pattern] if left <= EXACT * np.linalg.norm(y_xo) else [pattern, None]


def _last(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The last number that holds; sizes rise with it but for a few bytes.

    In strides first, since large numbers take long, then by bisection; low is not asked for.
    """
    reach = min(low + FIRST, high)
    while holds(reach):
        low = reach
        if reach == high:
            return high
        reach = min(reach + STRIDE, high)
    high = reach - 1
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low
