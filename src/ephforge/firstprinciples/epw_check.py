"""What can be said of an imported EPW run: where it came from, how far it is from what it printed.

An output with prtgkk = .true. beside the files is compared with the model when it is read.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Variable
from ephforge.core.realspace import Model
from ephforge.firstprinciples.epw_run import Run, input_keywords
from ephforge.firstprinciples.reference import (
    Reference,
    deviations,
    read_printed,
    reference_variables,
)

# what a model of these very files cannot miss: eV, meV, relative
BANDS, FREQUENCIES, G = 1e-3, 0.1, 0.1


def provenance(folder: Path, run: Run) -> dict:
    """Attribute `source` of the model file: no path of this machine."""
    return {
        "codes": f"EPW {run.version}" if run.version else "EPW 5.3 (by the layout of its files)",
        "folder": folder.resolve().name,
        "prefix": run.prefix,
        "k_mesh": list(run.k_mesh),
        "q_mesh": list(run.q_mesh),
        "use_ws": run.use_ws,
        "lpolar": run.polar,
    }


def recorded_check(folder: Path, run: Run, model: Model) -> tuple[dict[str, Variable], dict]:
    """Variables ref_* and attributes of the comparison with EPW's own output; empty if none.

    Returns:
      variables; attributes `deviations` (numbers) and `check` (one sentence).

    Raises:
      EphforgeError: the model is not the one that made the output.
    """
    reference, name = _printed(folder, run)
    if reference is None:
        return {}, {}
    found = deviations(reference, model)
    if not (found.bands < BANDS and found.frequencies < FREQUENCIES and found.relative_g < G):
        raise EphforgeError(
            f"{folder / name}: printed other numbers than the files give (bands by "
            f"{found.bands:.1e} eV, phonons by {found.frequencies:.1e} meV, |g| by "
            f"{found.relative_g:.1e}); state the meshes of the run, or take the output away if it "
            "is of another one"
        )
    check = (
        f"{name}: |g| to {found.relative_g:.1e} of EPW's (above 1 meV), phonons to "
        f"{found.frequencies:.1e} meV, bands to {found.bands:.1e} eV (printed to 1e-4)"
    )
    attributes = {"deviations": found._asdict(), "check": check}
    return reference_variables(reference), attributes


def _printed(folder: Path, run: Run) -> tuple[Reference | None, str]:
    """The table of the first input that asks for one and has its lists and its output here."""
    for name in run.inputs:
        keywords = input_keywords(folder / name)
        lists = [folder / keywords.get(key, "").strip("'\"") for key in ("filqf", "filkf")]
        output = (folder / name).with_suffix(".out")
        if "prtgkk" in keywords and output.is_file() and all(path.is_file() for path in lists):
            try:
                return read_printed(output, *(_listed(path) for path in lists)), output.name
            except EphforgeError:
                continue  # unfinished, or without a table: the model is good without it
    return None, ""


def _listed(path: Path) -> Float[np.ndarray, "k 3"]:
    """Points of a list of EPW: a header "N crystal", then three coordinates and a weight."""
    try:
        rows = [[float(word) for word in line.split()[:3]] for line in _body(path)]
        return np.array(rows).reshape(len(rows), 3)
    except ValueError:
        raise EphforgeError(f"{path}: not a list of points in crystal coordinates") from None


def _body(path: Path) -> list[str]:
    header, *lines = path.read_text().splitlines()
    if header.split()[1:2] != ["crystal"]:
        raise ValueError(header)
    return lines[: int(header.split()[0])]
