"""Fixed-length descriptions of a material: from principal components, and by hand.

Both see |g| of one block without its scale, and the numbers of bands and modes.  The encoder,
whose features they stand beside, is told these too, and the lattice besides: its harmonics and
symmetry moves.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import PCA

from ephforge.core.blocks import Block, on_grid

MOST_MAPS = 3000  # maps that the principal components are fitted on
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class MapPca(NamedTuple):
    """Principal components of single maps on the full grid, all lattices together."""

    mean_x: Float[np.ndarray, " x"]
    component_jx: Float[np.ndarray, "j x"]


def fit_map_pca(blocks: list[Block], components: int) -> MapPca:
    """Components of the maps of training materials, every material of unit mean square."""
    stride = max(1, -(-sum(b.g[..., 0].size for b in blocks) // MOST_MAPS))
    maps = np.concatenate([_maps(block)[i % stride :: stride] for i, block in enumerate(blocks)])
    components = min(components, *maps.shape)
    fitted = PCA(components, svd_solver="randomized", random_state=0).fit(maps)
    return MapPca(fitted.mean_, fitted.components_)


def pca_features(fitted: MapPca, block: Block) -> Float[np.ndarray, " f"]:
    """Numbers of bands and modes; mean and spread over channels of the coefficients."""
    coefficient_cj = (_maps(block) - fitted.mean_x) @ fitted.component_jx.T
    pooled = [coefficient_cj.mean(axis=0), coefficient_cj.std(axis=0)]
    return np.concatenate([[len(block.g), block.g.shape[2]], *pooled]).astype(float)


def handmade_features(block: Block, bands: int, modes: int) -> Float[np.ndarray, " f"]:
    """What one would try first: shares of bands and modes, weight at small q, histogram.

    Args:
      bands, modes: widths that shorter lists are padded to and longer ones cut to.
    """
    grid = on_grid(block)
    energy = grid**2 / (np.square(grid).sum() or 1.0)
    share_v = _padded(energy.sum(axis=(0, 1, 3, 4)), modes)
    share_mn = np.zeros((bands, bands))
    common = min(bands, len(grid))
    share_mn[:common, :common] = energy.sum(axis=(2, 3, 4))[:common, :common]
    share_q = energy.sum(axis=(0, 1, 2, 3))
    share_k = energy.sum(axis=(0, 1, 2, 4))
    root_mean_square = np.sqrt(np.mean(grid**2)) or 1.0
    quantiles = np.quantile(grid / root_mean_square, QUANTILES)
    spread = [share_q[0], share_q.std() * share_q.size, share_k.std() * share_k.size]
    return np.concatenate(
        [[grid.shape[0], grid.shape[2]], share_v, share_mn.ravel(), quantiles, spread]
    )


def _maps(block: Block) -> Float[np.ndarray, "c x"]:
    maps = on_grid(block).reshape(block.g[..., 0].size, -1).astype(np.float32)
    return maps / (np.sqrt(np.mean(maps**2)) or 1.0)


def _padded(values: Float[np.ndarray, " n"], length: int) -> Float[np.ndarray, " l"]:
    return np.pad(values[:length], (0, max(0, length - len(values))))
