"""Codes of one block: which step of the transform, and which step of what it leaves.

A code of the transform alone is best where there are few bits.  With more of them the transform
ends early, at one of a ladder of steps, and the rest states remainders (remainder.py).  What is
taken is what decodes best.  Blocks of large meshes take seconds for each step of the transform:
a step is tried once for all sizes that are asked for.

Axes   x band-band-mode channels   o orbits   e integers or different numbers
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Pattern, entries_of, no_degeneracy, pattern_of, shares_of
from ephforge.core.differences import Differences, differences_of
from ephforge.core.order import Order
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
from ephforge.model.broken import write_broken
from ephforge.model.order import write_order
from ephforge.model.remainder import N_STEPS, Remainder, remainder_step, write_remainder
from ephforge.model.sparse import Dictionary, dictionary_of, integers
from ephforge.model.spread import AS_EXPECTED, SPREADS, factor_of

if TYPE_CHECKING:
    from ephforge.model.codec import Codec

EXACT = 1e-3  # relative distance of a block from its projection that is rounding
MOST = 2.0  # bits of the transform for each different number; more never pay
RUNG = 8  # numbers of steps, a quarter of an octave: transforms that remainders follow
LEAP = 3  # rungs at first; then the neighbours of the best one
BETTER, PATIENCE = 0.99, 2  # of the least miss; leaps without such an improvement
HOPELESS = 2.0  # of the best miss: a finer step without remainders has no better one
FIRST, STRIDE = 128, 32  # numbers of steps that a search begins with
FARTHEST = 128  # that it goes at once
CLOSE = 0.999  # a code that uses this share of the bits is fine enough


@dataclass(frozen=True)
class Rebuilt:
    """|g| with rms 1, about, times the root of the orbits' shares, and what remainders need."""

    remainder: Remainder
    y_xo: Float[np.ndarray, "x o"]

    def with_remainder(self, left_e: Float[np.ndarray, " e"]) -> "Rebuilt":
        """With remainders added."""
        return replace(self, y_xo=self.y_xo + self.remainder.spread(left_e))

    def with_broken(self, differences: Differences, value_d: Float[np.ndarray, " d"]) -> "Rebuilt":
        """With what breaks hermiticity added."""
        return replace(self, y_xo=self.y_xo + differences.spread(value_d))

    @property
    def g_xo(self) -> Float[np.ndarray, "x o"]:
        """|g| with rms 1, about, channels in a row."""
        return self.y_xo / self.remainder.dictionary.entries.root_o

    def g(self, shape: tuple[int, ...]) -> Float[np.ndarray, "m n v o"]:
        """|g| with rms 1, about."""
        return np.maximum(self.g_xo, 0.0).reshape(shape)


class Left(NamedTuple):
    """What follows the transform, as decoded: remainders, and what breaks hermiticity."""

    left_e: Float[np.ndarray, " e"]
    broken_d: Float[np.ndarray, " d"]


class Found(NamedTuple):
    """A code: bytes, |g| in meV that they decode to, and the distance from the block."""

    data: bytes
    g: Float[np.ndarray, "m n v o"]
    miss: float


class Encoder:
    """Codes of one block with one pattern of degeneracies; each step is tried once.

    Args:
      pattern: sorted by energy; None where the code uses none.
      order: of the states, as the code has them.
      spread: number of the size of what components leave (spread.py).
      known: the dictionary with these as expected, if it has been made.

    Attributes:
      remainders: whether what the transform leaves may follow.
      most: bits that the transform gets at all, for each different number.
    """

    remainders, most = True, MOST

    def __init__(
        self,
        codec: "Codec",
        block: Block,
        pattern: Pattern | None,
        order: Order,
        rms: float,
        spread: int = AS_EXPECTED,
        known: Dictionary | None = None,
    ):
        self.codec, self.block = codec, block
        self.ends = codec.ends_of(block)
        seen = pattern or free_pattern(block)
        self.order, self.seen = order, order.pattern(seen)
        self.pattern = self.seen if pattern else None
        self.spread = spread
        known = known or dictionary_of(block, codec.statistics, self.seen)
        self.dictionary = known.widened(factor_of(spread))
        self.scale = scale_number(rms)
        root_o = self.dictionary.entries.root_o
        g_xo = self.order.applied(block.g, block).reshape(-1, len(root_o))
        self.y_xo = g_xo * (root_o / scale_value(self.scale))
        self.differences = differences_of(block, self.seen)
        self.broken_d = self.differences.analyse(self.y_xo)
        self.transformed = cache(self._transformed)
        self.rebuilt = cache(self._rebuilt)
        self.ended = cache(self._ended)
        self.found = cache(self._found)
        self.rungs, self.steps = Sizes(self._rung_size, -(-STEPS // RUNG)), Sizes(self._size, STEPS)
        self.end = FIRST
        self.ends_after = cache(lambda start: Sizes(partial(self._size, start), N_STEPS))

    def within(self, bits: int) -> list[Found]:
        """Codes of at most so many bits, with and without remainders; none for a block of zeros."""
        if not np.any(self.y_xo):
            return []
        most = int(min(bits, self.most * len(self.dictionary.entries.weight_e)))
        rung = self.rungs.finest(most, FIRST // RUNG)
        if rung < 0:
            return []
        found = self._descend(rung, bits) if self.remainders else []
        alone = self.found(RUNG * rung, 0)
        if all(alone.miss < HOPELESS * one.miss for one in found):
            self.steps.tried[RUNG * rung] = 8 * len(alone.data)
            alone = self.found(self.steps.finest(most, RUNG * rung), 0)
        return [one for one in (alone, *found) if one.data]

    def _descend(self, rung: int, bits: int) -> list[Found]:
        """Codes with remainders after steps of the ladder from a rung on towards coarser ones."""
        found: dict[int, Found] = {}

        def miss(at: int) -> float:
            end = self.ends_after(RUNG * at).finest(bits, self.end) if at >= 0 else 0
            if end <= 0:
                return math.inf
            self.end = end  # where the search for the next one begins
            found[at] = self.found(RUNG * at, end)
            return found[at].miss

        least, since = miss(rung), 0
        for at in range(rung - LEAP, -1, -LEAP):
            lower = miss(at)
            since = 0 if lower < BETTER * least else since + 1
            least = min(least, lower)
            if since == PATIENCE:
                break
        best = min(found, key=lambda at: found[at].miss, default=0)
        for at in {best - 1, best + 1} - {rung + 1}:
            miss(at)
        return list(found.values())

    def _size(self, start: int, end: int = 0) -> int:
        return 8 * len(self.ended(start, end)[0])

    def _rung_size(self, rung: int) -> int:
        return self._size(RUNG * rung)

    def _found(self, start: int, end: int) -> Found:
        data, left = self.ended(start, end)
        rebuilt = self.rebuilt(start)
        if left:
            rebuilt = rebuilt.with_remainder(left.left_e)
            rebuilt = rebuilt.with_broken(self.differences, left.broken_d)
        g = scale_value(self.scale) * rebuilt.g(self.block.g.shape)
        g = self.order.inverse.applied(g, self.block)
        size_o = self.block.orbits.size_o.astype(float)
        return Found(data, g, float(np.sum((g - self.block.g) ** 2 @ size_o)))

    def _transformed(self, number: int) -> tuple[np.ndarray, Writer]:
        """Integers of the transform, and the writer that has written them."""
        step = step_value(number)
        n_e = integers(self.dictionary, self.y_xo, step)
        writer = Writer()
        write_header(writer, Header(self.scale, number, self.pattern), self.ends)
        write_order(writer, self.order, self.seen)
        writer.number(self.spread, SPREADS)
        write_integers(writer, n_e, self.dictionary, step, self.codec.prior)
        return n_e, writer

    def _rebuilt(self, number: int) -> Rebuilt:
        n_e, _ = self.transformed(number)
        return self.codec.synthesise(self.block, self.dictionary, n_e, step_value(number))

    def _ended(self, start: int, end: int) -> tuple[bytes, Left | None]:
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
        coded_xo, step = rebuilt.with_remainder(left_e).g_xo, remainder_step(end)
        broken_d = write_broken(writer, self.differences, self.broken_d, coded_xo, step)
        return writer.bytes(), Left(left_e, broken_d)


def free_pattern(block: Block) -> Pattern:
    """The pattern of a block of this shape in which nothing is degenerate."""
    return no_degeneracy(block.orbits, len(block.g), block.g.shape[2])


def patterns_of(block: Block) -> list[Pattern | None]:
    """Patterns worth trying: none as well where degenerate states couple differently."""
    pattern = pattern_of(block)
    root_o = np.sqrt(shares_of(block.orbits))
    y_xo = block.g.reshape(-1, len(root_o)) * root_o
    hermitian_xo = entries_of(block, free_pattern(block)).project(y_xo)
    left = np.linalg.norm(entries_of(block, pattern).project(y_xo) - hermitian_xo)
    return [pattern] if left <= EXACT * np.linalg.norm(y_xo) else [pattern, None]


class Sizes:
    """Sizes in bits of codes by the number of their step; they rise with it but for a few bytes.

    Attributes:
      tried: number -> size, of all that were asked for.
    """

    def __init__(self, size: Callable[[int], int], count: int):
        self.size, self.count = size, count
        self.tried: dict[int, int] = {}

    def finest(self, bits: int, first: int) -> int:
        """The last number within so many bits, or one nearly as large; -1 if none is.

        Args:
          first: number that the search begins with.
        """
        turn = 0
        while True:
            low = max((n for n, size in self.tried.items() if size <= bits), default=-1)
            above = [n for n, size in self.tried.items() if n > low and size > bits]
            high = min(above, default=self.count)
            if high - low <= 1 or self.tried.get(low, 0) > CLOSE * bits:
                return low
            guess = self._guess(low, high, bits, turn) if self.tried else first
            self.tried[guess] = self.size(guess)
            turn += 1

    def _guess(self, low: int, high: int, bits: int, turn: int) -> int:
        """On a line through logarithms of two sizes, half-way by turns where they enclose it."""
        if low >= 0 and high < self.count and turn % 3 == 2:
            return (low + high) // 2
        known = sorted(self.tried)
        ends = known[-2:] if high == self.count else known[:2] if low < 0 else [low, high]
        logs = [math.log1p(self.tried[n]) for n in ends]
        if len(ends) == 1 or logs[0] == logs[1]:
            reach = STRIDE if len(ends) > 1 else STRIDE // 4
            guess = low + reach if high == self.count else high - reach
        else:
            rise = (logs[1] - logs[0]) / (ends[1] - ends[0])
            guess = round(ends[0] + (math.log1p(bits) - logs[0]) / rise)
        lowest, highest = low + 1, high - 1
        if low < 0:
            lowest = max(high - FARTHEST, 0)
        elif high == self.count:
            highest = min(low + FARTHEST, highest)
        return min(max(guess, lowest), highest)
