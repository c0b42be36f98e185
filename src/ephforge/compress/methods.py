"""All compression methods on one material, each within the same number of stored bits."""

from typing import NamedTuple

import numpy as np

from ephforge.baselines.distinct import pca_distinct
from ephforge.baselines.fft import fft
from ephforge.baselines.measure import Code, allowed_bits
from ephforge.baselines.orbits import quantised_orbits
from ephforge.baselines.pca import Pca, pca, pca_joint
from ephforge.baselines.scientific import sz3, zfp
from ephforge.baselines.svd import svd, svd_irreducible_q, svd_joint
from ephforge.baselines.tucker import tucker
from ephforge.core.blocks import Block, on_grid
from ephforge.core.errors import EphforgeError
from ephforge.model.codec import Codec

# method -> what it is; all of them quantise and use an entropy coder
METHODS = {
    "autoencoder": "convolutional autoencoder, trained on synthetic materials",
    "linear": "the autoencoder without its convolutions",
    "svd": "truncated SVD of the k x q matrix of each channel",
    "svd_irreducible_q": "truncated SVD of k x irreducible q, bands m <= n",
    "svd_joint": "one truncated SVD of channels x symmetry orbits",
    "tucker": "Tucker decomposition of band pairs x modes x symmetry orbits",
    "fft": "Fourier coefficients on stars of lattice vectors",
    "orbits": "the symmetry orbits themselves",
    "sz3": "SZ3, on the full grid and on the symmetry orbits",
    "zfp": "ZFP, on the full grid and on the symmetry orbits",
    "pca": "symmetric PCA of single maps from the training split",
    "pca_joint": "symmetric PCA of whole blocks from the training split",
    "pca_distinct": "the same, and what it leaves of the numbers that degeneracies leave different",
}
OWN = ("autoencoder", "linear")  # what has to beat the others


class Trial(NamedTuple):
    """What a method made of one material: a code per budget, or the reason why there is none."""

    codes: list[Code] | None
    reason: str = ""


def try_all(block: Block, budgets: list[float], codec: Codec, fitted: Pca) -> dict[str, Trial]:
    """Codes of every method for one material.

    Raises:
      ValueError: a method stored more bits than it was allowed.
    """
    grid, orbits = on_grid(block), block.orbits
    allowed = [allowed_bits(budget, grid) for budget in budgets]
    unseen = "no training material with this lattice"
    learned, linear = _learned(block, allowed, codec)
    trials = {
        "autoencoder": learned,
        "linear": linear,
        "svd": Trial(svd(grid, allowed)),
        "svd_irreducible_q": Trial(svd_irreducible_q(grid, orbits, allowed)),
        "svd_joint": Trial(svd_joint(grid, orbits, allowed)),
        "tucker": Trial(tucker(block, allowed)),
        "fft": Trial(fft(block, allowed)),
        "orbits": Trial(quantised_orbits(grid, orbits, allowed)),
        "sz3": Trial(sz3(block, allowed)),
        "zfp": Trial(zfp(block, allowed)),
        "pca": Trial(pca(fitted, block, allowed), unseen),
        "pca_joint": Trial(
            pca_joint(fitted, block, allowed), f"{unseen}, number of bands and of modes"
        ),
        "pca_distinct": Trial(
            pca_distinct(fitted, block, allowed), f"{unseen}, number of bands and of modes"
        ),
    }
    # |g| is not negative: clipping costs no bit, and the autoencoder does it too
    trials = {
        method: Trial(codes and [Code(np.maximum(c.g, 0), c.bits) for c in codes], reason)
        for method, (codes, reason) in trials.items()
    }
    for method, (codes, _) in trials.items():
        for code, limit in zip(codes or [], allowed, strict=codes is not None):
            if code.bits > limit:
                raise ValueError(f"{method}, {block.name}: stored {code.bits} of {limit} bits")
    return trials


def _learned(block: Block, allowed: list[int], codec: Codec) -> tuple[Trial, Trial]:
    """Codes of the autoencoder, and of what it is without convolutions.

    A codec may refuse a block; then its reason stands for both.
    """
    found = []
    for one in (codec, codec.linear_part):
        try:
            codes = one.encode_all(block, allowed)
        except EphforgeError as error:
            return Trial(None, str(error)), Trial(None, str(error))
        grids = [code.g[..., block.orbits.orbit_kq] for code in codes]
        found.append(Trial([Code(g, 8 * len(c.data)) for g, c in zip(grids, codes, strict=True)]))
    return tuple(found)
