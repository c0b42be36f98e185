"""The border between Rydberg units and ephforge: arrays as EPW means them become a Model.

The readers of EPW's files end here, so that units are converted in one place.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float, Int

from ephforge.core.errors import EphforgeError
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    LongRange,
    Model,
    WannierCoupling,
)
from ephforge.core.units import BOHR, DALTON_IN_RYDBERG_MASSES, RYDBERG

# Imaginary part of the force constants, share of the largest one. ph.x writes dynamical matrices
# with eight decimals, so EPW carries up to 1e-9 on some meshes; |g| of weak modes feels that by
# mixing with strong ones (6e-5 in 2H-SiC), so it is kept. Below the first it is dropped.
IMAGINARY_NOISE = 1e-10
IMAGINARY_LIMIT = 1e-6
# Wannier centres this much nearer to one atom than to another do not count, angstrom
CENTRE_TOLERANCE = 1e-3
EPW_CONVENTION = "epw-5.3"


@dataclass(frozen=True)
class RydbergArrays:
    """A real-space model in Rydberg units; Wigner-Seitz degeneracies are divided out.

    Attributes:
      cell, positions, centres: bohr, Cartesian rows.
      masses: M / (2 electron masses).
      numbers: atomic numbers.
      h: H[R, a, b], Ry. c: Phi[R, s c, t d], Ry/bohr^2. g: [Rp, s c, Re, m, n], Ry/bohr.
      born: Z[s, field, displacement]; dielectric; both None in a material that is not polar.
      q_mesh: coarse phonon mesh. lattice_unit: alat, bohr.
    """

    cell: Float[np.ndarray, "3 3"]
    positions: Float[np.ndarray, "s 3"]
    centres: Float[np.ndarray, "a 3"]
    masses: Float[np.ndarray, " s"]
    numbers: Int[np.ndarray, " s"]
    electron_cells: Int[np.ndarray, "R 3"]
    h: Complex[np.ndarray, "R a a"]
    lattice_cells: Int[np.ndarray, "Q 3"]
    c: Complex[np.ndarray, "Q v v"]
    phonon_cells: Int[np.ndarray, "P 3"]
    g: Complex[np.ndarray, "P v R a a"]
    born: Float[np.ndarray, "s 3 3"] | None
    dielectric: Float[np.ndarray, "3 3"] | None
    q_mesh: tuple[int, int, int]
    lattice_unit: float


def to_model(arrays: RydbergArrays, name: str) -> Model:
    """The same model in eV, angstrom and dalton.

    Raises:
      EphforgeError: the force constants are not real.
    """
    n_atoms = len(arrays.numbers)
    force_unit = RYDBERG / BOHR
    phi = arrays.c.reshape(-1, n_atoms, 3, n_atoms, 3) * (force_unit / BOHR)
    imaginary = np.max(np.abs(phi.imag)) / np.max(np.abs(phi.real))
    if imaginary > IMAGINARY_LIMIT:
        raise EphforgeError(
            f"{name}: force constants have an imaginary part, expected real ones; "
            "check the files of the run"
        )
    if imaginary < IMAGINARY_NOISE:
        phi = np.ascontiguousarray(phi.real)
    g = arrays.g.reshape(len(arrays.g), n_atoms, 3, *arrays.g.shape[2:])
    crystal = Crystal(
        arrays.cell * BOHR,
        arrays.positions * BOHR,
        arrays.numbers,
        arrays.masses / DALTON_IN_RYDBERG_MASSES,
    )
    long_range = None
    if arrays.born is not None:
        long_range = LongRange(
            arrays.born,
            arrays.dielectric,
            arrays.q_mesh,
            arrays.lattice_unit * BOHR,
            EPW_CONVENTION,
        )
    return Model(
        name,
        crystal,
        Hopping(
            arrays.electron_cells,
            arrays.h * RYDBERG,
            nearest_atom(arrays.centres * BOHR, crystal),
            arrays.centres * BOHR,
        ),
        ForceConstants(arrays.lattice_cells, phi),
        # the product is taken in double precision and rounded once
        WannierCoupling(
            arrays.phonon_cells,
            arrays.electron_cells,
            (g.astype(np.complex128) * force_unit).astype(g.dtype),
        ),
        long_range,
    )


def nearest_atom(centres: Float[np.ndarray, "a 3"], crystal: Crystal) -> Int[np.ndarray, " a"]:
    """Atom nearest to each centre, periodic images included; the first one of equals."""
    span = np.arange(-2, 3)
    image_t3 = np.stack(np.meshgrid(span, span, span, indexing="ij"), axis=-1).reshape(-1, 3)
    atom_ts3 = image_t3[:, None] @ crystal.cell + crystal.positions
    distance_as = np.linalg.norm(centres[:, None, None] - atom_ts3, axis=-1).min(axis=1)
    near_as = distance_as < distance_as.min(axis=1, keepdims=True) + CENTRE_TOLERANCE
    return np.argmax(near_as, axis=1)
