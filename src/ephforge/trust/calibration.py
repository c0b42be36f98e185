"""What is calibrated for one autoencoder, and what it says of a material."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from ephforge.core.blocks import Block
from ephforge.model.codec import Codec
from ephforge.trust.cloud import Cloud, novelty
from ephforge.trust.conformal import Interval, Regression, Scores, interval, p_value, quantile
from ephforge.trust.linear_probe import LinearProbe
from ephforge.trust.refinement import features

LEVEL = 0.95  # of the distribution on held-out families, beyond which a warning is given
COVERAGE = 0.9  # of error intervals


class Calibration(NamedTuple):
    """Of one autoencoder.

    Attributes:
      autoencoder: fingerprint of its file.
      cloud: features of the training split.
      novelty: of the held-out families.
      probes: label -> classifier.
      q_meshes: coarse and fine q mesh that errors of refinement were calibrated for.
      refinement: these errors; None if too few held-out materials have these meshes.
    """

    autoencoder: str
    cloud: Cloud
    novelty: Scores
    probes: dict[str, LinearProbe]
    q_meshes: tuple[tuple[int, ...], tuple[int, ...]]
    refinement: Regression | None


class Verdict(NamedTuple):
    """Novelty of a block; the share of held-out materials that are at least as unusual."""

    novelty: float
    share: float
    is_unusual: bool


def judge(found: Calibration, codec: Codec, block: Block) -> Verdict:
    """How unusual a block is among materials of families that were not trained on."""
    score = novelty(found.cloud, codec.features(block))
    limit = quantile(found.novelty, LEVEL)
    return Verdict(score, p_value(found.novelty, score), score > limit)


def expected_error(
    found: Calibration, codec: Codec, coarse, seen: Block, given_o, refined: Block
) -> Interval | None:
    """Error over hidden pairs of a refinement; None for meshes that were not calibrated.

    Args:
      coarse: q mesh that was given.
      seen: the block on the fine mesh, |g| known on the given orbits.
      refined: the same with |g| on all.
    """
    meshes = tuple(coarse), tuple(seen.q_mesh)
    if found.refinement is None or meshes != found.q_meshes:
        return None
    score = novelty(found.cloud, codec.features(refined))
    described = features(seen, codec, given_o, refined.g, score)
    return interval(found.refinement, described, COVERAGE)


def fingerprint_of(path: str | Path) -> str:
    """Of a file as it stands: 16 hex digits of SHA-256."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
