"""What each part of the trained autoencoder is worth: the same codec with one part left out.

Left out in turn: convolutions, learned priors, components of whole blocks, those of patches, the
order of states, the spread, degeneracies, remainders of different numbers; and half or three
quarters of the training materials behind the transform.
"""

import math
from collections.abc import Callable
from dataclasses import fields, replace

from ephforge.core.blocks import Block
from ephforge.core.degeneracy import Pattern
from ephforge.core.order import Order, by_energy
from ephforge.model.codec import Codec
from ephforge.model.encoder import Encoder, free_pattern, patterns_of
from ephforge.model.order import order_of
from ephforge.model.prior import untrained_prior
from ephforge.model.remainder import N_FEATURES
from ephforge.model.spread import AS_EXPECTED
from ephforge.model.transform import statistics_of, without_patches


class _TransformAlone(Encoder):
    remainders, most = False, math.inf


class _WithoutRemainders(Codec):
    encoder = _TransformAlone


class _WithoutDegeneracies(Codec):
    def choices(self, block: Block) -> list[tuple[None, Order]]:
        return [(None, order_of(block, self.statistics, free_pattern(block)))]


class _WithoutOrder(Codec):
    def choices(self, block: Block) -> list[tuple[Pattern | None, Order]]:
        patterns = patterns_of(block)
        return [(pattern, by_energy(pattern or free_pattern(block))) for pattern in patterns]


class _WithoutSpread(Codec):
    def spreads(self, *_) -> list[int]:
        return [AS_EXPECTED]


def variants(codec: Codec, training: list[Block]) -> dict[str, Callable[[], Codec]]:
    """Name of what is left out -> how to make the codec without it."""
    priors = {"prior": untrained_prior(), "remainder_prior": untrained_prior(N_FEATURES)}
    has_patches = bool(codec.statistics.patches)

    def taught(blocks: list[Block], **options) -> Codec:
        statistics = statistics_of(blocks, patches=has_patches, **options)
        return replace(codec, statistics=statistics)

    patches = {"patches": lambda: replace(codec, statistics=without_patches(codec.statistics))}
    return {
        "nothing": lambda: codec,
        "convolutions": lambda: codec.linear_part,
        "learned priors": lambda: replace(codec, **priors),
        "components": lambda: taught(training, most_components=0),
        **(patches if has_patches else {}),
        "order of states": lambda: _like(_WithoutOrder, codec),
        "spread": lambda: _like(_WithoutSpread, codec),
        "degeneracies": lambda: _like(_WithoutDegeneracies, codec),
        "remainders": lambda: _like(_WithoutRemainders, codec),
        "half of the materials": lambda: taught(training[::2]),
        "three quarters of the materials": lambda: taught(training[::4]),
    }


def _like(kind: type[Codec], codec: Codec) -> Codec:
    return kind(**{field.name: getattr(codec, field.name) for field in fields(codec)})
