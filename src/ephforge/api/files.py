"""Files of ephforge as xarray data sets, checked for kind and checksum as they are read."""

from collections import Counter
from pathlib import Path

import numpy as np
import xarray as xr

from ephforge.core.blocks import on_grid, read_block
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import Contents, Stored, outline, read, read_groups
from ephforge.core.realspace import Model, read_model
from ephforge.core.units import MEV


def open_model(path: str | Path) -> Model:
    """The real-space model of a file of kind "model" (core/realspace.py says what it holds).

    Raises:
      EphforgeError: the file is absent, damaged, incomplete or of another kind.
    """
    contents = read(path, "model")
    try:
        return read_model(contents)
    except KeyError as error:
        raise EphforgeError(
            f"{path}: model file without {error}, expected a whole one; import it again"
        ) from None


def open_file(path: str | Path, group: str = "") -> xr.Dataset:
    """All arrays of any file of ephforge, with their axes, units and meaning.

    Complex arrays come as such. Where an axis stands twice in an array, as the orbitals of H do,
    the second is called orbital_2. The table of a finished campaign is
    `open_file("results/dataset/dataset.nc")`.

    Args:
      group: one material of a shard, e.g. "000012".

    Raises:
      EphforgeError: the file is absent or damaged, or has no such group.
    """
    kind, stored = outline(path)
    contents = _group(path, kind, group) if group else read(path, kind)
    named = ((name, stored[group][name], data) for name, data in contents.variables.items())
    return xr.Dataset(
        {name: _array(facts, data) for name, facts, data in named}, attrs=contents.attributes
    )


def open_maps(path: str | Path, group: str = "") -> xr.Dataset:
    """|g(k,q)| of one material on the full mesh, with bands, phonons and points.

    Of results/firstprinciples/NAME.nc, or of a material of results/coupling/FIRST-LAST.nc.

    Returns:
      coupling (final_band, initial_band, mode, k, q) in meV, averaged over degenerate states;
      electron_energy (k, initial_band) in eV; phonon_energy (q, mode) in meV; k_point and
      q_point, fractional, as coordinates; name and labels as attributes.

    Raises:
      EphforgeError: as `open_file`.
    """
    kind, _ = outline(path)
    contents = _group(path, kind, group) if group else read(path, kind)
    if "orbit" not in contents.variables:
        raise EphforgeError(
            f"{path}: no maps in {group or 'its root'}; expected a file of "
            "results/firstprinciples, or of results/coupling with an accepted material"
        )
    block = read_block(contents)
    channels = ("final_band", "initial_band", "mode")
    points = {
        "k_point": (("k", "vector"), mesh_points(block.k_mesh)),
        "q_point": (("q", "vector"), mesh_points(block.q_mesh)),
    }
    arrays = {
        "coupling": ((*channels, "k", "q"), on_grid(block), {"units": "meV"}),
        "electron_energy": (("k", "initial_band"), block.energies, {"units": "eV"}),
        "phonon_energy": (("q", "mode"), block.frequencies * MEV, {"units": "meV"}),
    }
    return xr.Dataset(arrays, points, {"name": block.name, **block.labels})


def _group(path: str | Path, kind: str, group: str) -> Contents:
    return next(read_groups(path, kind, [group]))


def _array(stored: Stored, data: np.ndarray) -> xr.Variable:
    seen: Counter[str] = Counter()
    axes = []
    for axis in stored.axes:
        seen[axis] += 1
        axes.append(axis if seen[axis] == 1 else f"{axis}_{seen[axis]}")
    return xr.Variable(axes, data, {"units": stored.unit, "long_name": stored.meaning})
