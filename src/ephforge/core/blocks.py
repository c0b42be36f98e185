"""A coupling block: |g| of one material on a mesh, bands and modes as channels.

The learning stages see materials only through this object.  Synthetic and real materials
have the same one; real ones keep the full grid as computed as well, since their symmetry
holds only to the accuracy of the first-principles run.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ephforge.core.netcdf import Contents, Variable
from ephforge.core.realspace import Crystal, crystal_variables, read_crystal
from ephforge.core.symmetry import Orbits


@dataclass(frozen=True)
class Block:
    """|g_mnv(k, q)| of one material, averaged over degenerate states.

    Attributes:
      name: material id, e.g. "000012" or "si_4".
      labels: prototype, potential, basis, family (strings).
      g: meV, on orbits; root mean square of |g| over the pairs of the orbit.
      g_grid: meV, on all pairs as computed; None where it equals g[..., orbit_kq] exactly.
      energies: bands of the window, eV.
      frequencies: phonon energies, eV.
      orbits, k_mesh, q_mesh, crystal: the geometry.
    """

    name: str
    labels: dict[str, str]
    g: Float[np.ndarray, "m n v o"]
    g_grid: Float[np.ndarray, "m n v k q"] | None
    energies: Float[np.ndarray, "k n"]
    frequencies: Float[np.ndarray, "q v"]
    orbits: Orbits
    k_mesh: tuple[int, int, int]
    q_mesh: tuple[int, int, int]
    crystal: Crystal


def on_grid(block: Block) -> Float[np.ndarray, "m n v k q"]:
    """|g| in meV on all pairs: as computed where that is kept, else spread from the orbits."""
    return block.g_grid if block.g_grid is not None else block.g[..., block.orbits.orbit_kq]


def strongest_channel(block: Block) -> tuple[int, int, int]:
    """Final band, initial band and mode with the largest norm of |g| over all pairs."""
    strength_mnv = np.linalg.norm(on_grid(block), axis=(3, 4))
    m, n, v = np.unravel_index(int(np.argmax(strength_mnv)), strength_mnv.shape)
    return int(m), int(n), int(v)


def block_variables(block: Block) -> tuple[dict[str, Variable], dict]:
    """Arrays and attributes of a block as they stand in a file."""
    channels = ("final_band", "initial_band", "mode")
    orbits = block.orbits
    variables = crystal_variables(block.crystal) | {
        "g": Variable(block.g, (*channels, "orbit"), "meV", "|g| on orbits of (k, q)"),
        "energies": Variable(block.energies, ("k", "initial_band"), "eV", "bands of the window"),
        "frequencies": Variable(block.frequencies, ("q", "mode"), "eV", "phonon energies"),
        "orbit": Variable(orbits.orbit_kq.astype(np.int32), ("k", "q"), "1", "orbit of each pair"),
        "orbit_size": Variable(orbits.size_o, ("orbit",), "1", "pairs in the orbit"),
        "orbit_representative": Variable(
            orbits.representative_o2, ("orbit", "pair"), "1", "k and q number of the first pair"
        ),
        "orbit_partner": Variable(orbits.partner_o, ("orbit",), "1", "orbit of (k+q, -q)"),
    }
    if block.g_grid is not None:
        variables["g_grid"] = Variable(
            block.g_grid, (*channels, "k", "q"), "meV", "|g| as computed"
        )
    attributes = {
        "name": block.name,
        "labels": block.labels,
        "k_mesh": list(block.k_mesh),
        "q_mesh": list(block.q_mesh),
    }
    return variables, attributes


def read_block(contents: Contents) -> Block:
    """Inverse of `block_variables`."""
    found, attributes = contents.variables, contents.attributes
    orbits = Orbits(
        found["orbit"], found["orbit_size"], found["orbit_representative"], found["orbit_partner"]
    )
    return Block(
        attributes["name"],
        attributes["labels"],
        found["g"],
        found.get("g_grid"),
        found["energies"],
        found["frequencies"],
        orbits,
        tuple(attributes["k_mesh"]),
        tuple(attributes["q_mesh"]),
        read_crystal(found),
    )
