"""A block as a compressed file: within a budget, to an error, or with a bound on every element.

Errors are those of what decodes from the bytes that are written, over the full grid as computed:
||rebuilt - |g|| / ||g|| (CONVENTIONS.md).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.baselines.bounded import bounded, bounded_block, restored, restored_block
from ephforge.baselines.measure import BITS_PER_NUMBER, allowed_bits, relative_error
from ephforge.baselines.symmetric import hermitian_mean, orbit_mean
from ephforge.core.blocks import Block, on_grid
from ephforge.core.errors import EphforgeError
from ephforge.mapcodec.container import Packed, empty_block
from ephforge.model.codec import Code, Codec

SLACK = 1e-3  # of a bound, for arithmetic of other machines when the network decodes
_SMALLEST = 48  # bits; no code is shorter
_TRIALS = 6  # sizes in each round of a search
_MOST = 32  # bits per number on orbits: more than any code of use


class Result(NamedTuple):
    """What is stored, and how far it is from the block once decoded.

    Attributes:
      error: relative error over the full grid.
      largest: largest absolute error of an element, meV.
      budget: payload bits / (32 x numbers in the full grid).
    """

    packed: Packed
    error: float
    largest: float
    budget: float


def within_budget(block: Block, codec: Codec, fingerprint: str, budget: float) -> Result:
    """The best code of at most budget x 32 bits x numbers in the full grid."""
    code = codec.encode(block, allowed_bits(budget, on_grid(block)))
    return _result(block, codec, Packed(block, fingerprint, "", 0.0, code.data, b""))


def to_error(block: Block, codec: Codec, fingerprint: str, error: float) -> Result:
    """The smallest code whose relative error is at most so large.

    Raises:
      EphforgeError: no code reaches it, because |g| as computed is not as symmetric as the crystal.
    """
    grid = on_grid(block)

    def miss(code: Code) -> float:
        return relative_error(code.g[..., block.orbits.orbit_kq], grid)

    sizes = np.geomspace(_SMALLEST, _MOST * block.g.size, 3 * _TRIALS)
    codes = codec.encode_all(block, [int(bits) for bits in sizes])
    best, low = _smallest(codes, miss, error)
    if best is None:
        least = min(map(miss, codes))
        raise EphforgeError(
            f"{block.name}: relative error {error:g} asked for, but the best code has {least:.2g}; "
            "ask for a larger error, or for a bound on every element (--bound)"
        )
    while True:
        sizes = np.linspace(low, 8 * len(best.data) - 8, _TRIALS + 1)[1:]
        found, low = _smallest(codec.encode_all(block, [int(b) for b in sizes]), miss, error, low)
        if found is None or len(found.data) >= len(best.data):
            break
        best = found
    return _result(block, codec, Packed(block, fingerprint, "", 0.0, best.data, b""))


def within_bound(block: Block, codec: Codec, fingerprint: str, bound: float) -> Result:
    """Code and residuals such that no element is off by more than a bound (meV), smallest sum.

    Raises:
      EphforgeError: the bound is below single precision.
    """
    sizes = np.geomspace(_SMALLEST, 8 * block.g.size, 2 * _TRIALS)
    first = codec.encode_all(block, [int(bits) for bits in sizes])
    best = _shortest(block, fingerprint, first, bound)
    around = np.geomspace(0.7, 1.4, _TRIALS) * max(8 * len(best.code), _SMALLEST)
    second = codec.encode_all(block, [int(bits) for bits in around])
    again = _shortest(block, fingerprint, second, bound)
    best = min(best, again, key=lambda packed: packed.payload_bits)
    result = _result(block, codec, best)
    if result.largest > bound:
        raise EphforgeError(
            f"{block.name}: off by {result.largest:g} meV after decoding, bound {bound:g} meV; "
            "a mistake in ephforge, report it"
        )
    return result


def decoded(packed: Packed, codec: Codec) -> tuple[np.ndarray, np.ndarray | None]:
    """|g| in meV on orbits, and on the grid where that is more than the orbits tell."""
    block = packed.block
    g_mnvo = codec.decode(packed.code, block)
    if packed.residual_on == "orbits":
        g_mnvo = restored_block(packed.residual, g_mnvo, block.orbits)
    if packed.residual_on != "grid":
        return np.maximum(g_mnvo, 0.0), None
    flat_cx = restored(packed.residual, _flat(g_mnvo[..., block.orbits.orbit_kq]))
    grid = np.maximum(flat_cx, 0.0).reshape(*g_mnvo.shape[:3], *block.orbits.orbit_kq.shape)
    return np.sqrt(orbit_mean(grid**2, block.orbits)), grid


def _smallest(codes: list[Code], miss, error: float, low: int = 0):
    """The shortest code that reaches an error, or None, and the most bits that do not."""
    reached = [code for code in codes if miss(code) <= error]
    best = min(reached, key=lambda code: len(code.data), default=None)
    shorter = [
        8 * len(code.data) for code in codes if best is None or len(code.data) < len(best.data)
    ]
    return best, max([low, *shorter])


def _shortest(block: Block, fingerprint: str, codes: list[Code], bound: float) -> Packed:
    """The code that takes fewest bits together with its residuals."""
    kept = bound * (1 - SLACK)
    mean_mnvo = hermitian_mean(np.asarray(block.g, float), block.orbits)
    broken = float(np.abs(mean_mnvo[..., block.orbits.orbit_kq] - on_grid(block)).max())
    found = []
    for code in {code.data: code for code in codes}.values():
        if kept > 2 * broken:
            place = "orbits"
            residual = bounded_block(mean_mnvo, code.g, block.orbits, kept - broken)
        else:  # symmetry is broken by about the bound: every pair (k, q) has to be told
            place = "grid"
            spread = _flat(code.g[..., block.orbits.orbit_kq])
            residual = bounded(_flat(on_grid(block)), spread, kept)
        found.append(Packed(block, fingerprint, place, bound, code.data, residual))
    return min(found, key=lambda packed: packed.payload_bits)


def _result(block: Block, codec: Codec, packed: Packed) -> Result:
    """With errors of what a reader of the file will see."""
    channels = len(block.g), block.g.shape[2]
    meshes = block.k_mesh, block.q_mesh
    seen = empty_block(block.name, block.labels, block.crystal, meshes, channels)
    g_mnvo, grid = decoded(packed._replace(block=seen), codec)
    rebuilt = g_mnvo[..., block.orbits.orbit_kq] if grid is None else grid
    true = on_grid(block)
    return Result(
        packed,
        relative_error(rebuilt, true),
        float(np.abs(rebuilt - true).max()),
        packed.payload_bits / (BITS_PER_NUMBER * true.size),
    )


def _flat(g_mnvkq: Float[np.ndarray, "m n v k q"]) -> Float[np.ndarray, "c x"]:
    return np.asarray(g_mnvkq, float).reshape(g_mnvkq[..., 0, 0].size, -1)
