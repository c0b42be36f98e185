"""Analytic ABINIT pseudopotentials: HGH (pspcod 3) and its explicit form (pspcod 10).

Local part and projectors are Gaussians times polynomials; Hartwigsen, Goedecker and Hutter,
Phys. Rev. B 58, 3641 (1998). The spin-orbit part is dropped. A file holds a few numbers in
Hartree and bohr, which are tabulated here in Ry on a logarithmic mesh.
"""

import math

import numpy as np
from jaxtyping import Float

from ephforge.espresso.upf import Channel, Pseudopotential, RadialMesh

SMALLEST_RADIUS, LARGEST_RADIUS, MESH_POINTS = 1e-4, 60.0, 1501  # bohr
# The atom's density is only the first guess: a shape with the size of an atom.
DENSITY_DECAY = 1.2  # 1/bohr
# pspcod 3 lists the diagonal of the matrix h; its other elements follow from the diagonal
# as h_12 = f h_22, h_13 = f h_33, h_23 = f h_33 with these f, for l = 0, 1, 2
OFF_DIAGONAL = (
    (-0.5 * math.sqrt(3 / 5), 0.5 * math.sqrt(5 / 21), -0.5 * math.sqrt(100 / 63)),
    (-0.5 * math.sqrt(5 / 7), math.sqrt(35 / 11) / 6, -14 / math.sqrt(11) / 6),
    (-0.5 * math.sqrt(7 / 9), 0.5 * math.sqrt(63 / 143), -9 / math.sqrt(143)),
)


def read_hgh(lines: list[str], element: str) -> Pseudopotential:
    """pspcod 3: radius and diagonal of h for each angular momentum, no off-diagonals."""
    l_max = int(lines[2].split()[2])
    rows = [row for line in lines[3:] if (row := _leading_numbers(line))]
    radius, *coefficients = rows[0]
    channels = []
    for ell in range(l_max + 1):
        # after l = 0 every row is followed by one with the spin-orbit part
        channel_radius, *diagonal = rows[1 if ell == 0 else 2 * ell]
        channels.append((channel_radius, _hgh_matrix(ell, diagonal)))
    return _tabulate(element, float(lines[1].split()[1]), radius, coefficients, channels)


def read_hgh_explicit(lines: list[str], element: str) -> Pseudopotential:
    """pspcod 10: radius and upper triangle of h for each angular momentum."""
    rows = [row for line in lines[3:] if (row := _leading_numbers(line))]
    radius, n_coefficients, *coefficients = rows[0]
    n_channels = int(rows[1][0])
    channels, position = [], 2
    for ell in range(n_channels):
        channel_radius, n, *first = rows[position]
        n = int(n)
        triangle = [first[:n]] + [rows[position + i][: n - i] for i in range(1, n)]
        h = np.zeros((n, n))
        for i, row in enumerate(triangle):
            h[i, i:] = h[i:, i] = row
        channels.append((channel_radius, h))
        position += max(n, 1) + (n if ell > 0 else 0)  # after l = 0 the spin-orbit part
    coefficients = coefficients[: int(n_coefficients)]
    return _tabulate(element, float(lines[1].split()[1]), radius, coefficients, channels)


def _leading_numbers(line: str) -> list[float]:
    numbers = []
    for word in line.split():
        try:
            numbers.append(float(word))
        except ValueError:
            break
    return numbers


def _hgh_matrix(ell: int, diagonal: list[float]) -> Float[np.ndarray, "n n"]:
    n = int(np.max(np.flatnonzero(diagonal), initial=-1)) + 1
    h = np.diag(np.array(diagonal + [0.0] * 3)[:3])
    if n > 1:
        f_12, f_13, f_23 = OFF_DIAGONAL[ell]
        h[0, 1] = h[1, 0] = f_12 * h[1, 1]
        h[0, 2] = h[2, 0] = f_13 * h[2, 2]
        h[1, 2] = h[2, 1] = f_23 * h[2, 2]
    return h[:n, :n]


def _tabulate(
    element: str,
    valence: float,
    local_radius: float,
    coefficients: list[float],
    channels: list[tuple[float, np.ndarray]],
) -> Pseudopotential:
    """Local part -Z erf(x/sqrt 2)/r + exp(-x^2/2) (c1 + c2 x^2 + ...), x = r / local radius.

    Projector i of angular momentum l, normalised: r^(l + 2i - 2) exp(-r^2 / 2 radius^2).
    """
    r = np.geomspace(SMALLEST_RADIUS, LARGEST_RADIUS, MESH_POINTS)
    mesh = RadialMesh(r, r * np.log(r[1] / r[0]))
    x = r / local_radius
    polynomial = sum(c * x ** (2 * i) for i, c in enumerate(coefficients))
    error_function = np.array([math.erf(value / math.sqrt(2)) for value in x])
    local = -valence / r * error_function + np.exp(-(x**2) / 2) * polynomial
    projectors = [
        Channel(ell, r * _gaussian_projector(r, ell, i, radius))
        for ell, (radius, h) in enumerate(channels)
        for i in range(1, len(h) + 1)
    ]
    density = r**2 * np.exp(-DENSITY_DECAY * r)
    return Pseudopotential(
        element=element,
        valence=valence,
        mesh=mesh,
        local=2 * local,  # Hartree to Ry
        projectors=projectors,
        strengths=2 * _block_diagonal([h for _, h in channels]),
        orbitals=[],
        valence_density=density * valence / np.sum(density * mesh.step),
        core_density=None,
    )


def _gaussian_projector(
    r: Float[np.ndarray, " r"], ell: int, i: int, radius: float
) -> Float[np.ndarray, " r"]:
    power = ell + 2 * (i - 1)
    # the integral of r^(2 power + 2) exp(-r^2 / radius^2) from 0 is this squared norm
    squared_norm = 0.5 * radius ** (2 * power + 3) * math.gamma(power + 1.5)
    return r**power * np.exp(-((r / radius) ** 2) / 2) / math.sqrt(squared_norm)


def _block_diagonal(blocks: list[np.ndarray]) -> Float[np.ndarray, "p p"]:
    n_projectors = sum(len(block) for block in blocks)
    matrix, start = np.zeros((n_projectors, n_projectors)), 0
    for block in blocks:
        stop = start + len(block)
        matrix[start:stop, start:stop] = block
        start = stop
    return matrix
