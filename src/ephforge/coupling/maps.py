"""From models to coupling blocks: |g| in meV on a mesh, reduced to symmetry orbits.

One way for synthetic and real materials.  Bands, modes and |g| are those of
coupling/grid.py; crystal symmetry comes from core/symmetry.py.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.blocks import Block
from ephforge.core.realspace import Model
from ephforge.core.symmetry import Orbits, pair_orbits, reciprocal_operations
from ephforge.core.units import MEV
from ephforge.coupling import grid
from ephforge.coupling.batch import Strengths, evaluate
from ephforge.coupling.clock import Clock


class Mapped(NamedTuple):
    """A block, the relative distance of |g| from its orbit values, all bands (eV)."""

    block: Block
    asymmetry: float
    energy_kn: Float[np.ndarray, "k n"]


def blocks(
    models: list[Model],
    labels: list[dict[str, str]],
    options: dict,
    keep_grid: bool,
    clock: Clock | None = None,
) -> list[Mapped]:
    """Coupling block of every model.

    Args:
      models, labels: materials and the labels of their blocks.
      options: the section `coupling` of the configuration.
      keep_grid: compute every q and keep |g| so; for real materials, whose symmetry is only
        approximate.  Else q is taken from the irreducible wedge, where every orbit has members,
        and one q outside it checks that the coupling is as symmetric as the crystal.
      clock: gets the seconds of "symmetry" and "compute".
    """
    clock = clock or Clock()
    k_mesh, q_mesh = tuple(options["k_mesh"]), tuple(options["q_mesh"])
    with clock("symmetry"):
        orbits = [_orbits_of(model, k_mesh, q_mesh) for model in models]
        wedges = [wedge(own, keep_grid) for own in orbits]
        pairs = [grid.mesh_pairs(k_mesh, q_mesh, own.computed_q) for own in wedges]
    with clock("compute"):
        limits = grid.Limits(options["degeneracy"] / MEV, options["soft_mode"] / MEV)
        found = evaluate(models, pairs, limits, options["bands"], options["batch_size"])
    meshes = {"k_mesh": k_mesh, "q_mesh": q_mesh}
    with clock("symmetry"):
        return [
            _block(*material, keep_grid, meshes)
            for material in zip(models, labels, orbits, wedges, found, strict=True)
        ]


class Wedge(NamedTuple):
    """The q that are computed.

    Attributes:
      computed_q: numbers on the q mesh; those of the wedge, then those that only check.
      count: how many are of the wedge.
      place_q: for each q of the mesh the place, in computed_q, of itself or its image.
    """

    computed_q: Int[np.ndarray, " x"]
    count: int
    place_q: Int[np.ndarray, " q"]


def wedge(orbits: Orbits, is_full: bool) -> Wedge:
    """One q of each class of equivalent ones, and one more that has its image among them.

    Operations leave k = 0 where it is, so that two q are equivalent if their pairs with it are.
    """
    n_q = orbits.orbit_kq.shape[1]
    if is_full:
        return Wedge(np.arange(n_q), n_q, np.arange(n_q))
    _, first_x, place_q = np.unique(orbits.orbit_kq[0], return_index=True, return_inverse=True)
    largest = np.argmax(np.bincount(place_q))
    image = np.flatnonzero(place_q == largest)[-1:]
    if len(first_x) == n_q:
        image = image[:0]
    return Wedge(np.concatenate([first_x, image]), len(first_x), place_q)


def reduce_to_orbits(
    g_mnvkx: Float[np.ndarray, "m n v k x"], orbits: Orbits, chosen: Wedge
) -> tuple[Float[np.ndarray, "m n v o"], float]:
    """Root mean square of |g| over the pairs of each orbit in the wedge, and the asymmetry.

    The asymmetry is ||g - g_orbit|| / ||g|| over all pairs that were computed.
    """
    orbit_kx = orbits.orbit_kq[:, chosen.computed_q]
    flat = orbit_kx[:, : chosen.count].ravel()
    order = np.argsort(flat, kind="stable")
    count_o = np.bincount(flat, minlength=len(orbits.size_o))
    starts_o = np.concatenate([[0], np.cumsum(count_o)[:-1]])
    inside = g_mnvkx[..., : chosen.count]
    square = inside.reshape(*inside.shape[:3], -1)[..., order] ** 2
    g_mnvo = np.sqrt(np.add.reduceat(square, starts_o, axis=-1) / count_o)
    norm = np.linalg.norm(g_mnvkx)
    distance = np.linalg.norm(g_mnvkx - g_mnvo[..., orbit_kx])
    return g_mnvo, float(distance / norm) if norm > 0 else 0.0


def _orbits_of(model: Model, k_mesh: tuple, q_mesh: tuple) -> Orbits:
    crystal = model.crystal
    operations_g33 = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    return _orbits(operations_g33.tobytes(), k_mesh, q_mesh)


@cache
def _orbits(operations: bytes, k_mesh: tuple, q_mesh: tuple) -> Orbits:
    """Orbits of a point group given as the bytes of its matrices; a campaign has few of them."""
    return pair_orbits(np.frombuffer(operations, int).reshape(-1, 3, 3), k_mesh, q_mesh)


def _block(
    model: Model,
    labels: dict,
    orbits: Orbits,
    chosen: Wedge,
    strengths: Strengths,
    keep_grid: bool,
    meshes: dict,
) -> Mapped:
    g_mnvkx = strengths.g_mnvkq * MEV
    g_mnvo, asymmetry = reduce_to_orbits(g_mnvkx, orbits, chosen)
    block = Block(
        name=model.name,
        labels=labels,
        g=g_mnvo.astype(np.float32),
        g_grid=g_mnvkx.astype(np.float32) if keep_grid else None,
        energies=strengths.energy_pn[:, : g_mnvkx.shape[0]],
        frequencies=strengths.energy_qv[chosen.place_q],
        orbits=orbits,
        crystal=model.crystal,
        **meshes,
    )
    return Mapped(block, asymmetry, strengths.energy_pn)
