"""What the commands compress, reconstruct and superresolve do with maps |g|."""

from pathlib import Path

import typer


def compress_maps(source: Path, output: Path, asked: dict, window, autoencoder, device) -> None:
    """Write a code of |g|; asked: one of the options --budget, --error, --bound with its number."""
    from ephforge.cli.pretrained import load, warn
    from ephforge.cli.sources import read_maps
    from ephforge.core.devices import ask
    from ephforge.core.publish import write_bytes
    from ephforge.mapcodec.container import pack

    way, value = _one_of(asked)
    ask(device)
    found = load(autoencoder)
    block = read_maps(source, window)
    result = way(block, found.codec, found.fingerprint, value)
    data = pack(result.packed)
    write_bytes(output, data)
    typer.echo(f"{output}: {_summary(block)}")
    typer.echo(
        f"  payload {result.packed.payload_bits} bits (code {8 * len(result.packed.code)}, "
        f"residuals {8 * len(result.packed.residual)}), budget {result.budget:.3g}; "
        f"whole file {8 * len(data)} bits"
    )
    typer.echo(f"  measured: relative error {result.error:.3g}, largest {result.largest:.4g} meV")
    warn(found, block)


def restore_maps(source: Path, output: Path, autoencoder, device) -> None:
    """Write maps |g| from a code: show, xarray and other commands read them."""
    from dataclasses import replace

    import numpy as np

    from ephforge.cli.pretrained import load
    from ephforge.core.devices import ask
    from ephforge.core.errors import EphforgeError
    from ephforge.mapcodec.container import unpack
    from ephforge.mapcodec.encode import decoded

    if not source.is_file():
        raise EphforgeError(f"{source}: no such file, expected compressed maps; check the path")
    packed = unpack(source.read_bytes(), str(source))
    ask(device)
    found = load(autoencoder)
    if packed.autoencoder != found.fingerprint:
        raise EphforgeError(
            f"{source}: made with autoencoder {packed.autoencoder}, expected {found.fingerprint}, "
            "the one in use; name the right one with --autoencoder"
        )
    g_mnvo, grid = decoded(packed, found.codec)
    g_grid = None if grid is None else np.float32(grid)
    block = replace(packed.block, g=np.float32(g_mnvo), g_grid=g_grid)
    about = {"compressed": source.name, "autoencoder": found.fingerprint, "bound_meV": packed.bound}
    _write_maps(output, block, about)


def refine_maps(source: Path, output: Path, q_grid, window, autoencoder, device) -> None:
    """Write |g| on a finer q mesh that divides its k mesh.

    Phonon energies of the new points are interpolated trilinearly. The expected error is that
    over the new points, with a 90 % interval from families that were not trained on.
    """
    from ephforge.cli.pretrained import load, warn
    from ephforge.cli.sources import read_maps
    from ephforge.core.devices import ask
    from ephforge.mapcodec.refine import on_fine_mesh, refined
    from ephforge.trust.calibration import expected_error

    ask(device)
    found = load(autoencoder)
    block = read_maps(source, window)
    fine = tuple(q_grid or block.k_mesh)
    result = refined(block, found.codec, fine)
    about = {"refined_from_q_mesh": list(block.q_mesh), "autoencoder": found.fingerprint}
    told = "not known: this autoencoder has no calibration"
    if found.calibration is not None:
        seen, given_o = on_fine_mesh(block, fine)
        told, error = _expected(
            expected_error(found.calibration, found.codec, block.q_mesh, seen, given_o, result),
            found.calibration.q_meshes,
        )
        about |= {"expected_error": error}
    _write_maps(output, result, about)
    typer.echo(f"  relative error at the new q: {told}")
    warn(found, result)


def _expected(found, calibrated) -> tuple[str, list[float] | str]:
    """What is said of an expected error, and what stands in the file."""
    if found is None:
        coarse, fine = calibrated
        told = f"not known: calibrated for q {coarse} to {fine} only"
        return told, "unknown"
    values = [found.expected, found.low, found.high]
    told = f"about {found.expected:.3f}"
    if found.high == float("inf"):
        return f"{told}, too few held-out families for an interval", values
    return f"{told}, 90 % interval {found.low:.3f} to {found.high:.3f}", values


def _one_of(asked: dict[str, float | None]):
    """The way of compressing that is asked for, and its number."""
    from ephforge.core.errors import EphforgeError
    from ephforge.mapcodec import encode

    ways = {
        "--budget": encode.within_budget,
        "--error": encode.to_error,
        "--bound": encode.within_bound,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) != 1:
        names = " ".join(given) or "no option"
        raise EphforgeError(f"{names}: expected one of --budget, --error, --bound; give one number")
    ((name, value),) = given.items()
    if not 0 < value < float("inf"):
        raise EphforgeError(f"{name} {value}: expected a finite number above 0; give another")
    return ways[name], value


def _write_maps(output: Path, block, about: dict) -> None:
    from ephforge.core.blocks import block_variables
    from ephforge.core.netcdf import write

    variables, attributes = block_variables(block)
    write(output, "maps", variables, attributes | {"source": about})
    typer.echo(f"{output}: {_summary(block)}")


def _summary(block) -> str:
    meshes = f"k {block.k_mesh} x q {block.q_mesh}"
    return f"{block.name}, |g| on {meshes}, {len(block.g)} bands, {block.g.shape[2]} modes"
