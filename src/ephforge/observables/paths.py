"""Bands and phonon dispersions along the standard path of a lattice, and points on that path.

The path is the one ASE gives for the Bravais lattice of the cell, after Setyawan and
Curtarolo, Comput. Mater. Sci. 49, 299 (2010).  A point of another calculation belongs on it
where one of its images under the crystal's symmetry does.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ase.cell import Cell
from jaxtyping import Float, Int

from ephforge.core.realspace import Crystal, Model
from ephforge.core.symmetry import reciprocal_operations
from ephforge.coupling import longrange
from ephforge.electrons.bloch import bloch_sum
from ephforge.phonons.modes import modes

_ON_LINE = 1e-4  # 1/angstrom, farther away a point is not on the path
_OFF_GAMMA = 1e-4  # fractional step off Gamma along the path, where LO and TO of a polar part


class Path(NamedTuple):
    """Points along straight pieces, and where they stand on the axis of a plot.

    Attributes:
      point_k3: fractional; both ends of every piece are among them.
      x_k: 1/angstrom, length along the path.
      piece_k: number of the piece of each point.
      ends_p23: fractional coordinates of the ends of the pieces.
      ends_x_p2: the same on the axis.
      names: of the ends, LaTeX.
    """

    point_k3: Float[np.ndarray, "k 3"]
    x_k: Float[np.ndarray, " k"]
    piece_k: Int[np.ndarray, " k"]
    ends_p23: Float[np.ndarray, "p 2 3"]
    ends_x_p2: Float[np.ndarray, "p 2"]
    names: list[tuple[str, str]]


def standard_path(cell: Float[np.ndarray, "3 3"], points: int) -> Path:
    """Path of the Bravais lattice of a cell, about as many points as asked for."""
    lattice_path = Cell(cell).bandpath(npoints=0)
    special = {name: np.asarray(k_3) for name, k_3 in lattice_path.special_points.items()}
    runs = [_labels(run, special) for run in lattice_path.path.split(",")]
    pieces = [pair for run in runs for pair in itertools.pairwise(run)]
    ends_p23 = np.array([[special[a], special[b]] for a, b in pieces])
    reciprocal_33 = 2 * np.pi * np.linalg.inv(cell).T
    length_p = np.linalg.norm((ends_p23[:, 1] - ends_p23[:, 0]) @ reciprocal_33, axis=1)
    stop_p = np.cumsum(length_p)
    ends_x_p2 = np.stack([stop_p - length_p, stop_p], axis=1)
    count_p = np.maximum(2, np.rint(points * length_p / stop_p[-1]).astype(int))
    points, places = [], []
    for count, ends_23, ends_x in zip(count_p, ends_p23, ends_x_p2, strict=True):
        points.append(np.linspace(*ends_23, count))
        places.append(np.linspace(*ends_x, count))
    return Path(
        np.concatenate(points),
        np.concatenate(places),
        np.repeat(np.arange(len(pieces)), count_p),
        ends_p23,
        ends_x_p2,
        [(_symbol(a), _symbol(b)) for a, b in pieces],
    )


def ticks(path: Path) -> dict[float, str]:
    """Place on the axis -> name; where the path jumps two points share a tick."""
    found: dict[float, str] = {}
    for (left, right), (a, b) in zip(path.ends_x_p2.tolist(), path.names, strict=True):
        for x, name in ((round(left, 6), a), (round(right, 6), b)):
            found[x] = name if found.get(x, name) == name else f"{found[x]}|{name}"
    return found


def bands(model: Model, point_k3: Float[np.ndarray, "k 3"]) -> Float[np.ndarray, "k n"]:
    """Band energies at fractional points, eV."""
    hopping = model.hopping
    sums = jax.vmap(bloch_sum, (0, None, None))
    energy_rab = jnp.asarray(hopping.energy, dtype=complex)
    matrix_kab = np.asarray(sums(point_k3, jnp.asarray(hopping.cells), energy_rab))
    return np.linalg.eigvalsh((matrix_kab + matrix_kab.conj().swapaxes(1, 2)) / 2)


def phonons(model: Model, point_q3: Float[np.ndarray, "q 3"]) -> Float[np.ndarray, "q v"]:
    """Phonon energies at fractional points, eV; negative for imaginary."""
    constants = model.force_constants
    lattice = tuple(map(jnp.asarray, (constants.cells, constants.phi, model.crystal.masses)))
    dipoles = None
    if model.long_range is not None:
        dipoles = longrange.dipole_sum(model.long_range, model.crystal)

    @jax.jit
    @jax.vmap
    def energies(q_3):
        return modes(longrange.dynamical_matrix(q_3, *lattice, dipoles))[0]

    return np.asarray(energies(point_q3))


def off_gamma(path: Path) -> Float[np.ndarray, "k 3"]:
    """The points of a path with Gamma moved a little into its piece.

    The dipole field at Gamma depends on the direction of approach.
    """
    start_k3, stop_k3 = (path.ends_p23[path.piece_k, end] for end in (0, 1))
    is_gamma_k = np.all(np.abs(path.point_k3) < 1e-9, axis=1)
    is_start_k = np.all(np.abs(start_k3) < 1e-9, axis=1)
    inward_k3 = np.where(is_start_k[:, None], stop_k3, start_k3)
    return path.point_k3 + is_gamma_k[:, None] * _OFF_GAMMA * inward_k3


def on_path(
    path: Path, point_k3: Float[np.ndarray, "j 3"], crystal: Crystal
) -> tuple[Float[np.ndarray, " x"], Int[np.ndarray, " x"]]:
    """Places on the axis where given points belong, and the numbers of those points.

    A point appears once on each piece of which it, or an equivalent point, is part.
    """
    operations_g33 = reciprocal_operations(crystal.cell, crystal.positions, crystal.numbers)
    shift_t3 = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    reciprocal_33 = 2 * np.pi * np.linalg.inv(crystal.cell).T
    found = set()
    for j, k_3 in enumerate(point_k3):
        image_g3 = np.unique(np.round(operations_g33 @ k_3, 9) % 1, axis=0)
        image_i3 = (image_g3[:, None] + shift_t3).reshape(-1, 3) @ reciprocal_33
        for (start_3, stop_3), ends_x in zip(
            path.ends_p23 @ reciprocal_33, path.ends_x_p2, strict=True
        ):
            along_3 = (stop_3 - start_3) / np.linalg.norm(stop_3 - start_3)
            place_i = (image_i3 - start_3) @ along_3
            off_i = np.linalg.norm(image_i3 - start_3 - place_i[:, None] * along_3, axis=1)
            inside_i = (place_i > -_ON_LINE) & (place_i < ends_x[1] - ends_x[0] + _ON_LINE)
            for place in place_i[(off_i < _ON_LINE) & inside_i]:
                found.add((round(float(ends_x[0] + place), 4), j))
    places = sorted(found)
    return np.array([x for x, _ in places]), np.array([j for _, j in places], dtype=int)


def _labels(run: str, special: dict) -> list[str]:
    """Cut "GXU" or "GM1" into the names of special points; the longest name wins."""
    names, rest = [], run
    while rest:
        name = max((n for n in special if rest.startswith(n)), key=len)
        names.append(name)
        rest = rest[len(name) :]
    return names


def _symbol(name: str) -> str:
    """LaTeX of the name of a special point."""
    letter = r"\Gamma" if name[0] == "G" else rf"\mathrm{{{name[0]}}}"
    return f"${letter}_{{{name[1:]}}}$" if name[1:] else f"${letter}$"
