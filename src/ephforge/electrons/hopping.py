"""Hopping between s and p orbitals as a smooth function of the vector between two atoms.

The angular part is J. C. Slater and G. F. Koster, Phys. Rev. 94, 1498 (1954), Table I; the
radial part a power law around Harrison's d^-2, switched off smoothly.  Derivatives come from
automatic differentiation.  Orbitals of an atom are ordered s, px, py, pz.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ephforge.core.realspace import Crystal, Hopping, TwoCentreCoupling

_SMALLEST_PAD = 64  # pairs; longer lists are padded to powers of two, so few shapes compile


class HoppingLaw(NamedTuple):
    """Electrons of a set of species x, y.

    Attributes:
      numbers_x: atomic numbers of the species.
      onsite_xl: energies of s and p, eV.
      strength_xyi: integrals at the reference distance, eV: i = ss sigma, sp sigma (s on x,
        p on y), pp sigma, pp pi; symmetric in x, y but for i = sp.
      exponent_xy: n of V(d) ~ d^-n.
      reference, onset, cutoff: angstrom; the switch goes from 1 to 0 between the last two.
    """

    numbers_x: Int[np.ndarray, " x"]
    onsite_xl: Float[np.ndarray, "x 2"]
    strength_xyi: Float[np.ndarray, "x x 4"]
    exponent_xy: Float[np.ndarray, "x x"]
    reference: float
    onset: float
    cutoff: float


def slater_koster(d_3: Float[Array, "3"], integrals_5: Float[Array, "5"]) -> Float[Array, "4 4"]:
    """Block <a| H |b> of two atoms, d the vector from the atom of a to that of b.

    Args:
      d_3: angstrom; only its direction counts.
      integrals_5: ss sigma, sp sigma (s of a), ps sigma (s of b), pp sigma, pp pi; eV.
    """
    ss, sp, ps, sigma, pi = integrals_5
    cosine_3 = d_3 / jnp.linalg.norm(d_3)
    along_33 = cosine_3[:, None] * cosine_3[None, :]
    pp_33 = sigma * along_33 + pi * (jnp.eye(3, dtype=d_3.dtype) - along_33)
    first_row = jnp.concatenate([ss[None], sp * cosine_3])
    return jnp.concatenate(
        [first_row[None, :], jnp.concatenate([-ps * cosine_3[:, None], pp_33], axis=1)]
    )


def radial(
    distance: Float[Array, ""],
    exponent: Float[Array, ""],
    reference: Float[Array, ""],
    onset: Float[Array, ""],
    cutoff: Float[Array, ""],
) -> Float[Array, ""]:
    """(reference / d)^n times a switch 1 - x^3 (10 - 15 x + 6 x^2), flat at both ends."""
    x = jnp.clip((distance - onset) / (cutoff - onset), 0, 1)
    return (reference / distance) ** exponent * (1 - x**3 * (10 - 15 * x + 6 * x**2))


def pair_block(
    d_3: Float[Array, "3"],
    strength_5: Float[Array, "5"],
    exponent: Float[Array, ""],
    range_3: Float[Array, "3"],
) -> Float[Array, "4 4"]:
    """Hopping between two atoms, eV; range_3 = reference, onset, cutoff in angstrom."""
    scale = radial(jnp.linalg.norm(d_3), exponent, *range_3)
    return slater_koster(d_3, strength_5 * scale)


def pair_gradient(
    d_3: Float[Array, "3"],
    strength_5: Float[Array, "5"],
    exponent: Float[Array, ""],
    range_3: Float[Array, "3"],
) -> Float[Array, "3 4 4"]:
    """Derivative of `pair_block` with each component of d, eV/angstrom."""
    return jnp.moveaxis(jax.jacfwd(pair_block)(d_3, strength_5, exponent, range_3), -1, 0)


@jax.jit
def _over_pairs(d_p3, strength_p5, exponent_p, range_3):
    over = (0, 0, 0, None)
    blocks = jax.vmap(pair_block, over)(d_p3, strength_p5, exponent_p, range_3)
    return blocks, jax.vmap(pair_gradient, over)(d_p3, strength_p5, exponent_p, range_3)


def assemble(crystal: Crystal, law: HoppingLaw, orbitals: int) -> tuple[Hopping, TwoCentreCoupling]:
    """Real-space Hamiltonian of a crystal and its derivative with the pair vectors.

    Args:
      crystal: its atomic numbers must be among those of the law.
      orbitals: per atom; 1 (s) or 4 (s and p).
    """
    pairs_p5, d_p3 = neighbours(crystal, law.cutoff)
    species_s = np.searchsorted(law.numbers_x, crystal.numbers)
    blocks_pab, gradients_pcab = _hopping_of_pairs(law, d_p3, species_s[pairs_p5[:, :2]])

    cells_r3, cell_p = np.unique(
        np.vstack([pairs_p5[:, 2:], np.zeros((1, 3), int)]), axis=0, return_inverse=True
    )
    n_atoms = len(species_s)
    energy = np.zeros((len(cells_r3), n_atoms, orbitals, n_atoms, orbitals))
    gradient = np.zeros((len(cells_r3), 3, n_atoms, orbitals, n_atoms, orbitals))
    first_p, second_p = pairs_p5[:, 0], pairs_p5[:, 1]
    energy[cell_p[:-1], first_p, :, second_p] = blocks_pab[:, :orbitals, :orbitals]
    gradient[cell_p[:-1], :, first_p, :, second_p] = gradients_pcab[:, :, :orbitals, :orbitals]
    onsite_sa = law.onsite_xl[species_s][:, [0, 1, 1, 1]][:, :orbitals]
    atom, orbital = np.indices(onsite_sa.shape)
    energy[cell_p[-1], atom, orbital, atom, orbital] += onsite_sa  # the last row is R = 0

    size = n_atoms * orbitals
    site_a = np.repeat(np.arange(n_atoms), orbitals)
    hopping = Hopping(cells_r3, energy.reshape(-1, size, size), site_a, crystal.positions[site_a])
    return hopping, TwoCentreCoupling(gradient.reshape(-1, 3, size, size))


def neighbours(
    crystal: Crystal, cutoff: float
) -> tuple[Int[np.ndarray, "p 5"], Float[np.ndarray, "p 3"]]:
    """Pairs closer than the cutoff: (first atom, second atom, R of the second), and vectors."""
    fractional_s3 = crystal.positions @ np.linalg.inv(crystal.cell)
    spread_3 = np.ptp(fractional_s3, axis=0)
    # 1 / height of the cell above each face = length of the reciprocal vector
    inverse_heights_3 = np.linalg.norm(np.linalg.inv(crystal.cell), axis=0)
    reach_3 = np.floor(cutoff * inverse_heights_3 + spread_3).astype(int)
    cells_r3 = np.stack(
        np.meshgrid(*(np.arange(-n, n + 1) for n in reach_3), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    positions = crystal.positions
    d_rst3 = (cells_r3 @ crystal.cell)[:, None, None] + positions[None, None] - positions[:, None]
    distance_rst = np.linalg.norm(d_rst3, axis=-1)
    is_self_rst = np.all(cells_r3 == 0, axis=1)[:, None, None] & np.eye(len(positions), dtype=bool)
    r, s, t = np.nonzero((distance_rst < cutoff) & ~is_self_rst)
    return np.column_stack([s, t, cells_r3[r]]), d_rst3[r, s, t]


def nearest_distance(crystal: Crystal) -> float:
    """Shortest distance between two atoms, angstrom."""
    shortest_vector = np.linalg.norm(crystal.cell, axis=1).min()
    _, d_p3 = neighbours(crystal, shortest_vector * (1 + 1e-9))
    return float(np.linalg.norm(d_p3, axis=1).min())


def _hopping_of_pairs(law: HoppingLaw, d_p3, species_p2):
    """Blocks and gradients of all pairs; the list is padded with pairs out of range."""
    x, y = species_p2.T
    strength_p5 = np.column_stack(
        [
            law.strength_xyi[x, y, 0],
            law.strength_xyi[x, y, 1],
            law.strength_xyi[y, x, 1],
            law.strength_xyi[x, y, 2:],
        ]
    )
    count = len(d_p3)
    missing = max(_SMALLEST_PAD, 1 << (count - 1).bit_length()) - count
    blocks, gradients = _over_pairs(
        np.pad(d_p3, ((0, missing), (0, 0)), constant_values=2 * law.cutoff),
        np.pad(strength_p5, ((0, missing), (0, 0))),
        np.pad(law.exponent_xy[x, y], (0, missing)),
        np.array([law.reference, law.onset, law.cutoff]),
    )
    return np.asarray(blocks)[:count], np.asarray(gradients)[:count]
