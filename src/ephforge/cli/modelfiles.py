"""Command symmetrise, and what compress and reconstruct do with models."""

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from ephforge.cli.transfer import Mesh, Output

Model = Annotated[Path, typer.Argument(help="Model file of ephforge.")]
KMesh = Annotated[
    Mesh | None,
    typer.Option(metavar="A B C", help="Coarse k mesh.", show_default="as the file says"),
]
QMesh = Annotated[
    Mesh | None,
    typer.Option(metavar="A B C", help="Coarse q mesh.", show_default="as the file says"),
]


def symmetrise(
    source: Model,
    output: Output,
    k_mesh: KMesh = None,
    q_mesh: QMesh = None,
    tolerance: Annotated[
        float,
        typer.Option(help="Share of H or g that an operation may change and still be a symmetry."),
    ] = 0.05,
) -> None:
    """Make a noisy model invariant under its space group, time reversal and Hermitian."""
    from ephforge.cli.models import read_model_file
    from ephforge.core.netcdf import write
    from ephforge.core.realspace import model_variables
    from ephforge.core.symmetry import space_group
    from ephforge.symmetry.symmetrise import reduced, symmetrised

    model, contents = read_model_file(source)
    meshes = _meshes(source, contents, k_mesh, q_mesh)
    found = reduced(model, *meshes, tolerance)
    moved = {name: float(size) for name, size in found.moved.items()}
    variables, attributes = model_variables(symmetrised(model, found), meshes=tuple(meshes))
    write(output, "model", variables, contents.attributes | attributes | {"symmetrised": moved})
    crystal = model.crystal
    group = space_group(crystal.cell, crystal.positions, crystal.numbers)
    count = sum(len(part) for part in found.coefficients)
    typer.echo(
        f"{output}: {group}; {len(found.representation.change_g)} operations hold, and time "
        f"reversal; {count} independent numbers"
    )
    for name, unit in (("hopping", "eV"), ("phi", "eV/angstrom^2"), ("g", "eV/angstrom")):
        largest = moved[f"{name}_largest"]
        typer.echo(f"  {name} moved by {moved[name]:.1e}, at most {largest:.1e} {unit}")


class ModelBounds(NamedTuple):
    """Largest errors: relative of complex g and of |g| (None: any), bands and phonons in meV."""

    error: float
    magnitude: float | None
    bands: float
    phonons: float


def compress_model(
    source: Path, output: Path, asked: ModelBounds, filled: int | None, k_mesh, q_mesh
) -> None:
    """Write a whole model in some hundred bytes, each bound checked on what decodes."""
    from ephforge.cli.models import read_model_file
    from ephforge.core.errors import EphforgeError
    from ephforge.core.publish import write_bytes
    from ephforge.core.units import MEV
    from ephforge.modelcodec.encode import Bounds, compress

    names = ("--error", "--magnitude-error", "--band-error", "--phonon-error")
    for name, value in zip(names, asked, strict=True):
        if value is not None and not value > 0:
            raise EphforgeError(f"{name} {value}: expected a number above 0; give a bound")
    model, contents = read_model_file(source)
    meshes = _meshes(source, contents, k_mesh, q_mesh)
    bounds = Bounds(asked.error, asked.bands / MEV, asked.phonons / MEV, asked.magnitude)
    found = compress(model, *meshes, bounds, filled)
    write_bytes(output, found.data)
    size, errors = found.bits, found.errors
    typer.echo(
        f"{output}: {size['file']} bits; g {size['g']}, H {size['hopping']}, Phi {size['phi']}, "
        f"header {size['header']}"
    )
    typer.echo(
        f"  measured: g {errors['coupling']:.4f}, |g| {errors['magnitude']:.4f} relative; bands "
        f"{errors['bands'] * MEV:.2f} meV, phonons {errors['phonons'] * MEV:.3f} meV"
    )


def restore_model(source: Path, output: Path) -> None:
    """Write the model of a code: a model file for couple and all other commands."""
    from ephforge.cli.transfer import _summary
    from ephforge.core.netcdf import write
    from ephforge.core.realspace import model_variables
    from ephforge.modelcodec.encode import decode, stored_meshes

    data = source.read_bytes()
    model, meshes = decode(data), stored_meshes(data)
    variables, attributes = model_variables(model, meshes=meshes)
    write(output, "model", variables, attributes | {"source": {"compressed": source.name}})
    typer.echo(_summary(output, model))


def _meshes(source: Path, contents, k_mesh: Mesh | None, q_mesh: Mesh | None):
    from ephforge.core.errors import EphforgeError

    found = []
    for name, given in (("k", k_mesh), ("q", q_mesh)):
        stored = contents.variables.get(f"g_{name}_mesh")
        if given is None and stored is None:
            raise EphforgeError(
                f"{source}: does not say its coarse {name} mesh; give --{name}-mesh A B C"
            )
        found.append(given or tuple(int(n) for n in stored))
    return found
