"""All compression methods on one material, each within the same number of stored numbers."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.baselines.fft import fft
from ephforge.baselines.measure import Code, allowed_numbers
from ephforge.baselines.orbits import largest_orbits
from ephforge.baselines.pca import Pca, pca, pca_joint
from ephforge.baselines.svd import svd, svd_irreducible_q, svd_joint
from ephforge.core.blocks import Block, on_grid
from ephforge.core.errors import EphforgeError
from ephforge.model.codec import Codec

# method -> what it is; `orbits` is a bound, since nobody can store numbers without positions
METHODS = {
    "autoencoder": "convolutional autoencoder, trained on synthetic materials",
    "linear": "the linear transform of the autoencoder, without its convolutions",
    "svd": "truncated SVD of the k x q matrix of each channel",
    "svd_irreducible_q": "truncated SVD of k x irreducible q, bands m <= n",
    "svd_joint": "one truncated SVD of channels x symmetry orbits",
    "fft": "largest stars of Fourier coefficients, positions counted",
    "orbits_indexed": "largest symmetry orbits, positions counted",
    "pca": "symmetric PCA of single maps from the training split",
    "pca_joint": "symmetric PCA of whole blocks from the training split",
    "orbits": "largest symmetry orbits, positions free: a bound",
}
BOUNDS = ("orbits",)


class Trial(NamedTuple):
    """What a method made of one material: a code per budget, or the reason why there is none."""

    codes: list[Code] | None
    reason: str = ""


def try_all(block: Block, budgets: list[float], codec: Codec, fitted: Pca) -> dict[str, Trial]:
    """Codes of every method for one material.

    Raises:
      ValueError: a method stored more numbers than it was allowed.
    """
    grid, orbits = on_grid(block), block.orbits
    counts = [allowed_numbers(budget, grid) for budget in budgets]
    unseen = "no training material with this lattice"
    trials = {
        "autoencoder": _autoencoder(block, budgets, codec),
        "linear": _autoencoder(block, budgets, codec.linear_part),
        "svd": Trial(svd(grid, counts)),
        "svd_irreducible_q": Trial(svd_irreducible_q(grid, orbits, counts)),
        "svd_joint": Trial(svd_joint(grid, orbits, counts)),
        "fft": Trial(fft(block, counts)),
        "orbits_indexed": Trial(largest_orbits(grid, orbits, counts, indexed=True)),
        "pca": Trial(pca(fitted, block, counts), unseen),
        "pca_joint": Trial(
            pca_joint(fitted, block, counts), f"{unseen}, number of bands and of modes"
        ),
        "orbits": Trial(largest_orbits(grid, orbits, counts, indexed=False)),
    }
    # |g| is not negative: clipping costs no number, and the autoencoder does it too
    trials = {
        method: Trial(codes and [Code(np.maximum(c.g, 0), c.stored) for c in codes], reason)
        for method, (codes, reason) in trials.items()
    }
    for method, (codes, _) in trials.items():
        for code, count in zip(codes or [], counts, strict=codes is not None):
            if code.stored > count:
                raise ValueError(f"{method}, {block.name}: stored {code.stored} of {count} numbers")
    return trials


def _autoencoder(block: Block, budgets: list[float], codec: Codec) -> Trial:
    try:
        return Trial([_encoded(block, budget, codec) for budget in budgets])
    except EphforgeError as error:  # more bands or modes than it was trained with
        return Trial(None, str(error))


def _encoded(block: Block, budget: float, codec: Codec) -> Code:
    """A budget below the smallest code of the network stores nothing, and gives zero."""
    stored = codec.stored_numbers(block, budget)
    grid: Float[np.ndarray, "m n v k q"] = on_grid(block)
    if stored > allowed_numbers(budget, grid):
        return Code(np.zeros(grid.shape), 0)
    g_mnvo = np.asarray(codec.compress(block, budget), dtype=float)
    return Code(g_mnvo[..., block.orbits.orbit_kq], stored)
