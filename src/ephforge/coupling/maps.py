"""From models to coupling blocks: |g| in meV on a mesh, reduced to symmetry orbits.

One way for synthetic and real materials.  Bands, modes and |g| are those of
coupling/grid.py; crystal symmetry comes from core/symmetry.py.
"""

from functools import cache

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.core.realspace import Model
from ephforge.core.symmetry import Orbits, pair_orbits, reciprocal_operations
from ephforge.core.units import MEV
from ephforge.coupling import grid
from ephforge.coupling.batch import Strengths, evaluate


def blocks(
    models: list[Model], labels: list[dict[str, str]], options: dict, keep_grid: bool
) -> list[tuple[Block, float]]:
    """Coupling block and asymmetry of every model.

    Args:
      models, labels: materials and the labels of their blocks.
      options: the section `coupling` of the configuration.
      keep_grid: keep |g| as computed; for real materials, symmetric only approximately.

    Returns:
      (block, relative distance of |g| from its orbit values) for each model.
    """
    k_mesh, q_mesh = tuple(options["k_mesh"]), tuple(options["q_mesh"])
    found = evaluate(
        models,
        grid.mesh_pairs(k_mesh, q_mesh),
        _limits(options),
        options["bands"],
        options["batch_size"],
    )
    return [
        _block(model, label, strengths, k_mesh, q_mesh, keep_grid)
        for model, label, strengths in zip(models, labels, found, strict=True)
    ]


def reduce_to_orbits(
    g_mnvkq: Float[np.ndarray, "m n v k q"], orbits: Orbits
) -> tuple[Float[np.ndarray, "m n v o"], float]:
    """Root mean square of |g| over each orbit, and ||g - g_orbit|| / ||g||."""
    flat_kq = orbits.orbit_kq.ravel()
    order = np.argsort(flat_kq, kind="stable")
    starts_o = np.concatenate([[0], np.cumsum(orbits.size_o)[:-1]])
    square = g_mnvkq.reshape(*g_mnvkq.shape[:3], -1)[..., order] ** 2
    g_mnvo = np.sqrt(np.add.reduceat(square, starts_o, axis=-1) / orbits.size_o)
    norm = np.linalg.norm(g_mnvkq)
    distance = np.linalg.norm(g_mnvkq - g_mnvo[..., orbits.orbit_kq])
    return g_mnvo, float(distance / norm) if norm > 0 else 0.0


@cache
def _orbits(operations: bytes, k_mesh: tuple, q_mesh: tuple) -> Orbits:
    """Orbits of a point group given as the bytes of its matrices; a campaign has few of them."""
    return pair_orbits(np.frombuffer(operations, int).reshape(-1, 3, 3), k_mesh, q_mesh)


def _limits(options: dict) -> grid.Limits:
    return grid.Limits(options["degeneracy"] / MEV, options["soft_mode"] / MEV)


def _block(model: Model, labels: dict, strengths: Strengths, k_mesh, q_mesh, keep_grid: bool):
    crystal = model.crystal
    operations_g33 = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    orbits = _orbits(operations_g33.tobytes(), k_mesh, q_mesh)
    g_mnvkq = strengths.g_mnvkq * MEV
    g_mnvo, asymmetry = reduce_to_orbits(g_mnvkq, orbits)
    block = Block(
        name=model.name,
        labels=labels,
        g=g_mnvo.astype(np.float32),
        g_grid=g_mnvkq.astype(np.float32) if keep_grid else None,
        energies=strengths.energy_pn[:, : g_mnvkq.shape[0]],
        frequencies=strengths.energy_qv,
        orbits=orbits,
        k_mesh=k_mesh,
        q_mesh=q_mesh,
        crystal=crystal,
    )
    return block, asymmetry
