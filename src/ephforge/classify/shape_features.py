"""Descriptions of materials of one shape: same orbits of (k, q), bands and modes.

Fixed places have a meaning there, so that whole blocks, and degeneracies star by star, can be
described.  Every one of them sees |g| of one block without its scale; degeneracies come from the
energies, as they do in the code of the autoencoder.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ephforge.classify.features import handmade_features
from ephforge.core.blocks import Block
from ephforge.core.degeneracy import pattern_of
from ephforge.model.codec import Codec
from ephforge.model.transform import weighted

FAINTEST = 1e-4  # mean square of a mode at a star, over that of all, below which all are alike
METHODS = {
    "latent": "the encoder's features, and the degeneracies that its code states",
    "pca": "scores of whole blocks on their principal components",
    "pca_degeneracies": "the same with the degeneracies",
    "degeneracies": "which bands and modes are degenerate at each star",
    "handmade": "shares, histogram, and logarithms of strengths of each mode at each star of q",
}
Describe = Callable[[Block], Float[np.ndarray, " f"]]


def shape_features(codec: Codec, train: list[Block], components: int) -> dict[str, Describe]:
    """Each of METHODS, fitted on training materials of one shape.

    Scores come last, the strongest first: a probe may leave out the weakest (probe.py).
    """
    scores = block_pca(train, components)
    bands, _, modes, _ = train[0].g.shape
    return {
        "latent": lambda b: np.concatenate([codec.features(b), degeneracies(b)]),
        "pca": scores,
        "pca_degeneracies": lambda b: np.concatenate([degeneracies(b), scores(b)]),
        "degeneracies": degeneracies,
        "handmade": lambda b: np.concatenate([handmade_features(b, bands, modes), strengths(b)]),
    }


def block_pca(blocks: list[Block], components: int) -> Describe:
    """Scores on principal components of whole blocks with rms |g| 1, orbits weighted by size."""
    y_bx = np.array([weighted(block).ravel() for block in blocks], np.float32)
    mean_x = y_bx.mean(axis=0)
    _, value_r, axes_rx = np.linalg.svd(y_bx - mean_x, full_matrices=False)
    count = min(components, int(np.sum(value_r > 1e-6 * value_r[0])))
    return lambda block: (weighted(block).ravel() - mean_x) @ axes_rx[:count].T


def degeneracies(block: Block) -> Float[np.ndarray, " f"]:
    """Where groups of equal bands and modes end, 0 or 1, star by star."""
    return np.concatenate([ends.ravel() for ends in pattern_of(block)]).astype(float)


def strengths(block: Block) -> Float[np.ndarray, " f"]:
    """log of the mean |g|^2 of each mode at each star of q: all bands, within, and between them."""
    share_o = block.orbits.size_o / block.orbits.size_o.sum()
    square_mnvo = np.square(block.g, dtype=float)
    square_mnvo /= np.mean(square_mnvo @ share_o) or 1.0
    _, star_q = np.unique(block.orbits.orbit_kq[0], return_inverse=True)
    star_o = star_q[block.orbits.representative_o2[:, 1]]
    is_star_so = np.arange(star_q.max() + 1)[:, None] == star_o
    weight_so = is_star_so * share_o / (is_star_so @ share_o)[:, None]
    is_within_mn = np.eye(len(block.g), dtype=bool)
    found = []
    for chosen_mn in (np.ones_like(is_within_mn), is_within_mn, ~is_within_mn):
        if chosen_mn.any():
            found.append(square_mnvo[chosen_mn].mean(axis=0) @ weight_so.T)
    return np.log(np.array(found) + FAINTEST).ravel()
