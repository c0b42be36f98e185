"""Model electrons on the crystal itself: what a coupling looks like far from the atom that moves.

Far entries of g are set by how the bonds around a moved atom are polarised (docs/notes/05): local
ions with an empty core and electrons that screen each other, solved self-consistently on
the crystal's own lattice, have them in the right form, and cost a second or two.  Nothing of
the real material enters but its crystal, the valence of its elements and where its Wannier
functions are.  Several draws of what is not known (cores, exchange, mass) span the forms that the
far part may take.
"""

from dataclasses import replace
from math import lcm

import numpy as np
from jaxtyping import Complex, Float
from threadpoolctl import threadpool_limits

from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points, negation_index
from ephforge.core.realspace import Crystal, Mesh, Model
from ephforge.core.rng import generator
from ephforge.core.units import BOHR
from ephforge.refinement import multipoles
from ephforge.refinement.coarse import points_of, to_cells
from ephforge.refinement.images import phonon_images
from ephforge.threecentre import ground
from ephforge.threecentre.draw import neighbours
from ephforge.threecentre.elements import stars, turn
from ephforge.threecentre.ions import Ions
from ephforge.threecentre.occupations import fermi_dirac
from ephforge.threecentre.orbitals import Functions, Trial, project
from ephforge.threecentre.screening import Answer, answer, applied, steps

DRAWS, ATTEMPTS = 6, 18
# s and p electrons outside closed shells
VALENCE = (
    {z: z - core for core, span in ((2, (3, 10)), (10, (11, 18))) for z in range(span[0], span[1])}
    | {1: 1, 19: 1, 20: 2, 37: 1, 38: 2, 55: 1, 56: 2}
    | {z: z - 28 for z in range(31, 36)}
    | {z: z - 46 for z in range(49, 54)}
    | {z: z - 78 for z in range(81, 86)}
)
_WAVES_PER_ATOM = 25.0
_SMALLEST_GAP = 0.1  # eV
_OFF_SITE = 0.3  # of the shortest distance: a function farther from its atom stands on a bond
_FAR = 1.2  # |a_1|: entries farther than this tell the dipole of a model


def templates(model: Model, k_mesh: Mesh, q_mesh: Mesh) -> list[Float[np.ndarray, "p s 3 k a a"]]:
    """g of several model materials, in the signs of their own functions, dipole fields taken out.

    Args:
      k_mesh, q_mesh: cells Re and Rp count modulo these.

    Returns:
      up to `DRAWS` arrays, eV/angstrom; the same ones on every run.

    Raises:
      EphforgeError: an element without a valence of s and p electrons, or no draw gave a material.
    """
    valence_s = _valence(model.crystal)
    mesh = tuple(lcm(k, q) for k, q in zip(k_mesh, q_mesh, strict=True))
    found, reason = [], ""
    with threadpool_limits(limits=1, user_api="blas"):
        for attempt in range(ATTEMPTS):
            if len(found) == DRAWS:
                break
            random = generator(0, attempt, "refinement")
            try:
                g_qsckab = _solve(random, model, valence_s, mesh, k_mesh, q_mesh)
            except EphforgeError as error:
                reason = str(error)
                continue
            g_pscrab = np.moveaxis(to_cells(np.moveaxis(g_qsckab, 3, 0), k_mesh), 0, 3)
            g_pscrab = np.ascontiguousarray(to_cells(g_pscrab, q_mesh).real)
            found.append(_without_dipole(model, g_pscrab, q_mesh))
    if not found:
        raise EphforgeError(f"{model.name}: {reason}; choose a method without a model response")
    return found


def _valence(crystal: Crystal) -> Float[np.ndarray, " s"]:
    unknown = [int(z) for z in crystal.numbers if int(z) not in VALENCE]
    if unknown:
        raise EphforgeError(
            f"model response: element {unknown[0]} has no valence of s and p electrons alone; "
            "choose another method"
        )
    return np.array([float(VALENCE[int(z)]) for z in crystal.numbers])


def _solve(random, model: Model, valence_s, mesh: Mesh, k_mesh: Mesh, q_mesh: Mesh):
    """g[q, s, c, k, a, b] of one draw."""
    crystal, size = model.crystal, len(model.hopping.site)
    distance = neighbours(crystal).distance
    is_insulator = np.isclose(valence_s.sum(), 2 * size)
    # ranges as in threecentre/draw.py
    cores, widths = random.uniform(0.2, 0.26, 2), random.uniform(0.01, 0.04, 2)
    exchange = random.uniform(1.0, 1.5) if is_insulator else random.uniform(0.8, 1.2)
    width, mass = random.uniform(0.2, 0.35), random.uniform(4.3, 6.0) * BOHR / distance
    smearing = 0.0 if is_insulator else random.uniform(0.2, 0.4)
    kind_s = (crystal.numbers != crystal.numbers[0]).astype(int)
    ions = Ions(valence_s, cores[kind_s] * distance, widths[kind_s] * distance)
    volume = abs(np.linalg.det(crystal.cell))
    cutoff = (6 * np.pi**2 * _WAVES_PER_ATOM * len(valence_s) / volume) ** (1 / 3)
    matter = ground.Matter(crystal, ions, mesh, cutoff, cutoff, exchange, mass, smearing)
    rest = ground.solve(matter)
    weight_kn = rest.occupation_kn
    if is_insulator and rest.gap < _SMALLEST_GAP:
        raise EphforgeError(f"model response: gap {rest.gap:.2f} eV, expected {_SMALLEST_GAP}")
    if not is_insulator:
        full = ground.KINETIC / mass * (6 * np.pi**2 * size / volume) ** (2 / 3)
        edge = full * random.uniform(0.8, 1.2) + min(e[0] for e in rest.energy_kn)
        softness = full * random.uniform(0.15, 0.3)
        weight_kn = [fermi_dirac(e, edge, softness) for e in rest.energy_kn]
    functions = project(matter, rest, _trial(model, width * distance), weight_kn)
    return _on_meshes(matter, rest, functions, k_mesh, q_mesh)


def _trial(model: Model, width: float) -> Trial:
    """A Gaussian for a function on a bond; s and p of its atom, mixed, for others."""
    crystal, centre_a3, site = model.crystal, model.hopping.centres, model.hopping.site
    from_a3 = centre_a3 - crystal.positions[site]
    # the nearest image of its atom
    from_a3 -= np.rint(from_a3 @ np.linalg.inv(crystal.cell)) @ crystal.cell
    length_a = np.linalg.norm(from_a3, axis=1)
    size = len(site)
    if np.all(length_a > _OFF_SITE * neighbours(crystal).distance) or np.any(
        np.bincount(site)[np.unique(site)] != 4
    ):
        return Trial(centre_a3, np.full(size, -1), width, np.eye(size))
    place_a3, axis_a, mixing_aa = np.zeros((size, 3)), np.zeros(size, int), np.eye(size)
    for atom in np.unique(site):
        own = np.flatnonzero(site == atom)
        place_a3[own] = (centre_a3 - from_a3)[own[0]]
        axis_a[own] = np.arange(-1, 3)
        if np.all(length_a[own] > 1e-2 * width):
            hybrid_44 = np.concatenate(
                [np.ones((1, 4)), np.sqrt(3) * (from_a3[own] / length_a[own, None]).T]
            )
            left, _, right = np.linalg.svd(hybrid_44)
            mixing_aa[np.ix_(own, own)] = left @ right
    return Trial(place_a3, axis_a, width, mixing_aa)


def _on_meshes(
    matter: ground.Matter, rest: ground.Ground, functions: Functions, k_mesh: Mesh, q_mesh: Mesh
) -> Complex[np.ndarray, "q s 3 k a a"]:
    """As threecentre.elements.on_mesh, at the k and q of coarser meshes alone."""
    numbers_k, numbers_q = (points_of(few, matter.mesh) for few in (k_mesh, q_mesh))
    negative_q, negative_k = negation_index(q_mesh), negation_index(k_mesh)
    star_q, solved_q, found_q = stars(matter), {}, {}
    for own, q in enumerate(numbers_q):
        if own > negative_q[own]:
            continue
        source, operation = star_q[q]
        if source not in solved_q:
            solved_q[source] = answer(matter, rest, source)
        solved = solved_q[source]
        if source != q:
            solved = turn(matter, solved, source, int(q), operation)
        found_q[own] = _elements(matter, rest, functions, solved, int(q), numbers_k)
        found_q[int(negative_q[own])] = found_q[own][:, :, negative_k].conj()
    return np.stack([found_q[own] for own in range(len(numbers_q))])


def _elements(matter, rest, functions: Functions, solved: Answer, q: int, numbers_k):
    """<a, k+q| dV |b, k> of one q and some k."""
    atoms, step_k = len(solved.field_scg), steps(matter.mesh, q)
    field_pg = solved.field_scg.reshape(3 * atoms, -1)
    field = matter.waves.positions(solved.index_g3), field_pg
    found = []
    for k in map(int, numbers_k):
        right = applied(matter.waves, rest, k, step_k[k], field, functions.coefficient_kga[k])
        found.append(functions.coefficient_kga[step_k[k].point].conj().T @ right)
    size = len(functions.centre_a3)
    return np.stack(found, axis=1).reshape(atoms, 3, len(found), size, size)


def charges(
    model: Model, g_pscrab: Float[np.ndarray, "p s 3 r a a"], q_mesh: Mesh
) -> Float[np.ndarray, "s 3 3"]:
    """Dipole that each atom moves with, as far entries a = b, Re = 0 of a coupling tell it.

    Least squares, quadrupoles beside it.  The error of that is much alike for all atoms, and
    charges sum to zero: the mean is taken off.  Of DFPT's AlAs and SiC on 4x4x4 this finds 2.18 and
    2.75, where the Born charges are 2.18 and 2.72; with octupoles and the mean left in, 1.6 to 3.4.

    Args:
      model: polar; where its atoms and functions are, and its dielectric tensor.
      g_pscrab: real, dipole fields included, cells modulo the meshes; eV/angstrom.

    Returns:
      [s, field direction, displacement direction], in e, as Born charges are.
    """
    unit, others = _unit_dipoles(model, q_mesh), multipoles.windowed(model, q_mesh, q_mesh, (2,))
    a = np.arange(g_pscrab.shape[-1])
    far_psa = _nearest(model, q_mesh) > _FAR * np.linalg.norm(model.crystal.cell[0])
    found = []
    for s in range(g_pscrab.shape[1]):
        far = far_psa[:, s]
        y_xc = g_pscrab[:, s][:, :, 0, a, a].transpose(0, 2, 1)[far]
        columns = np.concatenate([unit[:, s], others[:, s]], axis=-1)[far]
        size = np.linalg.norm(columns, axis=0)
        amount_xc = np.linalg.lstsq(columns / size, y_xc, rcond=1e-10)[0] / size[:, None]
        found.append(amount_xc[:3])
    return np.stack(found) - np.mean(found, axis=0)


def _without_dipole(model: Model, g_pscrab, q_mesh: Mesh):
    """Take the dipole field of a model material, whose charges are its own, off a = b, Re = 0."""
    if model.long_range is None:
        return g_pscrab
    a = np.arange(g_pscrab.shape[-1])
    charge_sfc = charges(model, g_pscrab, q_mesh)
    found = g_pscrab.copy()
    field_psca = np.einsum("psaf,sfc->psca", _unit_dipoles(model, q_mesh), charge_sfc)
    found[:, :, :, 0, a, a] -= field_psca
    return found


def _unit_dipoles(model: Model, q_mesh: Mesh) -> Float[np.ndarray, "p s a 3"]:
    """Fields of dipoles along the three directions, in cells."""
    unit = np.repeat(np.eye(3)[None], len(model.crystal.positions), axis=0)
    moved = replace(model, long_range=replace(model.long_range, born=unit))
    field_qsca = multipoles.dipole_field(moved, mesh_points(q_mesh))
    return np.moveaxis(to_cells(field_qsca, q_mesh).real, 2, 3)


def _nearest(model: Model, q_mesh: Mesh) -> Float[np.ndarray, "p s a"]:
    """Smallest |Rp + tau_s - w_a| of each class of Rp."""
    atom_tps3 = (phonon_images(q_mesh) @ model.crystal.cell)[:, :, None] + model.crystal.positions
    away = atom_tps3[:, :, :, None] - model.hopping.centres
    return np.linalg.norm(away, axis=-1).min(axis=0)
