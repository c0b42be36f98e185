"""|g| from a coarse q mesh to a finer one: a block in, a block on the finer mesh out."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from ephforge.baselines.interpolation import axis_matrix, coarse_points
from ephforge.core.blocks import Block
from ephforge.core.errors import EphforgeError
from ephforge.core.symmetry import given_orbits
from ephforge.mapcodec.container import empty_block
from ephforge.model.codec import Codec

Mesh = tuple[int, int, int]


def refined(block: Block, codec: Codec, fine: Mesh) -> Block:
    """The block on a finer q mesh; its phonon energies are interpolated trilinearly.

    Raises:
      EphforgeError: the meshes do not fit, or the block is wider than the autoencoder.
    """
    frame, given_o = on_fine_mesh(block, fine)
    return replace(frame, g=np.float32(codec.refine(frame, given_o)))


def on_fine_mesh(block: Block, fine: Mesh) -> tuple[Block, Bool[np.ndarray, " o"]]:
    """The block on the fine mesh with |g| where it is known, else zero, and where that is.

    Raises:
      EphforgeError: the q mesh does not divide the fine one, or that not the k mesh.
    """
    _refuse_other_meshes(block, fine)
    channels = len(block.g), block.g.shape[2]
    frame = empty_block(block.name, block.labels, block.crystal, (block.k_mesh, fine), channels)
    frame.energies[:] = block.energies
    frame.frequencies[:] = _interpolated(block.frequencies, block.q_mesh, fine)
    given_o = given_orbits(frame.orbits, fine, block.q_mesh)
    # the orbit of the coarse block that holds the representative pair of each given orbit
    place_q = np.full(int(np.prod(fine)), -1)
    place_q[coarse_points(block.q_mesh, fine)] = np.arange(int(np.prod(block.q_mesh)))
    k_o, q_o = frame.orbits.representative_o2[given_o].T
    frame.g[..., given_o] = block.g[..., block.orbits.orbit_kq[k_o, place_q[q_o]]]
    return frame, given_o


def _interpolated(energy_qv, coarse: Mesh, fine: Mesh):
    boxed = energy_qv.reshape(*coarse, -1)
    axes = [axis_matrix("trilinear", c, f) for c, f in zip(coarse, fine, strict=True)]
    return np.einsum("xyzv,Xx,Yy,Zz->XYZv", boxed, *axes).reshape(-1, energy_qv.shape[1])


def _refuse_other_meshes(block: Block, fine: Mesh) -> None:
    coarse, k_mesh = block.q_mesh, block.k_mesh
    is_finer = all(f % c == 0 for f, c in zip(fine, coarse, strict=True)) and fine != coarse
    if not is_finer:
        raise EphforgeError(
            f"{block.name}: q mesh {coarse} does not divide {fine} or equals it, expected a "
            "multiple of it; choose another --q-fine"
        )
    if any(k % f for k, f in zip(k_mesh, fine, strict=True)):
        raise EphforgeError(
            f"{block.name}: q mesh {fine} does not divide the k mesh {k_mesh}, where k+q has to "
            "be found; choose another --q-fine, or maps on more k points"
        )
