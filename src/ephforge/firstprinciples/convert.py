"""Make a model file from a given archive: `python -m ephforge.firstprinciples.convert A.npz B.nc`.

The files under resources/first_principles were made with it (docs/first_principles.md).
"""

import sys
from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import write
from ephforge.core.realspace import model_variables
from ephforge.firstprinciples.archive import read_archive
from ephforge.firstprinciples.reference import reference_variables

USAGE = "usage: python -m ephforge.firstprinciples.convert SOURCE.npz OUT.nc"
SOURCE = {
    "codes": "Quantum ESPRESSO 6.7 (pw.x, ph.x), EPW 5.3.1 (epw.x), Debian builds",
    "method": "density functional perturbation theory, Wannier interpolation, use_ws = .true.",
    "functional": "LDA (Perdew-Zunger)",
    "pseudopotentials": "norm-conserving, no spin-orbit; named in run_input",
    "precision": "H and Phi double, g single",
    "acoustic_sum_rule": "imposed on Phi by EPW on the coarse mesh",
}


def convert(source: str | Path, target: str | Path) -> None:
    """Read an archive in Rydberg units and write a file of kind "model"."""
    model, reference, inputs = read_archive(source)
    variables, attributes = model_variables(model)
    attributes |= {"run_input": inputs, "source": SOURCE}
    write(target, "model", variables | reference_variables(reference), attributes)


def main(arguments: list[str]) -> int:
    """Exit status: 0 done, 1 wrong input, 2 wrong usage."""
    if len(arguments) != 2:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        convert(*arguments)
    except EphforgeError as error:
        print(f"ephforge: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
