"""Command couple: |g|, bands and phonons of a model at points of the user's choice."""

import os
from pathlib import Path
from typing import Annotated

import typer

Mesh = tuple[int, int, int]
Grid = Annotated[
    Mesh | None, typer.Option(metavar="A B C", help="Gamma-centred mesh.", show_default=False)
]
List = Annotated[
    Path | None,
    typer.Option(help="File with one point a line, crystal coordinates.", show_default=False),
]
LARGEST_SHARE = 0.25  # of the machine's memory that |g| may take: writing needs as much again


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
) -> None:
    """Compute |g(k, q)|, bands and phonons, on grids or lists.

    Grids need not be commensurate. The file has coupling_magnitude (q, k, mode, band_final,
    band_initial) in meV, averaged over degenerate states, electron_energy_initial (k, band) and
    electron_energy_final (q, k, band) in eV, phonon_energy (q, mode) in meV, negative where
    imaginary, k_point and q_point in crystal coordinates.
    """
    from ephforge.cli.lists import points
    from ephforge.cli.models import read_model_file

    k_k3, q_q3 = points("k", k_grid, k_list), points("q", q_grid, q_list)
    model = read_model_file(source)[0]
    _refuse_too_large(model, len(k_k3), len(q_q3))
    found = _compute(model, k_k3, q_q3, degeneracy, soft_mode)
    settings = {"degeneracy_meV": degeneracy, "soft_mode_meV": soft_mode}
    meshes = {"k_grid": k_grid, "q_grid": q_grid}
    settings |= {name: list(mesh) for name, mesh in meshes.items() if mesh is not None}
    _write(output, model.name, k_k3, q_q3, found, settings)
    soft = int((found[2] < soft_mode).sum())
    typer.echo(
        f"{output}: {len(q_q3)} q x {len(k_k3)} k, {found[3].shape[-1]} bands, "
        f"{found[3].shape[2]} modes; |g| up to {found[3].max():.4g} meV; {soft} modes softer than "
        f"{soft_mode:g} meV have |g| = 0"
    )


def _refuse_too_large(model, n_k: int, n_q: int) -> None:
    from ephforge.core.errors import EphforgeError

    n_bands, n_modes = len(model.hopping.site), 3 * len(model.crystal.numbers)
    needed = 4e-9 * n_k * n_q * n_modes * n_bands**2
    memory = 1e-9 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > LARGEST_SHARE * memory:
        raise EphforgeError(
            f"{n_q} q x {n_k} k points with {n_modes} modes and {n_bands} bands: {needed:.1f} GB "
            f"of couplings, expected at most {LARGEST_SHARE * memory:.1f} GB on this machine; ask "
            "for fewer points, one part of the q list after the other"
        )


def _compute(model, k_k3, q_q3, degeneracy: float, soft_mode: float):
    """Energies at k (eV), at k+q (eV), of phonons (meV), and |g| (meV, single precision)."""
    import numpy as np
    from tqdm import tqdm

    from ephforge.core.units import MEV
    from ephforge.coupling.grid import Limits
    from ephforge.coupling.points import Lists, magnitudes

    n_bands, n_modes = len(model.hopping.site), 3 * len(model.crystal.numbers)
    n_q, n_k = len(q_q3), len(k_k3)
    initial_kn = np.empty((n_k, n_bands))
    final_qkm = np.empty((n_q, n_k, n_bands))
    frequency_qv = np.empty((n_q, n_modes))
    magnitude_qkvmn = np.empty((n_q, n_k, n_modes, n_bands, n_bands), dtype=np.float32)
    first, limits = 0, Limits(degeneracy / MEV, soft_mode / MEV)
    # no bar where nobody watches
    with tqdm(total=n_q, unit="q", disable=None) as bar:
        for part in magnitudes(model, Lists(k_k3, q_q3), limits):
            last = first + len(part.frequency_q)
            initial_kn[:] = part.energy_k
            final_qkm[first:last] = part.energy_kq
            frequency_qv[first:last] = part.frequency_q * MEV
            magnitude_qkvmn[first:last] = part.magnitude * MEV
            bar.update(last - first)
            first = last
    return initial_kn, final_qkm, frequency_qv, magnitude_qkvmn


def _write(output: Path, name: str, k_k3, q_q3, found, settings: dict) -> None:
    from ephforge.core.netcdf import Variable, write

    initial_kn, final_qkm, frequency_qv, magnitude_qkvmn = found
    variables = {
        "coupling_magnitude": Variable(
            magnitude_qkvmn,
            ("q", "k", "mode", "band_final", "band_initial"),
            "meV",
            "|g|, root mean square over groups of degenerate bands at k+q, at k, and modes",
        ),
        "electron_energy_initial": Variable(initial_kn, ("k", "band"), "eV", "bands at k"),
        "electron_energy_final": Variable(final_qkm, ("q", "k", "band"), "eV", "bands at k+q"),
        "phonon_energy": Variable(
            frequency_qv, ("q", "mode"), "meV", "hbar omega at q, negative where omega is imaginary"
        ),
        "k_point": Variable(k_k3, ("k", "reciprocal_vector"), "1", "k, fractional"),
        "q_point": Variable(q_q3, ("q", "reciprocal_vector"), "1", "q, fractional"),
    }
    write(output, "couplings", variables, {"name": name} | settings)
