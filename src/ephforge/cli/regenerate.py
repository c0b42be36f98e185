"""Command regenerate: does a material come out again?"""

import os
from pathlib import Path
from typing import Annotated

import typer


def regenerate(
    shard: Annotated[
        Path, typer.Argument(help="A shard, results/{lattice,coupling}/FIRST-LAST.nc.")
    ],
    name: Annotated[str, typer.Argument(help="Material, e.g. 000012.")],
    any_code: Annotated[
        bool, typer.Option("--any-code", help="Go on although other code made the file.")
    ] = False,
) -> None:
    """Make one material of a shard again and compare it bit by bit, on the CPU.

    From the seed, the options and the number of the material alone. Shards computed on a GPU
    differ by rounding: the lines say by how much.
    """
    # before numpy and jax are imported: one thread, as Snakemake gives to a shard job; sums of
    # several threads differ in their last bits
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ |= dict.fromkeys(("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    from ephforge.audit.regenerate import regenerate as make_again
    from ephforge.core.errors import EphforgeError

    found = make_again(shard, name, any_code)
    what = f"{found.arrays} arrays and {found.attributes} attributes"
    if found.differences:
        for difference in found.differences[1:]:
            typer.echo(f"{shard}: {name}: {difference}")
        raise EphforgeError(
            f"{shard}: {name}: {found.differences[0]}; {len(found.differences)} of {what} are not "
            "as they were"
        )
    typer.echo(f"{shard}: {name}: {what} are the same, bit by bit")
