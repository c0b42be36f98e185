"""How far g(Re,Rp) reaches, how many numbers carry it, and of what rank it is.

Distances are in units of the nearest-neighbour distance of the crystal: Re from orbital a to
orbital b, Rp from orbital a to the atom that moves.  Curves are on fixed grids, so that
materials can be put beside each other.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.kpoints import mesh_indices
from ephforge.core.realspace import Crystal, Mesh, Model
from ephforge.coverage.descriptors import effective_number, singular_shares
from ephforge.coverage.gauge import displacements, real_space_coupling, shortest

DISTANCES = np.arange(0.0, 4.01, 0.1)  # nearest-neighbour distances
FRACTIONS = np.logspace(-5, 0, 51)  # share of the entries that is kept
RANKS = np.linspace(0.0, 1.0, 33)[1:]  # share of the singular values that is kept
FLOOR = 1e-6  # smaller ratios count as this
REACH = 0.01  # of the largest |g|: where a coupling is said to end
STRONGEST = 24  # channels whose own spectra are taken

# name -> (unit, whether the logarithm is compared, what it is)
MODEL_DESCRIPTORS = {
    "electron_range": ("1", False, "root mean square |Re| weighted by |g|^2, nearest neighbours"),
    "phonon_range": ("1", False, "root mean square |Rp| weighted by |g|^2, nearest neighbours"),
    "electron_reach": ("1", False, "largest |Re| with |g| above 1 % of its largest"),
    "phonon_reach": ("1", False, "largest |Rp| with |g| above 1 % of its largest"),
    "entries": ("1", True, "share of the entries g(Re,Rp) that holds 99 % of |g|^2"),
    "rank": ("1", True, "effective number of singular values of g, q against all else"),
}

# name -> (grid, what the curve is)
CURVES = {
    "electron_decay": (DISTANCES, "largest |g| at |Re| or beyond, over the largest of all"),
    "phonon_decay": (DISTANCES, "largest |g| at |Rp| or beyond, over the largest of all"),
    "sparsity": (FRACTIONS, "relative error when only the largest entries are kept"),
    "rank_joint": (RANKS, "relative error of the truncated joint singular values, all by q"),
    "rank_channel": (RANKS, "the same for single channels, k by q, weighted by |g|^2"),
}


class Spectra(NamedTuple):
    """Numbers of `MODEL_DESCRIPTORS` and curves of `CURVES` of one model."""

    numbers: dict[str, float]
    curves: dict[str, Float[np.ndarray, " x"]]


def spectra(
    model: Model, k_mesh: Mesh, q_mesh: Mesh, largest: int, generator: np.random.Generator
) -> Spectra:
    """Decays, sparsity and rank of the coupling of a model.

    Args:
      k_mesh, q_mesh: supercells on which Re and Rp are counted.
      largest: numbers g(Re,Rp) held at once; of larger models a random choice of
        displacements is taken, one at least.
      generator: makes that choice.
    """
    chosen, g_dprab = _coupling(model, k_mesh, q_mesh, largest, generator)
    square_dprab = np.abs(g_dprab) ** 2
    electron_rab, phonon_dpa = _distances(model, k_mesh, q_mesh, chosen)
    electron = _by_distance(electron_rab, square_dprab, (0, 1))
    phonon = _by_distance(phonon_dpa, square_dprab, (2, 4))
    kept = _missing(np.sort(square_dprab, axis=None)[::-1])
    joint_r = singular_shares(np.moveaxis(g_dprab, 1, 0).reshape(g_dprab.shape[1], -1))
    curves = {
        "electron_decay": electron.envelope,
        "phonon_decay": phonon.envelope,
        "sparsity": _at(kept, FRACTIONS),
        "rank_joint": _at(_missing(joint_r), RANKS),
        "rank_channel": _channels(g_dprab, square_dprab),
    }
    numbers = {
        "electron_range": electron.range,
        "phonon_range": phonon.range,
        "electron_reach": electron.reach,
        "phonon_reach": phonon.reach,
        "entries": float(np.searchsorted(-kept, -0.1 - 1e-9) / (len(kept) - 1)),
        "rank": effective_number(joint_r),
    }
    return Spectra(numbers, curves)


def nearest_neighbours(crystal: Crystal) -> float:
    """Shortest distance between two atoms, periodic images included; angstrom."""
    near = mesh_indices((5, 5, 5)) - 2
    offset_st3 = crystal.positions[None] - crystal.positions[:, None]
    length = np.linalg.norm((near @ crystal.cell)[:, None, None] + offset_st3, axis=-1)
    return float(length[length > 1e-6].min())


class _ByDistance(NamedTuple):
    envelope: Float[np.ndarray, " x"]
    range: float
    reach: float


def _coupling(model: Model, k_mesh: Mesh, q_mesh: Mesh, largest: int, generator):
    """Displacements and their g[d, Rp, Re, a, b]."""
    every = displacements(model)
    numbers = int(np.prod(k_mesh) * np.prod(q_mesh)) * len(model.hopping.site) ** 2
    count = min(len(every), max(1, largest // numbers))
    chosen = [every[i] for i in sorted(generator.choice(len(every), count, replace=False))]
    found = real_space_coupling(model, k_mesh, q_mesh, chosen)
    return chosen, np.stack([g_prab for _, g_prab in found])


def _distances(model: Model, k_mesh: Mesh, q_mesh: Mesh, chosen):
    """|Re| [R, a, b] and |Rp| [d, P, a] in nearest-neighbour distances."""
    crystal, centre_a3 = model.crystal, model.hopping.centres
    unit = nearest_neighbours(crystal)
    between_ab3 = centre_a3[None] - centre_a3[:, None]
    electron_rab = shortest(mesh_indices(k_mesh), k_mesh, crystal.cell, between_ab3)
    atom_d3 = crystal.positions[[s for s, _ in chosen]]
    from_da3 = atom_d3[:, None] - centre_a3[None]
    phonon_pda = shortest(mesh_indices(q_mesh), q_mesh, crystal.cell, from_da3)
    return electron_rab / unit, np.moveaxis(phonon_pda, 0, 1) / unit


def _by_distance(distance, square_dprab, others: tuple[int, ...]) -> _ByDistance:
    """Envelope, range and reach over distances of the axes that are not in `others`."""
    largest = square_dprab.max(axis=others).ravel()
    total = square_dprab.sum(axis=others).ravel()
    length = distance.ravel()
    order = np.argsort(length)
    beyond = np.maximum.accumulate(largest[order][::-1])[::-1]
    # a shell is one distance up to rounding
    first = np.searchsorted(length[order], DISTANCES - 1e-6)
    top = largest.max()
    ratio = np.sqrt(np.append(beyond, np.nan)[first] / top)
    return _ByDistance(
        np.fmax(ratio, FLOOR) + 0 * ratio,
        float(np.sqrt(total @ length**2 / total.sum())),
        float(length[largest > REACH**2 * top].max()),
    )


def _missing(share_r):
    """Relative error after 0, 1, 2, ... of the largest squares are kept."""
    rest = np.append(np.cumsum(share_r[::-1])[::-1], 0.0)  # from the small ones: no cancellation
    return np.sqrt(rest / rest[0])


def _at(missing_r, fraction_x):
    """A curve over kept numbers at fractions of their count, rounded up."""
    count = len(missing_r) - 1
    kept = np.minimum(np.ceil(fraction_x * count - 1e-9).astype(int), count)
    return np.maximum(missing_r[kept], FLOOR)


def _channels(g_dprab, square_dprab) -> Float[np.ndarray, " x"]:
    """Mean squared curve of the strongest channels (d, a, b), weighted by their |g|^2."""
    weight = square_dprab.sum(axis=(1, 2))
    strongest = np.argsort(weight, axis=None)[::-1][: min(STRONGEST, np.count_nonzero(weight))]
    total, sum_of_weights = 0.0, 0.0
    for d, a, b in zip(*np.unravel_index(strongest, weight.shape), strict=True):
        curve = _at(_missing(singular_shares(g_dprab[d, :, :, a, b])), RANKS)
        total = total + weight[d, a, b] * curve**2
        sum_of_weights += weight[d, a, b]
    return np.sqrt(total / sum_of_weights)
