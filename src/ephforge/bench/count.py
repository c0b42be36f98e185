"""What a map of couplings costs at least: elements, flops, bytes, eigenproblems.

A pair (k, q) needs, for each mode, two products of N x N complex matrices (band states on both
sides of dH/du): 2 N^3 complex multiply-adds for N^2 elements, at 8 real flops each 16 N flops
an element; and each element is one complex number written, 16 bytes.  Bands are diagonalised
once per k and modes once per q.  A general coupling has in addition its two Fourier steps: as
matrix products 8 real flops for each cell Re and each displacement (the first step, over Rp, is
shared by all k of a q).
"""

from typing import NamedTuple

BYTES_PER_ELEMENT = 16
FLOPS_PER_PRODUCT = 8  # a complex multiply-add in real operations


class Count(NamedTuple):
    """What one map of |g| needs at least.

    Attributes:
      elements: numbers g_mnv(k, q).
      flops: of the two products.
      fourier_flops: of the Fourier steps of a general coupling, done as matrix products.
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
    n_k: int, n_q: int, orbitals: int, modes: int, phonon_cells: int = 0, electron_cells: int = 0
) -> Count:
    """The count of a map on n_k x n_q points; cells only of a general coupling."""
    elements = n_k * n_q * modes * orbitals**2
    per_q = modes * orbitals**2 * electron_cells
    return Count(
        elements,
        16 * orbitals * elements,
        FLOPS_PER_PRODUCT * n_q * per_q * (phonon_cells + n_k),
        BYTES_PER_ELEMENT * elements,
        n_k,
        n_q,
        orbitals,
        modes,
    )


def floor_seconds(needed: Count, rates: dict) -> float:
    """Seconds that the two products or the writing take at the rates of `rates.measure`.

    The larger of the two, plus the eigenproblems.
    """
    products = needed.flops / (1e9 * rates["gemm_gflops"])
    writing = needed.bytes / (1e9 * rates["copy_gbytes"])
    electrons = needed.electron_problems * rates["electron_problem_seconds"]
    phonons = needed.phonon_problems * rates["phonon_problem_seconds"]
    return max(products, writing) + electrons + phonons
