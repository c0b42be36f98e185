"""What tells beforehand how well a refinement of |g| in q will do, the fine mesh unseen."""

import numpy as np
from jaxtyping import Bool, Float

from ephforge.core.blocks import Block
from ephforge.model.codec import Codec
from ephforge.model.geometry import geometry_of
from ephforge.model.transform import Statistics, guess_of, parts_of

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


def expected_miss(block: Block, statistics: Statistics, given_o: Bool[np.ndarray, " o"]) -> float:
    """Relative error of the linear guess over the hidden orbits, by the statistics alone.

    sqrt(tr_h[(1 - G) M (1 - G)^T] / tr_h[M]): M the second moment over (weighted) orbits, G the
    guess, h the hidden ones.
    """
    root_o = np.sqrt(geometry_of(block).weight_o.astype(float))
    moment_oo = sum((p.basis_oi * p.value_i) @ p.basis_oi.T for p in parts_of(block, statistics))
    guess_oo = guess_of(block, statistics, given_o) * root_o[:, None] / root_o[None, :]
    left_oo = np.eye(len(root_o)) - guess_oo * given_o
    miss_o = np.einsum("op,pr,or->o", left_oo, moment_oo, left_oo, optimize=True)
    hidden = np.diag(moment_oo)[~given_o].sum()
    return float(np.sqrt(max(miss_o[~given_o].sum(), 0.0) / max(hidden, 1e-30)))


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
    facts = (expected_miss(block, codec.statistics, given_o), changed, novelty)
    return np.log(np.maximum(facts, _SMALLEST))
