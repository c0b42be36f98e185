"""Maps of |g| made from whole models in few bits: the line beside codes of the maps themselves.

    python benchmarks/model_line.py resources/first_principles/*_4.nc -o model_line.json [--mesh 8]

A model of a real material is compressed (`ephforge compress --model --error E`: H, Phi, long range
and complex g), read back, and |g| is computed from it as the stage firstprinciples does.  The whole
file counts, in units of 32 bits x numbers of the full grid, as budgets of codes of maps do.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ephforge.baselines.measure import relative_error
from ephforge.config import Coupling
from ephforge.core.blocks import Block, on_grid
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.firstprinciples.stage import mapped


def maps(path: Path, mesh: int) -> Block:
    """|g| of a model by the default options, but for the mesh."""
    options = Coupling(k_mesh=[mesh] * 3, q_mesh=[mesh] * 3).model_dump(mode="json")
    return mapped(str(path), read_model(read(path, "model")), options).block


def through(path: Path, error: float, folder: Path) -> tuple[int, Path]:
    """Bytes of a model within an error, and where it is decoded to."""
    packed, again = folder / "model.eph", folder / "again.nc"
    command = [Path(sys.executable).with_name("ephforge")]
    bound = ["--model", "--error", str(error), "-o", str(packed)]
    for arguments in (
        ["compress", str(path), *bound],
        ["reconstruct", str(packed), "-o", str(again)],
    ):
        subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL)
    return packed.stat().st_size, again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="+", help="files of kind model")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--mesh", type=int, default=4, help="of k and of q")
    parser.add_argument("--errors", type=float, nargs="+", default=[0.02, 0.05, 0.1, 0.2])
    given = parser.parse_args()
    record = {"mesh": given.mesh, "materials": {}}
    for path in given.models:
        grid, rows = on_grid(maps(path, given.mesh)), {}
        for error in given.errors:
            with tempfile.TemporaryDirectory() as folder:
                size, again = through(path, error, Path(folder))
                found = on_grid(maps(again, given.mesh))
            budget, missed = 8 * size / (32 * grid.size), relative_error(found, grid)
            rows[str(error)] = {"bytes": size, "budget": budget, "error": missed}
            share = f"{size:6d} bytes  {100 * budget:.4f} %"
            print(f"{path.stem:9s} g {error:4g}  {share}  |g| {missed:.4f}", flush=True)
        record["materials"][path.stem] = rows
        given.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
