"""Command show: what is in a file of ephforge."""

from pathlib import Path
from typing import Annotated

import typer

WIDTH = 160  # characters of an attribute that are shown
RENAMED = "_nc4_non_coord_"  # NetCDF in HDF5: an array that has the name of a dimension
HIDDEN = ("checksum", "completed", "kind", "format_version", "conventions")


def show(source: Annotated[Path, typer.Argument(help="Any file of ephforge.")]) -> None:
    """Print what a file holds: a model in full, other kinds as a list."""
    kind, listing = _outline(source)
    if kind == "model":
        from ephforge.cli.models import read_model_file

        lines = _model_lines(*read_model_file(source))
    else:
        from ephforge.core.netcdf import read

        attributes = read(source, kind).attributes
        lines = [*listing, *_attribute_lines(attributes)]
    typer.echo("\n".join([f"{source}: file of kind '{kind}'", *lines]))


def _outline(path: Path) -> tuple[str, list[str]]:
    """Kind of a file, and its variables and groups, without reading them."""
    import h5py

    from ephforge.core.errors import EphforgeError

    try:
        with h5py.File(path) as file:
            kind = file.attrs.get("kind")
            groups = [name for name in file if isinstance(file[name], h5py.Group)]
            listing = _variable_lines(file)
            if groups:
                listing += [f"{len(groups)} groups, {groups[0]} to {groups[-1]}; in the first:"]
                listing += [f"  {line}" for line in _variable_lines(file[groups[0]])]
    except OSError as error:
        raise EphforgeError(
            f"{path}: not a readable NetCDF-4 file ({error}); expected one that ephforge wrote"
        ) from None
    if kind is None:
        raise EphforgeError(f"{path}: no attribute 'kind', expected a file that ephforge wrote")
    return _text(kind), listing


def _text(value) -> str:
    """NetCDF attributes come as bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _variable_lines(group) -> list[str]:
    """Name, shape, unit and meaning of every array; dimensions without values are left out."""
    lines = []
    for name, item in group.items():
        if "long_name" in item.attrs:
            unit, meaning = (_text(item.attrs[key]) for key in ("units", "long_name"))
            shape = " x ".join(map(str, item.shape)) or "scalar"
            plain = name.removeprefix(RENAMED)
            lines.append(f"{plain:24s} {shape:24s} {unit:16s} {meaning}")
    return lines


def _attribute_lines(attributes: dict) -> list[str]:
    lines = []
    for name, value in attributes.items():
        if name in HIDDEN:
            continue
        if name == "versions":
            lines.append(f"versions: {', '.join(f'{key} {item}' for key, item in value.items())}")
        elif isinstance(value, dict):
            lines.append(f"{name}:")
            lines += [f"  {key}: {_short(item)}" for key, item in value.items()]
        else:
            lines.append(f"{name}: {_short(value)}")
    return lines


def _short(value) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def _model_lines(model, contents) -> list[str]:
    provenance = {
        name: value
        for name, value in contents.attributes.items()
        if name not in ("name", "coupling") and not name.startswith("long_range")
    }
    return [
        *_crystal_lines(model),
        *_electron_lines(model.hopping),
        f"phonons: {3 * len(model.crystal.numbers)} modes; {_cells(model.force_constants.cells)} "
        "of force constants",
        *_coupling_lines(model),
        *_polar_lines(model.long_range),
        *_reference_lines(contents),
        *_attribute_lines(provenance),
    ]


def _crystal_lines(model) -> list[str]:
    import numpy as np

    from ephforge.core.symmetry import space_group
    from ephforge.firstprinciples.elements import SYMBOLS
    from ephforge.firstprinciples.prototypes import prototype

    crystal = model.crystal
    symbols = [SYMBOLS[z - 1] for z in crystal.numbers]
    formula = "".join(f"{s}{symbols.count(s)}" for s in dict.fromkeys(symbols))
    group = space_group(crystal.cell, crystal.positions, crystal.numbers)
    volume = abs(np.linalg.det(crystal.cell))
    fractional = crystal.positions @ np.linalg.inv(crystal.cell)
    return [
        f"{model.name}: {formula}, structure {prototype(crystal)}, space group {group}",
        f"cell, angstrom (volume {volume:.4f} angstrom^3):",
        *_rows(crystal.cell),
        "atoms: fractional position, mass in dalton",
        *(
            f"  {symbol:2s} {_numbers(x)}  {mass:9.4f}"
            for symbol, x, mass in zip(symbols, fractional, crystal.masses, strict=True)
        ),
    ]


def _electron_lines(hopping) -> list[str]:
    return [
        f"electrons: {len(hopping.site)} bands; {_cells(hopping.cells)} of the Hamiltonian",
        "Wannier or orbital centres, angstrom, and nearest atom",
        *(
            f"  {_numbers(x)}  {site + 1}"
            for x, site in zip(hopping.centres, hopping.site, strict=True)
        ),
    ]


def _coupling_lines(model) -> list[str]:
    from ephforge.core.realspace import TwoCentreCoupling

    coupling = model.coupling
    if isinstance(coupling, TwoCentreCoupling):
        return ["coupling: two-centre, on the cells of the Hamiltonian"]
    return [
        f"coupling: Wannier basis, {_cells(coupling.phonon_cells)} of the phonon, "
        f"{_cells(coupling.electron_cells)} of the electron; {coupling.g.dtype}"
    ]


def _polar_lines(long_range) -> list[str]:
    if long_range is None:
        return ["polar: no"]
    return [
        f"polar: yes, convention {long_range.convention}, q mesh {tuple(long_range.q_mesh)}",
        "dielectric tensor",
        *_rows(long_range.dielectric),
        *(
            line
            for s, born in enumerate(long_range.born)
            for line in (f"Born charges of atom {s + 1} (field, displacement), e", *_rows(born))
        ),
    ]


def _reference_lines(contents) -> list[str]:
    if "ref_g" not in contents.variables:
        return ["reference: none"]
    n_q, n_k = contents.variables["ref_g"].shape[:2]
    return [f"reference: |g| as EPW printed it at {n_q} q x {n_k} k"]


def _cells(cells) -> str:
    import numpy as np

    reach = " ".join(str(int(n)) for n in np.max(np.abs(cells), axis=0))
    return f"{len(cells)} cells (up to {reach})"


def _rows(matrix) -> list[str]:
    return [f"  {_numbers(row)}" for row in matrix]


def _numbers(row) -> str:
    return " ".join(f"{x + 0.0:10.5f}" for x in row)
