"""What a map of couplings costs at least: elements, flops, bytes, eigenproblems.

A pair (k, q) needs, for each mode, two products of N x N complex matrices (band states on both
sides of dH/du): 2 N^3 complex multiply-adds for N^2 elements, at 8 real flops each 16 N flops
an element; and each element is one complex number written, 16 bytes.  Bands are diagonalised
once per k and modes once per q.  A general coupling has in addition its two Fourier steps
(`fourier_flops`).
"""

import math
from typing import NamedTuple

FLOPS_PER_PRODUCT = 8  # a complex multiply-add in real operations


class Count(NamedTuple):
    """What one map of |g| needs at least.

    Attributes:
      elements: numbers g_mnv(k, q).
      flops: of the two products.
      fourier_flops: of the Fourier steps of a general coupling.
      bytes: of the elements as complex numbers.
      electron_problems, phonon_problems: Hermitian matrices to diagonalise.
      orbitals, modes: the sizes of these.
    """

    elements: int
    flops: int
    fourier_flops: int
    bytes: int
    electron_problems: int
    phonon_problems: int
    orbitals: int
    modes: int


def count(
    n_k: int,
    n_q: int,
    orbitals: int,
    modes: int,
    fourier: int = 0,
    is_single: bool = False,
) -> Count:
    """The count of a map on n_k x n_q points.

    Args:
      fourier: flops of the Fourier steps, of a general coupling.
      is_single: elements are of single precision.
    """
    elements = n_k * n_q * modes * orbitals**2
    size = 8 if is_single else 16
    products = 16 * orbitals * elements
    return Count(elements, products, fourier, size * elements, n_k, n_q, orbitals, modes)


def fourier_flops(
    n_q: int,
    values: int,
    phonon_cells: int,
    electron_cells: int,
    k_mesh: tuple[int, int, int],
    residues: tuple[int, int, int],
) -> int:
    """Of the two steps on meshes, as the kernel takes them.

    The first is a matrix product over cells Rp, different modulo the q mesh, for each cell Re; the
    second goes from the box of cells Re to the k mesh one direction after the other.

    Args:
      values: of each pair of cells, modes times orbitals squared.
      residues: sides of the box.
    """
    first = phonon_cells * electron_cells
    second = sum(
        residues[j] * math.prod(k_mesh[: j + 1]) * math.prod(residues[j + 1 :]) for j in range(3)
    )
    return FLOPS_PER_PRODUCT * n_q * values * (first + second)


def floor_seconds(needed: Count, rates: dict) -> float:
    """Seconds that the two products or the writing take at the rates of `rates.measure`.

    The larger of the two, plus the eigenproblems.
    """
    products = needed.flops / (1e9 * rates["gemm_gflops"])
    writing = needed.bytes / (1e9 * rates["copy_gbytes"])
    electrons = needed.electron_problems * rates["electron_problem_seconds"]
    phonons = needed.phonon_problems * rates["phonon_problem_seconds"]
    return max(products, writing) + electrons + phonons
