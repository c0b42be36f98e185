"""The lists of cell vectors that EPW's files are written on, and the meshes they stand for.

With use_ws = .true. every pair of centres has a Wigner-Seitz cell of its own; with .false.
all share one about the origin. Meshes that nobody states are found by trying which ones give
the numbers of cells that epwdata.fmt names.
"""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.symmetry import reciprocal_operations
from ephforge.core.units import BOHR
from ephforge.core.wigner_seitz import count, images, weighted_list
from ephforge.firstprinciples.epw_files import CrystalFile
from ephforge.firstprinciples.epw_run import Mesh, Run

LARGEST = 24  # points in one direction of a mesh that is searched for
_SHOWN = 4  # options named in a refusal


class Shifts(NamedTuple):
    """Differences of centres, alat: [pair, direction], pairs in EPW's loop order.

    Electrons: w_b - w_a, over a, then b. Lattice: tau_t - tau_s. Coupling: tau_s seen from the
    middle of two Wannier centres, over a, b, then s.
    """

    electrons: Float[np.ndarray, "p 3"]
    lattice: Float[np.ndarray, "l 3"]
    coupling: Float[np.ndarray, "c 3"]


class Cells(NamedTuple):
    """Cell vectors and weights 1 / degeneracy, 0 where a pair does not have the cell."""

    electrons: Int[np.ndarray, "R 3"]
    electron_weight: Float[np.ndarray, "R a a"]
    lattice: Int[np.ndarray, "Q 3"]
    lattice_weight: Float[np.ndarray, "Q v v"]
    phonons: Int[np.ndarray, "P 3"]
    phonon_weight: Float[np.ndarray, "P v a a"]


class Option(NamedTuple):
    """One way to read a run."""

    use_ws: bool
    k_mesh: Mesh
    q_mesh: Mesh


def shifts(crystal: CrystalFile, use_ws: bool) -> Shifts:
    """Centres about which the cells are drawn."""
    w, tau = crystal.centres, crystal.tau
    electrons = (w[None, :] - w[:, None]).reshape(-1, 3)
    lattice = (tau[None, :] - tau[:, None]).reshape(-1, 3)
    middle = (w[:, None] + w[None, :]) / 2
    coupling = (tau[None, None, :] - middle[:, :, None]).reshape(-1, 3)
    found = Shifts(electrons, lattice, coupling)
    return found if use_ws else Shifts(*(np.zeros_like(part) for part in found))


def settle(path: Path, crystal: CrystalFile, counts: tuple[int, int, int], run: Run) -> Option:
    """The meshes and the kind of cells that give the numbers of cells in epwdata.fmt.

    Args:
      path: of epwdata.fmt, for messages.
      counts: cells of H, Phi and g.
      run: what is known already.

    Raises:
      EphforgeError: nothing or more than one thing fits.
    """
    for name, mesh in (("k", run.k_mesh), ("q", run.q_mesh)):
        if mesh is not None and not _is_symmetric(_operations(crystal), mesh):
            raise EphforgeError(
                f"{path}: {name} mesh {mesh} is less symmetric than the crystal, which epw.x does "
                "not accept; give the meshes of the run"
            )
    options = [
        option
        for use_ws in ((True, False) if run.use_ws is None else (run.use_ws,))
        for option in _options(crystal, counts, run, use_ws)
    ]
    options = _different(crystal, options)
    if len(options) == 1:
        return options[0]
    if options:
        shown = "; ".join(_in_words(option) for option in options[:_SHOWN])
        raise EphforgeError(
            f"{path}: {counts} cell vectors (electrons, phonons, coupling) fit {len(options)} "
            f"ways to read the run ({shown}); state its meshes and use_ws"
        )
    raise EphforgeError(f"{path}: {_misfit(crystal, counts, run)}")


def cells(crystal: CrystalFile, option: Option) -> Cells:
    """The three lists with their weights."""
    found = shifts(crystal, option.use_ws)
    n_bands, n_atoms = len(crystal.centres), len(crystal.tau)

    def listed(mesh: Mesh, part: np.ndarray):
        return weighted_list([images(crystal.at, mesh, shift, 1.0) for shift in part])

    electrons, weight_e = listed(option.k_mesh, found.electrons)
    lattice, weight_l = listed(option.q_mesh, found.lattice)
    phonons, weight_p = listed(option.q_mesh, found.coupling)
    weight_l = weight_l.reshape(-1, n_atoms, n_atoms)
    weight_p = np.moveaxis(weight_p.reshape(-1, n_bands, n_bands, n_atoms), -1, 1)
    return Cells(
        electrons,
        weight_e.reshape(-1, n_bands, n_bands),
        lattice,
        weight_l.repeat(3, axis=1).repeat(3, axis=2),
        phonons,
        weight_p.repeat(3, axis=1),
    )


def _options(crystal: CrystalFile, counts, run: Run, use_ws: bool) -> list[Option]:
    """All meshes that fit; a mesh that is known is the only candidate."""
    parts = shifts(crystal, use_ws)
    found = []
    for q_mesh in _candidates(crystal, run.q_mesh, (1, 1, 1), counts[1]):
        if count(crystal.at, q_mesh, parts.lattice) != counts[1]:
            continue
        if count(crystal.at, q_mesh, parts.coupling) != counts[2]:
            continue
        # epw.x wants the q mesh to divide the k mesh
        found += [
            Option(use_ws, k_mesh, q_mesh)
            for k_mesh in _candidates(crystal, run.k_mesh, q_mesh, counts[0])
            if count(crystal.at, k_mesh, parts.electrons) == counts[0]
        ]
    return found


def _candidates(crystal: CrystalFile, known: Mesh | None, divisor: Mesh, cells: int) -> list[Mesh]:
    """Meshes as symmetric as the crystal, with no more points than there are cells."""
    if known is not None:
        return [known]
    operations = _operations(crystal)
    steps = [range(n, LARGEST + 1, n) for n in divisor]
    return [
        mesh
        for mesh in itertools.product(*steps)
        if np.prod(mesh) <= cells and _is_symmetric(operations, mesh)
    ]


def _operations(crystal: CrystalFile) -> Int[np.ndarray, "g 3 3"]:
    length = crystal.alat * BOHR
    return reciprocal_operations(crystal.at * length, crystal.tau * length, crystal.species)


def _is_symmetric(operations_g33: Int[np.ndarray, "g 3 3"], mesh: Mesh) -> bool:
    scaled = operations_g33 * np.asarray(mesh)[:, None]
    return not np.any(scaled % np.asarray(mesh)[None, :])


def _different(crystal: CrystalFile, options: list[Option]) -> list[Option]:
    """Leave out zone-centred options that give the same lists as their pair-centred twins."""
    same = []
    for option in options:
        twin = option._replace(use_ws=True)
        if not option.use_ws and twin in options:
            pairs = zip(cells(crystal, option), cells(crystal, twin), strict=True)
            if all(np.array_equal(a, b) for a, b in pairs):
                same.append(option)
    return [option for option in options if option not in same]


def _in_words(option: Option) -> str:
    flag = ".true." if option.use_ws else ".false."
    return f"k {option.k_mesh}, q {option.q_mesh}, use_ws = {flag}"


def _misfit(crystal: CrystalFile, counts, run: Run) -> str:
    """What is written against what the known meshes give."""
    told = f"written on {counts} cell vectors (electrons, phonons, coupling)"
    if run.k_mesh is None or run.q_mesh is None:
        return (
            f"{told}, which no meshes up to {LARGEST} give; take crystal.fmt and epwdata.fmt from "
            "one run of EPW 5.3, and state its meshes"
        )
    given = []
    for use_ws in (True, False) if run.use_ws is None else (run.use_ws,):
        parts = shifts(crystal, use_ws)
        own = (
            count(crystal.at, run.k_mesh, parts.electrons),
            count(crystal.at, run.q_mesh, parts.lattice),
            count(crystal.at, run.q_mesh, parts.coupling),
        )
        given.append(f"{own} with use_ws = .{'true' if use_ws else 'false'}.")
    return (
        f"{told}, but meshes {run.k_mesh} and {run.q_mesh} give {' and '.join(given)}; "
        "give the meshes of the run"
    )
