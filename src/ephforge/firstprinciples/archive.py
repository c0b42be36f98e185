"""Reader of the given models of real materials: NAME.npz in Rydberg units beside inputs/.

Each archive holds one real-space model that Quantum ESPRESSO and EPW made, and a table of
couplings that EPW itself printed; inputs/NAME.json lists the input of those runs.
"""

import json
import zipfile
from pathlib import Path

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import Model
from ephforge.firstprinciples.elements import atomic_number
from ephforge.firstprinciples.reference import Reference
from ephforge.firstprinciples.rydberg import RydbergArrays, to_model

KEYS = (
    *("cell", "tau", "wannier_centres", "masses_ry", "ityp", "alat", "nq"),
    *("Rk", "H", "Rq", "C", "Rg", "g", "polar", "Zstar", "epsilon"),
    *("ref_q", "ref_k", "ref_enk_eV", "ref_enkq_eV", "ref_omega_meV", "ref_g_meV"),
)


def read_archive(path: str | Path) -> tuple[Model, Reference, dict]:
    """Model, EPW's printed numbers, and the input of the run.

    Raises:
      EphforgeError: the archive or its input record is absent, damaged or incomplete.
    """
    path = Path(path)
    found = _load(path)
    inputs = _load_inputs(path.parent / "inputs" / f"{path.stem}.json")
    symbols = [row[0] for row in inputs["species"]]
    polar = bool(found["polar"])
    arrays = RydbergArrays(
        cell=found["cell"],
        positions=found["tau"],
        centres=found["wannier_centres"],
        masses=found["masses_ry"],
        numbers=np.array([atomic_number(symbols[t - 1]) for t in found["ityp"]]),
        electron_cells=found["Rk"],
        h=found["H"],
        lattice_cells=found["Rq"],
        c=found["C"],
        phonon_cells=found["Rg"],
        g=found["g"],
        born=found["Zstar"] if polar else None,
        dielectric=found["epsilon"] if polar else None,
        q_mesh=tuple(int(n) for n in found["nq"]),
        lattice_unit=float(found["alat"]),
    )
    return to_model(arrays, path.stem), _reference(found), inputs


def _reference(found: dict[str, np.ndarray]) -> Reference:
    """The table is kept [q, k, n, m, v] with everything repeated; what repeats is kept once."""
    return Reference(
        found["ref_q"],
        found["ref_k"],
        found["ref_enk_eV"][0, :, :, 0, 0],
        found["ref_enkq_eV"][:, :, 0, :, 0],
        found["ref_omega_meV"][:, 0, 0, 0, :],
        found["ref_g_meV"].swapaxes(2, 3),
    )


def _load(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise EphforgeError(f"{path}: no such file, expected an archive NAME.npz")
    try:
        with np.load(path) as archive:
            missing = [key for key in KEYS if key not in archive.files]
            if missing:
                raise EphforgeError(
                    f"{path}: no array '{missing[0]}', expected a model archive with "
                    f"{', '.join(KEYS)}"
                )
            return {key: archive[key] for key in KEYS}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise EphforgeError(f"{path}: damaged or not an archive ({error}); copy it again") from None


def _load_inputs(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EphforgeError(
            f"{path}: no readable record of the run's input ({error}); put it in inputs/ beside "
            "the archive"
        ) from None
