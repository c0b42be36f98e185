"""Draws the two-centre integrals of a material: of H, of the overlap, of the crystal field.

Strengths surround the universal parameters of W. A. Harrison, Electronic Structure and the
Properties of Solids (1980): eta hbar^2 / (m d^2) for s and p, times (r_d / d)^(3/2) for each d
orbital.  s* is the high s level of P. Vogl, H. P. Hjalmarson and J. D. Dow, J. Phys. Chem.
Solids 44, 365 (1983), which couples to p.  Ranges without a source are wide on purpose.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.units import BOHR, HARTREE
from ephforge.electrons.bases import LABELS, SHELLS
from ephforge.electrons.laws import Law
from ephforge.electrons.slater_koster import parity

# sigma, pi, delta; Harrison 1980, but for s* and for dd delta, which he sets to zero and the
# canonical ratios -6 : 4 : -1 of d bands do not
ETA = {
    "s s": (-1.40, 0.0, 0.0),
    "s p": (1.84, 0.0, 0.0),
    "p p": (3.24, -0.81, 0.0),
    "s d": (-3.16, 0.0, 0.0),
    "p d": (-2.95, 1.36, 0.0),
    "d d": (-16.2, 8.75, -2.0),
    "s s*": (-0.2, 0.0, 0.0),
    "s* p": (1.40, 0.0, 0.0),
    "s* s*": (-0.2, 0.0, 0.0),
}
HARRISON_POWER = {0: 2.0, 1: 3.5, 2: 5.0}  # of 1/d, by the number of d orbitals
STRENGTH_SPREAD = (0.7, 1.3)  # of each integral, times its strength above
POWER_SPREAD = (0.75, 1.5)  # times Harrison's
D_RADIUS = (0.25, 0.45)  # in nearest-neighbour distances; 3d to 5d metals
FORMS = ("power", "exponential", "gsp")
GSP_CURVATURE = (3.0, 8.0)
GSP_RADIUS = (1.35, 1.8)  # r_c, in nearest-neighbour distances

ONSET = 1.1  # in nearest-neighbour distances: the first shell is whole in every prototype
CUTOFF = (1.5, 1.9)  # in nearest-neighbour distances: two shells, three in dense crystals

OVERLAP_ENERGY = (17.0, 70.0)  # eV; S = -V / energy, as in extended Hueckel theory
FIELD = (0.1, 1.5)  # eV; attraction of four neighbours together, halved
FIELD_SPREAD = (0.2, 1.0)
FIELD_POWER = (3.0, 6.0)


class Bonds(NamedTuple):
    """What the integrals of a material are measured by.

    Attributes:
      distance: between nearest neighbours, angstrom.
      coordination: mean number of nearest neighbours.
      species: how many there are.
    """

    distance: float
    coordination: float
    species: int


def hopping_law(
    generator: np.random.Generator, bonds: Bonds, basis: str, form: str, scale: float
) -> Law:
    """Integrals of H, eV.

    Args:
      form: one of `FORMS`.
      scale: multiplies all strengths; 1 is Harrison's for four neighbours.
    """
    labels, count = LABELS[basis], bonds.species
    shells = len(labels)
    d_shells_u = np.array([label == "d" for label in labels], int)
    d_shells_uv = d_shells_u[:, None] + d_shells_u
    eta_uvm = np.array([[_eta(first, second) for second in labels] for first in labels])
    radius_x = generator.uniform(*D_RADIUS, count)
    compact_xu = radius_x[:, None] ** (1.5 * d_shells_u)
    spread_xyuvm = generator.uniform(*STRENGTH_SPREAD, (count, count, shells, shells, 3))
    # width of a band ~ sqrt(number of neighbours) V: dense crystals do not get wider bands
    unit = HARTREE * BOHR**2 / bonds.distance**2 * np.sqrt(4 / max(bonds.coordination, 4))
    strength_xyuvm = scale * unit * eta_uvm * spread_xyuvm
    strength_xyuvm *= (compact_xu[:, None, :, None] * compact_xu[None, :, None, :])[..., None]

    base_uv = np.vectorize(HARRISON_POWER.get)(d_shells_uv)
    slope_xyuv = base_uv * generator.uniform(*POWER_SPREAD, (count, count, shells, shells))
    curvature, radius = generator.uniform(*GSP_CURVATURE), generator.uniform(*GSP_RADIUS)
    power, decay, curvature = {
        "power": (1.0, 0.0, 1.0),
        "exponential": (0.0, 1.0, 1.0),
        "gsp": (1.0, radius**-curvature, curvature),
    }[form]
    cutoff = bonds.distance * generator.uniform(*CUTOFF)
    slope_xyuv = exchanged(slope_xyuv, basis, signed=False)
    return Law(
        exchanged(strength_xyuvm, basis, signed=True),
        power * slope_xyuv,
        decay * slope_xyuv,
        curvature,
        bonds.distance,
        ONSET * bonds.distance,
        cutoff,
    )


def overlap_law(generator: np.random.Generator, hopping: Law, basis: str) -> Law:
    """Integrals of the orbitals: -V / energy, exactly (extended Hueckel) or integral by integral.

    In the second case the distance dependence is drawn anew as well.
    """
    energy = generator.uniform(*OVERLAP_ENERGY)
    is_free = generator.random() < 0.5
    spread_xyuvm = generator.uniform(*STRENGTH_SPREAD, hopping.strength_xyuvm.shape)
    slope = generator.uniform(*POWER_SPREAD)
    if not is_free:
        return hopping._replace(strength_xyuvm=-hopping.strength_xyuvm / energy)
    return hopping._replace(
        # the spread is even under exchange, the strength it multiplies has the sign
        strength_xyuvm=-hopping.strength_xyuvm
        * exchanged(spread_xyuvm, basis, signed=False)
        / energy,
        power_xyuv=slope * hopping.power_xyuv,
        decay_xyuv=slope * hopping.decay_xyuv,
    )


def field_law(generator: np.random.Generator, bonds: Bonds, basis: str, cutoff: float) -> Law:
    """Integrals <u on x| V of a neighbour y |v on x>, eV: attraction for u = v, any sign else."""
    shells, count = len(SHELLS[basis]), bonds.species
    size_xy = generator.uniform(*FIELD, (count, count)) * min(4 / bonds.coordination, 1) / 2
    draws_xyuvm = generator.uniform(*FIELD_SPREAD, (count, count, shells, shells, 3))
    sign_xyuvm = generator.choice([-1.0, 1.0], draws_xyuvm.shape)
    is_same_uv = np.eye(shells, dtype=bool)[..., None]
    draws_xyuvm = draws_xyuvm * np.where(is_same_uv, -1.0, sign_xyuvm)
    # one atom carries both orbitals: u and v exchange, x and y do not
    upper_uv = np.triu(np.ones((shells, shells), bool))[..., None]
    strength_xyuvm = np.where(upper_uv, draws_xyuvm, draws_xyuvm.swapaxes(2, 3))
    power_xy = generator.uniform(*FIELD_POWER, (count, count))
    shape = (count, count, shells, shells)
    return Law(
        size_xy[..., None, None, None] * strength_xyuvm,
        np.broadcast_to(power_xy[..., None, None], shape).copy(),
        np.zeros(shape),
        1.0,
        bonds.distance,
        ONSET * bonds.distance,
        cutoff,
    )


def exchanged(values_xyuv: Float[np.ndarray, "x x u u *m"], basis: str, signed: bool):
    """Make integrals agree for the two orders of the same pair of orbitals.

    The order with the lower l first counts, as in Slater and Koster's table (for equal shells
    that of the lower species); the other one is (-1)^(l + l') times it, without the sign for
    what is even.
    """
    l_u = np.array(SHELLS[basis])
    count = len(values_xyuv)
    species, shells = np.arange(count), np.arange(len(l_u))
    rank_xu = (l_u * 100 + shells) * count + species[:, None]
    is_first = rank_xu[:, None, :, None] <= rank_xu[None, :, None, :]
    sign_uv = parity(basis) if signed else np.ones((len(l_u), len(l_u)))
    extra = (1,) * (values_xyuv.ndim - 4)
    other = values_xyuv.swapaxes(0, 1).swapaxes(2, 3) * sign_uv.reshape(*sign_uv.shape, *extra)
    return np.where(is_first.reshape(*is_first.shape, *extra), values_xyuv, other)


def _eta(first: str, second: str) -> tuple[float, float, float]:
    """Harrison's numbers, in either order; the sign of the order comes later."""
    return ETA.get(f"{first} {second}") or ETA[f"{second} {first}"]
