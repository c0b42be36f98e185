"""What must hold between the arrays of one material: symmetry, sum rules, order, counting."""

from collections.abc import Iterator

import numpy as np

from ephforge.core.netcdf import Contents
from ephforge.core.symmetry import Orbits, pair_orbits, reciprocal_operations

HERMITICITY = 2e-3  # of the largest |g|, of synthetic materials
GRID = 1e-4  # of the largest |g|: g against the root mean square of g_grid over its orbits
SUM_RULE = 1e-3  # of the largest force constant
NEUTRALITY = 0.02  # e; sum of the Born charges
CLOSEST = 0.3  # angstrom, between two atoms


def crystal_faults(found: dict[str, np.ndarray]) -> Iterator[str]:
    """Cell with a volume, atoms apart."""
    cell, positions = found["cell"], found["positions"]
    if np.linalg.det(cell) == 0:
        yield "cell: the vectors span no volume"
        return
    if len({len(found[name]) for name in ("positions", "numbers", "masses")}) > 1:
        yield "positions: as many atoms as numbers and masses expected"
        return
    difference = (positions[:, None] - positions[None]) @ np.linalg.inv(cell)
    distance = np.linalg.norm((difference - np.rint(difference)) @ cell, axis=-1)
    distance[np.diag_indices(len(positions))] = np.inf
    if distance.min() < CLOSEST:
        yield f"positions: atoms {distance.min():.3g} angstrom apart, expected {CLOSEST} or more"


def force_constant_faults(found: dict[str, np.ndarray]) -> Iterator[str]:
    """Phi(R) = Phi(-R)^T, and no force when the whole crystal moves."""
    phi, cells = found["phi"], found["phi_cells"]
    largest = np.abs(phi).max(initial=0)
    if not np.isfinite(largest) or largest == 0:
        yield "phi: expected force constants other than zero"
        return
    total = np.abs(phi.sum(axis=(0, 3))).max()
    if total > SUM_RULE * largest:
        yield f"phi: sum rule broken by {total:.3g} eV/angstrom^2, largest is {largest:.3g}"
    yield from _transpose_faults("phi", cells, phi.reshape(len(cells), *(2 * [3 * phi.shape[1]])))


def hopping_faults(found: dict[str, np.ndarray]) -> Iterator[str]:
    """H(R) and S(R) hermitian; orbitals on atoms that are there."""
    for name in ("hopping", "overlap"):
        if name in found:
            yield from _transpose_faults(name, found["hopping_cells"], found[name])
    if found["orbital_site"].max() >= len(found["numbers"]):
        yield f"orbital_site: atom {found['orbital_site'].max()} is not there"


def _transpose_faults(name: str, cells: np.ndarray, values_rab: np.ndarray) -> Iterator[str]:
    number = {tuple(cell): i for i, cell in enumerate(cells.tolist())}
    if len(number) < len(cells):
        yield f"{name}: a cell vector stands there twice"
        return
    largest, worst = np.abs(values_rab).max(initial=0), 0.0
    for i, cell in enumerate(cells.tolist()):
        opposite = number.get(tuple(-x for x in cell))
        there = 0 if opposite is None else values_rab[opposite].conj().T
        worst = max(worst, float(np.abs(values_rab[i] - there).max()))
    if worst > SUM_RULE * largest:
        yield f"{name}: not hermitian by {worst:.3g}, largest value {largest:.3g}"


def dipole_faults(found: dict[str, np.ndarray]) -> Iterator[str]:
    """Neutral Born charges, dielectric tensor symmetric and above 1."""
    if ("born" in found) != ("dielectric" in found):
        yield "born, dielectric: only one of them is there, expected both or none"
    elif "born" in found:
        charge = np.abs(found["born"].sum(axis=0)).max()
        if charge > NEUTRALITY:
            yield f"born: charges add up to {charge:.3g} e, expected 0"
        epsilon = found["dielectric"]
        if np.abs(epsilon - epsilon.T).max() > 1e-3 * np.abs(epsilon).max():
            yield "dielectric: not symmetric"
        elif (least := np.linalg.eigvalsh(epsilon).min()) < 0.999:
            yield f"dielectric: eigenvalue {least:.3g}, expected 1 or more"


def block_faults(contents: Contents, is_exact: bool) -> Iterator[str]:
    """Meshes, orbits, order of energies; of |g| that was not compressed or refined, hermiticity."""
    found = contents.variables
    k_mesh, q_mesh = (tuple(contents.attributes[name]) for name in ("k_mesh", "q_mesh"))
    if found["orbit"].shape != (np.prod(k_mesh), np.prod(q_mesh)):
        yield f"orbit: shape {found['orbit'].shape}, expected pairs of meshes {k_mesh} and {q_mesh}"
        return
    for name, meaning in (("energies", "bands"), ("frequencies", "modes")):
        if np.any(np.diff(found[name], axis=1) < 0):
            yield f"{name}: {meaning} are not in rising order"
    if found["g"].shape[0] != found["g"].shape[1]:
        yield "g: as many final as initial bands expected"
        return
    if found["g"].shape[2] != 3 * len(found["numbers"]):
        yield f"g: {found['g'].shape[2]} modes, expected {3 * len(found['numbers'])}"
    faults = list(_orbit_faults(found, k_mesh, q_mesh))
    yield from faults
    if not faults:
        yield from _coupling_faults(found, is_exact)


def _orbit_faults(found: dict[str, np.ndarray], k_mesh, q_mesh) -> Iterator[str]:
    orbit_kq, count = found["orbit"], len(found["orbit_size"])
    if set(np.unique(orbit_kq)) != set(range(count)):
        yield f"orbit: numbers are not 0 to {count - 1}"
        return
    operations = reciprocal_operations(found["cell"], found["positions"], found["numbers"])
    expected: Orbits = pair_orbits(operations, k_mesh, q_mesh)
    if not np.array_equal(expected.orbit_kq, orbit_kq):
        yield f"orbit: {count} orbits, not the {len(expected.size_o)} of the crystal's symmetry"
        return
    names = ("orbit_size", "orbit_representative", "orbit_partner")
    for name, value in zip(names, expected[1:], strict=True):
        if not np.array_equal(found[name], value):
            yield f"{name}: does not follow from orbit"


def _coupling_faults(found: dict[str, np.ndarray], is_exact: bool) -> Iterator[str]:
    g = found["g"].astype(float)
    largest = g.max(initial=0)
    if largest == 0:
        yield "g: zero everywhere"
        return
    if "g_grid" not in found and is_exact:
        partner = np.abs(g - g.swapaxes(0, 1)[..., found["orbit_partner"]]).max()
        if partner > HERMITICITY * largest:
            yield f"g: not hermitian by {partner:.3g} meV, largest |g| {largest:.3g} meV"
    elif "g_grid" in found:
        # off the coarse mesh of a first-principles run |g| is hermitian in part only
        squares = found["g_grid"].astype(float).reshape(*g.shape[:3], -1) ** 2
        orbit = found["orbit"].ravel()
        sums = np.stack([np.bincount(orbit, row) for row in squares.reshape(-1, orbit.size)])
        mean = np.sqrt(sums.reshape(*g.shape[:3], -1) / found["orbit_size"])
        if np.abs(mean - g).max() > GRID * largest:
            yield "g: not the root mean square of g_grid over the orbits"
