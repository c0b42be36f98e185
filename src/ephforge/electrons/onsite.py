"""What happens on one atom: levels, spin-orbit coupling, the gradient of its own orbitals."""

import numpy as np
from jaxtyping import Complex, Float

from ephforge.electrons.bases import D_TENSORS, SHELLS, gradient_patterns, orbital_shells

_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_LEVI_CIVITA = np.zeros((3, 3, 3))
_LEVI_CIVITA[[0, 1, 2], [1, 2, 0], [2, 0, 1]] = 1
_LEVI_CIVITA[[0, 2, 1], [2, 1, 0], [1, 0, 2]] = -1


def angular_momentum(basis: str) -> Complex[np.ndarray, "3 o o"]:
    """<a| L_c |b> of one atom, in units of hbar.

    L = -i r x nabla turns the vector of a p function, and both indices of the tensor of a d
    function; <T|T'> = 2/3 T:T' because every tensor of `D_TENSORS` has T:T = 3/2.
    """
    of_p = -1j * _LEVI_CIVITA
    of_d = -4j / 3 * np.einsum("ail,cij,bjl->cab", D_TENSORS, _LEVI_CIVITA, D_TENSORS)
    blocks = {0: np.zeros((3, 1, 1)), 1: of_p, 2: of_d}
    shell_a = orbital_shells(basis)
    momentum_cab = np.zeros((3, len(shell_a), len(shell_a)), complex)
    for u, momentum in enumerate(SHELLS[basis]):
        of_shell = np.flatnonzero(shell_a == u)
        momentum_cab[:, of_shell[:, None], of_shell] = blocks[momentum]
    return momentum_cab


def spin_orbit(basis: str, strength_u: Float[np.ndarray, " u"]) -> Complex[np.ndarray, "o2 o2"]:
    """lambda L.S of one atom, eV; two spins per orbital, spin fastest, up first.

    Args:
      strength_u: lambda of each shell, eV; levels split by (l + 1/2) lambda.
    """
    weight_a = strength_u[orbital_shells(basis)]
    momentum_cab = weight_a[:, None] * angular_momentum(basis)
    return sum(np.kron(momentum_cab[c], _PAULI[c] / 2) for c in range(3))


def basis_gradient(
    basis: str, magnitude_uv: Float[np.ndarray, "u u"]
) -> Float[np.ndarray, "3 o o"]:
    """<a| nabla_c |b> on one atom, 1/angstrom; magnitude_uv is symmetric."""
    shell_a = orbital_shells(basis)
    return magnitude_uv[shell_a][:, shell_a] * gradient_patterns(basis)
