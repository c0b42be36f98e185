"""Made-up models of any size, for timing: right shapes and symmetries, no physics.

Lattice of face-centred cubic translations; every array is random, drawn from one seed.  Modes
are those of stiff oscillators with weak springs between them, so that none is soft and no
element is masked away.
"""

import numpy as np
from jaxtyping import Int

from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    Hopping,
    Model,
    TwoCentreCoupling,
    WannierCoupling,
)

_CELL = 5.4 * np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])  # angstrom
_MASS = 28.0  # dalton
_STIFFNESS = 20.0  # eV/angstrom^2, of an oscillator: 55 meV
_SPRING = 0.02  # of the stiffness, between oscillators


def cells_within(reach: float) -> Int[np.ndarray, "r 3"]:
    """Cell vectors no longer than `reach` times the shortest one, R and -R both."""
    largest = int(np.ceil(2 * reach))
    axis = np.arange(-largest, largest + 1)
    cells_r3 = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    length_r = np.linalg.norm(cells_r3 @ _CELL, axis=1)
    return cells_r3[length_r <= reach * np.linalg.norm(_CELL[0]) * (1 + 1e-9)]


def two_centre(atoms: int, orbitals: int, reach: float = 1.0) -> Model:
    """A model whose coupling is the derivative of its hopping; H is real, as the campaign's are."""
    random = np.random.default_rng(0)
    cells_r3 = cells_within(reach)
    hopping = _hopping(random, cells_r3, atoms, orbitals)
    gradient = random.normal(size=(len(cells_r3), 3, orbitals, orbitals))
    # dH_ab(R)/dd = -dH_ba(-R)/dd: cells are sorted so that reversing them is R -> -R
    gradient = gradient - gradient[::-1].swapaxes(-1, -2)
    crystal, constants = _lattice(random, atoms, reach)
    return Model("two-centre", crystal, hopping, constants, TwoCentreCoupling(gradient), None)


def wannier(atoms: int, orbitals: int, reach: float = 2.65) -> Model:
    """A model with g[Rp, s,c, Re, a,b]; `reach` 2.65 is like a coarse 4x4x4 mesh."""
    random = np.random.default_rng(0)
    cells_r3 = cells_within(reach)
    shape = (len(cells_r3), atoms, 3, len(cells_r3), orbitals, orbitals)
    g = np.empty(shape, np.complex64)
    g.real = random.standard_normal(shape, np.float32)
    g.imag = random.standard_normal(shape, np.float32)
    crystal, constants = _lattice(random, atoms, reach)
    hopping = _hopping(random, cells_r3, atoms, orbitals)
    return Model(
        "wannier", crystal, hopping, constants, WannierCoupling(cells_r3, cells_r3, g), None
    )


def _hopping(random, cells_r3, atoms: int, orbitals: int) -> Hopping:
    energy = random.normal(size=(len(cells_r3), orbitals, orbitals))
    energy = energy + energy[::-1].swapaxes(-1, -2)
    site = np.sort(np.arange(orbitals) % atoms)
    return Hopping(cells_r3, energy, site, np.zeros((orbitals, 3)))


def _lattice(random, atoms: int, reach: float) -> tuple[Crystal, ForceConstants]:
    fractional = np.arange(atoms)[:, None] / (2 * atoms) * np.ones(3)
    masses = np.full(atoms, _MASS)
    crystal = Crystal(_CELL, fractional @ _CELL, np.full(atoms, 14), masses)
    cells_r3 = cells_within(reach)
    size = 3 * atoms
    phi = random.uniform(-1, 1, size=(len(cells_r3), size, size))
    # |eigenvalue| of the springs <= sum of |elements| of a row < stiffness: all modes stable
    phi *= _SPRING * _STIFFNESS / size
    phi = (phi + phi[::-1].swapaxes(-1, -2)) / 2
    phi[len(cells_r3) // 2] += _STIFFNESS * np.eye(size)
    return crystal, ForceConstants(cells_r3, phi.reshape(-1, atoms, 3, atoms, 3))
