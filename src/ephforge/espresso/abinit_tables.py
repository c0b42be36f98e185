"""Tabulated ABINIT pseudopotentials: fhi (pspcod 6) and psp8 (pspcod 8), by their numbers.

Both list one block per angular momentum, in Hartree and bohr. fhi holds semilocal potentials
and pseudo wave functions, from which projectors are made here; psp8 holds projectors.
"""

import numpy as np
from jaxtyping import Float

from ephforge.core.errors import EphforgeError
from ephforge.espresso.upf import Channel, Pseudopotential, RadialMesh, occupations

LARGEST_RADIUS = 60.0  # bohr; fhi meshes go on to hundreds
# fhi potentials agree beyond the core radius to the accuracy of the code that made them
SAME_POTENTIAL = 1e-4  # Ry
FHI_HEADER_LINES = 18  # the blocks begin after them
FHI_VALENCE_LINE = 7
PSP8_HEADER_LINES = 6


def read_fhi(
    lines: list[str], element: str, local: int | None, largest: int | None
) -> Pseudopotential:
    """Semilocal potentials in the separable form of Kleinman and Bylander.

    With u_l the pseudo wave function times r and dV_l = V_l - V_local,
        beta_l = dV_l u_l,   strength_l = 1 / <u_l| dV_l |u_l>,
    so that the operator acts on u_l as dV_l does.

    Args:
      lines: of the file.
      element: chemical symbol.
      local: angular momentum of the local channel; None takes the one that the file names.
      largest: largest angular momentum that gets a projector; None takes all of the file.

    Raises:
      EphforgeError: the file has no such channel, or its blocks are incomplete.
    """
    _, _, l_max, l_local = (int(float(word)) for word in lines[2].split()[:4])
    local = l_local if local is None else local
    largest = l_max if largest is None else largest
    if max(local, largest) > l_max:
        raise EphforgeError(
            f"channel l = {max(local, largest)} is not in this file, which ends at l = {l_max}; "
            "set 'local' and 'largest' to what it has"
        )
    blocks, growth, rest = _fhi_blocks(lines, l_max)
    mesh = RadialMesh(blocks[0][:, 1], blocks[0][:, 1] * np.log(growth))
    inside = mesh.radius < LARGEST_RADIUS
    mesh = RadialMesh(mesh.radius[inside], mesh.step[inside])
    orbitals = [_normalised(Channel(ell, b[inside, 2]), mesh) for ell, b in enumerate(blocks)]
    potentials = [2 * block[inside, 3] for block in blocks]  # Hartree to Ry
    projectors, strengths = _separable(orbitals[: largest + 1], potentials, local, mesh)
    valence = float(lines[FHI_VALENCE_LINE].split()[0])
    filled = occupations(valence, l_max + 1)
    bound = [orbital for orbital, n in zip(orbitals, filled, strict=True) if n > 0]
    return Pseudopotential(
        element=element,
        valence=valence,
        mesh=mesh,
        local=potentials[local],
        projectors=projectors,
        strengths=np.diag(strengths),
        orbitals=bound,
        valence_density=sum(filled[ell] * values**2 for ell, values in bound),
        core_density=_fhi_core(lines, rest, len(blocks[0]), inside),
    )


def _fhi_blocks(lines: list[str], l_max: int) -> tuple[list[np.ndarray], float, int]:
    """Columns i, r, u, V of every l; the ratio of neighbouring radii; the line after them."""
    blocks, position = [], FHI_HEADER_LINES
    for _ in range(l_max + 1):
        n_points, growth = int(lines[position].split()[0]), float(lines[position].split()[1])
        blocks.append(_columns(lines[position + 1 : position + 1 + n_points], n_points, 4))
        position += 1 + n_points
    return blocks, growth, position


def _fhi_core(
    lines: list[str], position: int, n_points: int, inside: np.ndarray
) -> Float[np.ndarray, " r"] | None:
    """Core density: 4 pi rho in the second column after the blocks, if the header has one."""
    try:
        core_charge = float(lines[3].split()[1])
    except (ValueError, IndexError):  # older files write a remark there
        return None
    if core_charge == 0:
        return None
    columns = _columns(lines[position : position + n_points], n_points, 2)
    return columns[inside, 1] / (4 * np.pi)


def _separable(
    orbitals: list[Channel],
    potentials: list[Float[np.ndarray, " r"]],
    local: int,
    mesh: RadialMesh,
) -> tuple[list[Channel], list[float]]:
    projectors, strengths = [], []
    for ell, values in orbitals:
        difference = potentials[ell] - potentials[local]
        differs = np.flatnonzero(np.abs(difference) > SAME_POTENTIAL)
        if ell == local or not differs.size:
            continue
        difference[differs[-1] + 1 :] = 0
        projectors.append(Channel(ell, difference * values))
        strengths.append(1 / np.sum(values**2 * difference * mesh.step))
    return projectors, strengths


def _normalised(orbital: Channel, mesh: RadialMesh) -> Channel:
    norm = np.sqrt(np.sum(orbital.values**2 * mesh.step))
    return Channel(orbital.angular_momentum, orbital.values / norm)


def read_psp8(lines: list[str], element: str) -> Pseudopotential:
    """Projectors and potential as they stand, on the file's even mesh; Hartree become Ry.

    Raises:
      EphforgeError: the file has spin-orbit projectors, or its blocks are incomplete.
    """
    valence = float(lines[1].split()[1])
    l_local, n_points = (int(word) for word in lines[2].split()[3:5])
    core_charge = float(lines[3].split()[1])
    n_projectors = [int(word) for word in lines[4].split("nproj")[0].split()]
    extension = int(lines[5].split()[0])
    if extension not in (0, 1):
        raise EphforgeError("has spin-orbit projectors; take a scalar-relativistic file")
    projectors, strengths, local = [], [], None
    position = PSP8_HEADER_LINES
    while local is None or len(projectors) < sum(n_projectors):
        words = lines[position].replace("D", "E").split()
        ell = int(words[0])
        n_columns = 3 if ell == l_local else 2 + n_projectors[ell]
        table = _columns(lines[position + 1 : position + 1 + n_points], n_points, n_columns)
        position += 1 + n_points
        if ell == l_local:
            radius, local = table[:, 1], 2 * table[:, 2]
            continue
        projectors += [Channel(ell, values) for values in table[:, 2:].T]
        strengths += [2 * float(word) for word in words[1 : 1 + n_projectors[ell]]]
    mesh = RadialMesh(radius, np.full(n_points, radius[1] - radius[0]))
    core = None
    if core_charge > 0:
        core = _columns(lines[position : position + n_points], n_points, 3)[:, 2] / (4 * np.pi)
        position += n_points
    density = radius**2 * np.exp(-radius)
    if extension == 1:
        table = _columns(lines[position : position + n_points], n_points, 3)
        density = radius**2 * table[:, 2]
    return Pseudopotential(
        element=element,
        valence=valence,
        mesh=mesh,
        local=local,
        projectors=projectors,
        strengths=np.diag(strengths),
        orbitals=[],
        valence_density=density * valence / np.sum(density * mesh.step),
        core_density=core,
    )


def _columns(lines: list[str], n_points: int, n_columns: int) -> Float[np.ndarray, "r n"]:
    """The first columns of a table with Fortran exponents."""
    table = [line.replace("D", "E").split()[:n_columns] for line in lines]
    if len(table) != n_points or any(len(row) != n_columns for row in table):
        raise EphforgeError(f"a table of {n_points} points and {n_columns} columns is incomplete")
    return np.array(table, dtype=float)
