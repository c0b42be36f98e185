"""Couplings of other real materials on the crystal at hand: what far entries look like there.

A relative is a model on the fine q mesh, with as many atoms and functions at the same places of
its cell (matching.py) and the same k mesh.  Its dipole field is taken out with its own Born charges
and dielectric tensor.  Its size does not matter: amplitudes are fitted to the coarse mesh
(trend.blended), beside those of model electrons or alone.
"""

from math import gcd
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.core.realspace import Mesh, Model
from ephforge.refinement import multipoles
from ephforge.refinement.coarse import at_points, of_run, to_cells, with_field
from ephforge.refinement.matching import matchings, moved, turns


class Relative(NamedTuple):
    """A model with the meshes of its run; source: what messages call it, its file."""

    source: str
    model: Model
    k_mesh: Mesh
    q_mesh: Mesh


def read_relative(path: str) -> Relative:
    """A file of kind "model" that says its meshes.

    Raises:
      EphforgeError: absent, damaged, without meshes, or a two-centre model.
    """
    model, (k_mesh, q_mesh) = of_run(path, read(path, "model"))
    return Relative(str(path), model, k_mesh, q_mesh)


def columns(
    model: Model, relatives: list[Relative], k_mesh: Mesh, fine: Mesh
) -> list[Float[np.ndarray, "p s 3 k a a"]]:
    """g of relatives on the crystal of a model, dipole fields taken out; eV/angstrom.

    One for every way in which a relative's atoms can take the places of the own ones: two for
    silicon's diamond on zincblende and back.

    Args:
      k_mesh, fine: cells Re and Rp count modulo these.

    Raises:
      EphforgeError: a relative does not fit.
    """
    found = []
    for relative in relatives:
        fits = checked(model, relative, k_mesh, fine)
        g_pscrab = _without_dipole(relative)
        found += [moved(g_pscrab, matching, k_mesh, fine) for matching in fits]
    return found


def checked(model: Model, relative: Relative, k_mesh: Mesh, fine: Mesh) -> list:
    """Matchings of a relative.

    Raises:
      EphforgeError: which of its properties is not that of the model, in one line.
    """
    other = relative.model
    pairs = (
        ("number of atoms", len(other.crystal.positions), len(model.crystal.positions)),
        ("number of Wannier functions", len(other.hopping.site), len(model.hopping.site)),
        ("k mesh", _told(relative.k_mesh), _told(k_mesh)),
        ("q mesh", _told(relative.q_mesh), _told(fine)),
    )
    for what, is_there, expected in pairs:
        if is_there != expected:
            raise EphforgeError(
                f"{relative.source}: {what} {is_there}, expected {expected} as {model.name} "
                "refined; leave it out of the relatives"
            )
    if len(turns(model.crystal, other.crystal)) == 0:
        raise EphforgeError(
            f"{relative.source}: a cell of another shape, expected that of {model.name} but for "
            "its size; leave it out of the relatives"
        )
    found = matchings(model, other)
    if not found:
        raise EphforgeError(
            f"{relative.source}: atoms or Wannier functions at other places of the cell, expected "
            f"each near one of {model.name}; leave it out of the relatives"
        )
    return found


def composition(model: Model) -> tuple[tuple[int, int], ...]:
    """Atomic numbers and how many of each in the formula; equal for polymorphs and all meshes."""
    numbers, counts = np.unique(model.crystal.numbers, return_counts=True)
    common = gcd(*map(int, counts))
    return tuple((int(z), int(count) // common) for z, count in zip(numbers, counts, strict=True))


def _without_dipole(relative: Relative) -> Float[np.ndarray, "p s 3 k a a"]:
    q_q3 = mesh_points(relative.q_mesh)
    g_qscrab = at_points(relative.model, relative.k_mesh, q_q3)
    short = with_field(g_qscrab, -multipoles.dipole_field(relative.model, q_q3))
    return np.ascontiguousarray(to_cells(short, relative.q_mesh).real)


def _told(mesh: Mesh) -> str:
    return "x".join(map(str, mesh))
