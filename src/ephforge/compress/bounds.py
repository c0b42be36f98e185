"""Bits for |g| with no element of the orbit array off by more than a bound."""

import numpy as np
from jaxtyping import Float

from ephforge.baselines.bounded import bounded, bounded_block, restored, restored_block
from ephforge.baselines.measure import BITS_PER_NUMBER
from ephforge.baselines.scientific import symmetric_sz3, whole_sz3
from ephforge.baselines.symmetric import hermitian_mean, orbit_mean
from ephforge.compress.methods import Trial
from ephforge.core.blocks import Block, on_grid

APPROXIMATED = ("autoencoder", "pca_distinct", "pca_joint", "pca", "fft")


def error_bounded(block: Block, trials: dict[str, Trial], bounds: list[float]) -> dict:
    """Bits by bound and method, over 32 x the numbers of the full grid.

    A bound is given as a share of the root mean square of |g|.  `sz3` bounds the errors by itself,
    `orbits` codes the orbit array directly; the others store an approximation, at whichever
    budget is best, and what it misses.

    Raises:
      ValueError: an element is off by more than the bound.
    """
    root = float(np.sqrt(np.mean(on_grid(block).astype(float) ** 2)))
    full = BITS_PER_NUMBER * on_grid(block).size
    return {
        str(share): {"bound_mev": share * root}
        | {name: bits / full for name, bits in _bits(block, trials, share * root).items()}
        for share in bounds
    }


def _bits(block: Block, trials: dict[str, Trial], bound: float) -> dict[str, int]:
    nothing = np.zeros(block.g.shape)
    found = {"sz3": _sz3(block, bound), "orbits": _with_residual(block, nothing, bound)}
    for method in APPROXIMATED:
        codes = trials[method].codes
        if codes is not None:
            found[method] = min(
                code.bits + _with_residual(block, orbit_mean(code.g, block.orbits), bound)
                for code in codes
            )
    return found


def _with_residual(block: Block, approximation_mnvo, bound: float) -> int:
    if _is_hermitian(block, bound):
        data = bounded_block(block.g, approximation_mnvo, block.orbits, bound)
        rebuilt_mnvo = restored_block(data, approximation_mnvo, block.orbits)
    else:
        rows = (-1, block.g.shape[-1])
        approximation_xo = np.asarray(approximation_mnvo, float).reshape(rows)
        data = bounded(block.g.reshape(rows), approximation_xo, bound)
        rebuilt_mnvo = restored(data, approximation_xo).reshape(block.g.shape)
    _hold(block, rebuilt_mnvo, bound)
    return 8 * len(data)


def _sz3(block: Block, bound: float) -> int:
    if _is_hermitian(block, bound):
        mean_mnvo = hermitian_mean(block.g.astype(float), block.orbits)
        left = bound - _broken(block)
        rebuilt, bits = symmetric_sz3(mean_mnvo, block.orbits, left)
    else:
        rebuilt, bits = whole_sz3(block.g.astype(float), bound)
    _hold(block, rebuilt, bound)
    return bits


def _is_hermitian(block: Block, bound: float) -> bool:
    """Whether partners are near enough for one number to stand for both; else each is coded."""
    return bound > 2 * _broken(block)


def _broken(block: Block) -> float:
    """How far |g| is from its hermitian mean, meV; models on meshes finer than their own are."""
    mean_mnvo = hermitian_mean(block.g.astype(float), block.orbits)
    return float(np.abs(mean_mnvo - block.g).max())


def _hold(block: Block, rebuilt_mnvo: Float[np.ndarray, "m n v o"], bound: float) -> None:
    largest = float(np.abs(rebuilt_mnvo - block.g).max())
    if largest > bound:
        raise ValueError(f"{block.name}: off by {largest} meV, bound {bound} meV")
