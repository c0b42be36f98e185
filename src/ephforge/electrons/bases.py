"""Orbital bases: the shells of an atom, their angular functions as vectors and tensors.

An atom's orbitals stand shell by shell, in the order
    s | px py pz | s*                          (sp3s*)
    s | px py pz | dxy dyz dzx d(x2-y2) d(z2)  (sp3d5)
s and sp3 are the beginning of both.  The real harmonic of a p orbital along n is n_a; of a d
orbital n.T.n with the symmetric traceless tensor T of `D_TENSORS`; a shell's harmonics have
sum_a Y_a(n)^2 = 1.
"""

import numpy as np
from jaxtyping import Float, Int

# orbital quantum number of each shell
SHELLS = {"s": (0,), "sp3": (0, 1), "sp3s*": (0, 1, 0), "sp3d5": (0, 1, 2)}
LABELS = {
    "s": ("s",),
    "sp3": ("s", "p"),
    "sp3s*": ("s", "p", "s*"),
    "sp3d5": ("s", "p", "d"),
}

_ROOT = np.sqrt(3) / 2
D_TENSORS = np.zeros((5, 3, 3))
D_TENSORS[[0, 0], [0, 1], [1, 0]] = _ROOT
D_TENSORS[[1, 1], [1, 2], [2, 1]] = _ROOT
D_TENSORS[[2, 2], [2, 0], [0, 2]] = _ROOT
D_TENSORS[3] = np.diag([_ROOT, -_ROOT, 0])
D_TENSORS[4] = np.diag([-0.5, -0.5, 1])


def orbital_shells(basis: str) -> Int[np.ndarray, " o"]:
    """Number of the shell of each orbital of an atom."""
    shells = SHELLS[basis]
    return np.repeat(np.arange(len(shells)), [2 * momentum + 1 for momentum in shells])


def orbital_count(basis: str) -> int:
    """Orbitals of an atom, without spin."""
    return len(orbital_shells(basis))


def gradient_patterns(basis: str) -> Float[np.ndarray, "3 o o"]:
    """<a| nabla_c |b> on one atom over the magnitude of its pair of shells.

    Positive for s before p and p before d, antisymmetric.  Gaussians of one exponent have the
    magnitude sqrt(alpha) throughout: d/dx of exp(-alpha r^2) is -sqrt(alpha) p_x, of p_x it is
    sqrt(alpha) (s - d ...), with d_xy for y of p.
    """
    shells = SHELLS[basis]
    start_u = np.concatenate([[0], np.cumsum([2 * momentum + 1 for momentum in shells])])
    pattern_cab = np.zeros((3, start_u[-1], start_u[-1]))
    for u, low in enumerate(shells):
        for v, high in enumerate(shells):
            if high != low + 1:
                continue
            block = (
                np.eye(3)[:, None] if low == 0 else 2 / np.sqrt(3) * D_TENSORS.transpose(1, 2, 0)
            )
            rows, columns = slice(*start_u[u : u + 2]), slice(*start_u[v : v + 2])
            pattern_cab[:, rows, columns] = block
            pattern_cab[:, columns, rows] = -block.transpose(0, 2, 1)
    return pattern_cab
