"""Linear refinement in q by whole blocks of the training split: all channels together.

The block is a sum of training blocks, y = sum_b a_b x_b, with the coefficients that fit what is
given, ||y_g - sum_b a_b x_gb||^2 + ridge ||a||^2: principal components of whole blocks, fitted to
an incomplete one (Everson, Sirovich, J. Opt. Soc. Am. A 12, 1657 (1995)) with their spread in
training as a prior.  The regression on orbits (regression.py) sees one channel at a time.
"""

import numpy as np
from jaxtyping import Bool, Float

from ephforge.baselines.pca import lattice_key
from ephforge.baselines.regression import channels
from ephforge.baselines.symmetric import hermitian_mean, spread
from ephforge.core.blocks import Block

STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # ridge over the mean square norm of what is given

Training = dict[tuple, np.ndarray]  # lattice, bands, modes -> [b, c, o]


def fit(blocks: list[Block]) -> Training:
    """Training blocks of unit norm by lattice, bands and modes; times roots of orbit sizes."""
    found: dict[tuple, list] = {}
    for block in blocks:
        y_co = np.float32(channels(block))
        found.setdefault(_key(block), []).append(y_co / (np.linalg.norm(y_co) or 1.0))
    return {key: np.stack(members) for key, members in found.items()}


def refine(
    training: Training, block: Block, given_o: Bool[np.ndarray, " o"], strength: float
) -> Float[np.ndarray, "m n v k q"] | None:
    """|g| on the full grid, meV; None where no training material has this shape."""
    x_bco = training.get(_key(block))
    if x_bco is None:
        return None
    known_bg = x_bco[..., given_o].reshape(len(x_bco), -1).astype(float)
    gram_bb = known_bg @ known_bg.T
    # nothing couples at the zone centre of one atom: then nothing follows
    ridge = strength * np.trace(gram_bb) / len(gram_bb) or 1.0
    asked_g = channels(block)[:, given_o].ravel()
    share_b = np.linalg.solve(gram_bb + ridge * np.eye(len(gram_bb)), known_bg @ asked_g)
    rebuilt_co = np.tensordot(share_b, x_bco, 1) / np.sqrt(block.orbits.size_o)
    g_mnvo = hermitian_mean(np.maximum(rebuilt_co, 0).reshape(block.g.shape), block.orbits)
    return spread(g_mnvo, block.orbits)


def _key(block: Block) -> tuple:
    return lattice_key(block.orbits), len(block.g), block.g.shape[2]
