"""Command couple: |g|, bands and phonons of a model at points of the user's choice.

The result goes to the disk chunk by chunk of q while the next one is computed: it may be larger
than memory, not larger than the disk.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from ephforge.cli.devices import DeviceOption

Mesh = tuple[int, int, int]
Grid = Annotated[
    Mesh | None, typer.Option(metavar="A B C", help="Gamma-centred mesh.", show_default=False)
]
List = Annotated[
    Path | None,
    typer.Option(help="File with one point a line, crystal coordinates.", show_default=False),
]
# bytes for each number of |g| at one q: three results that take turns and a complex step in double
# precision; single precision in the slabs that wait for the disk and are made
_BYTES_PER_NUMBER = 5 * 8 + 4 * 4
_COMPILER = 220_000_000  # bytes that compiling the kernels takes, not given back


def couple(
    source: Annotated[Path, typer.Argument(help="Model file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="NetCDF file to write.")],
    k_grid: Grid = None,
    q_grid: Grid = None,
    k_list: List = None,
    q_list: List = None,
    degeneracy: Annotated[
        float,
        typer.Option(help="meV; |g|^2 is averaged over bands and modes closer than this.", min=0),
    ] = 0.1,
    soft_mode: Annotated[
        float, typer.Option(help="meV; modes softer than this get |g| = 0.", min=0)
    ] = 1.0,
    memory: Annotated[
        str, typer.Option(help="Largest memory of the program, as 500MB or 2GB.")
    ] = "1GB",
    compress: Annotated[
        int,
        typer.Option(
            help="zlib level of |g| and energies, 1 to 9; 0: none, which is the quickest.",
            min=0,
            max=9,
        ),
    ] = 0,
    precision: Annotated[
        Literal["double", "single"],
        typer.Option(help="Of the products; single is faster, |g| good to 1e-6 of the largest."),
    ] = "double",
    device: DeviceOption = "auto",
) -> None:
    """Compute |g(k, q)|, bands and phonons, on grids or lists.

    Grids need not be commensurate; if that of q divides that of k, k+q is looked up, which is much
    faster. The file has coupling_magnitude (q, k, mode, band_final,
    band_initial) in meV, averaged over degenerate states, electron_energy_initial (k, band) and
    electron_energy_final (q, k, band) in eV, phonon_energy (q, mode) in meV, negative where
    imaginary, k_point and q_point in crystal coordinates.
    """
    from ephforge.cli.lists import points
    from ephforge.cli.memory import parsed
    from ephforge.cli.models import read_model_file
    from ephforge.core.devices import ask, settle
    from ephforge.core.stream import Stream
    from ephforge.core.units import MEV
    from ephforge.coupling.grid import Limits

    memory_bytes = parsed("--memory", memory)
    k_k3, q_q3 = points("k", k_grid, k_list), points("q", q_grid, q_list)
    model = read_model_file(source)[0]
    variables = _variables(model, k_k3, q_q3)
    _refuse_too_large(output, variables)
    ask(device)
    settle()
    settings = {"name": model.name, "degeneracy_meV": degeneracy, "soft_mode_meV": soft_mode}
    settings["precision"] = precision
    meshes = {"k_grid": k_grid, "q_grid": q_grid}
    settings |= {name: list(mesh) for name, mesh in meshes.items() if mesh is not None}
    limits, is_single = Limits(degeneracy / MEV, soft_mode / MEV), precision == "single"
    parts = _chunks(model, (k_k3, q_q3), meshes, limits, memory_bytes, is_single)
    with Stream(output, "couplings", variables, settings, compress) as stream:
        largest, soft = _put_all(stream, parts, len(q_q3), soft_mode)
    _, n_k, n_modes, n_bands, _ = variables["coupling_magnitude"].shape
    typer.echo(
        f"{output}: {len(q_q3)} q x {n_k} k, {n_bands} bands, {n_modes} modes; |g| up to "
        f"{largest:.4g} meV; {soft} modes softer than {soft_mode:g} meV have |g| = 0"
    )


def _variables(model, k_k3, q_q3) -> dict:
    """What the file will hold."""
    from ephforge.core.netcdf import Variable
    from ephforge.core.stream import Slabs

    n_bands, n_modes = len(model.hopping.site), 3 * len(model.crystal.numbers)
    n_q, n_k = len(q_q3), len(k_k3)
    return {
        "coupling_magnitude": Slabs(
            (n_q, n_k, n_modes, n_bands, n_bands),
            "float32",
            ("q", "k", "mode", "band_final", "band_initial"),
            "meV",
            "|g|, root mean square over groups of degenerate bands at k+q, at k, and modes",
        ),
        "electron_energy_initial": Slabs(
            (n_k, n_bands), "float64", ("k", "band"), "eV", "bands at k"
        ),
        "electron_energy_final": Slabs(
            (n_q, n_k, n_bands), "float64", ("q", "k", "band"), "eV", "bands at k+q"
        ),
        "phonon_energy": Slabs(
            (n_q, n_modes),
            "float64",
            ("q", "mode"),
            "meV",
            "hbar omega at q, negative where omega is imaginary",
        ),
        "k_point": Variable(k_k3, ("k", "reciprocal_vector"), "1", "k, fractional"),
        "q_point": Variable(q_q3, ("q", "reciprocal_vector"), "1", "q, fractional"),
    }


def _refuse_too_large(output: Path, variables: dict) -> None:
    """The disk has to hold the file without compression: what that saves is not known before."""
    from ephforge.core.errors import EphforgeError
    from ephforge.core.stream import Slabs, free_bytes

    needed = sum(array.nbytes for array in variables.values() if isinstance(array, Slabs))
    free = free_bytes(output)
    if needed > free:
        n_q, n_k = variables["coupling_magnitude"].shape[:2]
        raise EphforgeError(
            f"{output}: {n_q} q x {n_k} k points need {1e-9 * needed:.3g} GB, "
            f"{1e-9 * free:.3g} GB are free on its disk; ask for fewer points or another folder"
        )


def _chunks(
    model, points: tuple, meshes: dict, limits, memory_bytes: int, is_single: bool
) -> Iterator:
    """`Magnitudes` of so many q together that memory suffices.

    Raises:
      EphforgeError: not even one q fits.
    """
    from ephforge.cli.memory import resident
    from ephforge.core.errors import EphforgeError
    from ephforge.coupling.points import Lists, Meshes, magnitudes

    n_bands, n_modes = len(model.hopping.site), 3 * len(model.crystal.numbers)
    # the model on the device, and what it is made of on the way there
    arrays = [array for array in vars(model.coupling).values() if array is not None]
    base = resident() + _COMPILER + 2 * sum(array.nbytes for array in arrays)
    n_k = len(points[0])
    one_q = _BYTES_PER_NUMBER * n_k * n_modes * n_bands**2
    if memory_bytes - base < one_q:
        raise EphforgeError(
            f"--memory {1e-9 * memory_bytes:.3g}GB: expected at least "
            f"{1e-9 * (base + one_q):.3g}GB for one q with {n_k} k, {n_modes} modes and "
            f"{n_bands} bands; give more or ask for fewer k"
        )
    k_mesh, q_mesh = meshes.values()
    divides = k_mesh and q_mesh and not any(k % q for k, q in zip(k_mesh, q_mesh, strict=True))
    chosen = Meshes(k_mesh, q_mesh) if divides else Lists(*points)
    return magnitudes(model, chosen, limits, memory_bytes - base, is_single)


def _put_all(stream, parts: Iterator, n_q: int, soft_mode: float) -> tuple[float, int]:
    """Put every part into the file; the largest |g| (meV) and the number of soft modes."""
    import numpy as np

    from ephforge.cli.progress import progress
    from ephforge.core.units import MEV

    largest, soft, initial_kn = 0.0, 0, None
    with progress("couple", n_q, "q") as advance:
        for part in parts:
            if initial_kn is None:
                initial_kn = np.asarray(part.energy_k)
                stream.put(electron_energy_initial=initial_kn)
            frequency_qv = part.frequency_q * MEV
            magnitude_qkvmn = np.empty(part.magnitude.shape, np.float32)
            np.multiply(part.magnitude, MEV, out=magnitude_qkvmn, casting="same_kind")
            stream.put(
                coupling_magnitude=magnitude_qkvmn,
                electron_energy_final=np.array(part.energy_kq),
                phonon_energy=frequency_qv,
            )
            largest = max(largest, float(magnitude_qkvmn.max()))
            soft += int((frequency_qv < soft_mode).sum())
            advance(len(frequency_qv))
    return largest, soft
