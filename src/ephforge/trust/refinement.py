"""What tells beforehand how well a refinement of |g| in q will do, the fine mesh unseen."""

import numpy as np
from jaxtyping import Bool, Float

from ephforge.core.blocks import Block
from ephforge.model.codec import Codec

_SMALLEST = 1e-6  # of what a logarithm is taken


def hidden_error(
    found_mnvo: Float[np.ndarray, "m n v o"],
    true_mnvo: Float[np.ndarray, "m n v o"],
    size_o,
    given_o: Bool[np.ndarray, " o"],
) -> float:
    """||found - true|| / ||true|| over the pairs of orbits that were not given."""
    weight_o = np.where(given_o, 0.0, size_o)
    miss = np.sum((found_mnvo - true_mnvo) ** 2 @ weight_o)
    return float(np.sqrt(miss / max(np.sum(np.square(true_mnvo, dtype=float) @ weight_o), 1e-30)))


def features(
    block: Block,
    codec: Codec,
    given_o: Bool[np.ndarray, " o"],
    found_mnvo: Float[np.ndarray, "m n v o"],
    novelty: float,
) -> Float[np.ndarray, " f"]:
    """Logarithms: expected miss of the linear guess, what the network changed of it, novelty.

    Args:
      block: |g| of it is looked at on the given orbits only.
      found_mnvo: its refinement.
      novelty: of the refined block.
    """
    linear_mnvo = codec.linear_part.refine(block, given_o)
    changed = hidden_error(linear_mnvo, found_mnvo, block.orbits.size_o, given_o)
    expected = codec.expected_miss(block, given_o)
    facts = (expected, changed, novelty)
    return np.log(np.maximum(facts, _SMALLEST))
