"""Matrix elements of the screened potential of moving atoms between Wannier functions.

On the mesh, g_ab(k, q) = <a, k+q| dV(q) |b, k>.  The potential is solved for at one q of each
star and turned to the others by the space group; time reversal gives the other half.
"""

import numpy as np
from jaxtyping import Complex

from ephforge.core.kpoints import mesh_indices, negation_index, point_number
from ephforge.core.symmetry import space_group_operations
from ephforge.threecentre.ground import Ground, Matter
from ephforge.threecentre.orbitals import Functions
from ephforge.threecentre.screening import Answer, answer, applied, steps


def on_mesh(
    matter: Matter, ground: Ground, functions: Functions
) -> Complex[np.ndarray, "q s 3 k a a"]:
    """g of every q and k of the mesh, eV/angstrom."""
    negative_q = negation_index(matter.mesh)
    found = {}
    for q, (source, operation) in enumerate(stars(matter)):
        if q > negative_q[q]:
            continue
        if source == q:
            solved = found.setdefault(q, answer(matter, ground, q))
        else:
            solved = turn(matter, found[source], source, q, operation)
        found_sckab = elements(matter, ground, functions, solved, q)
        if q == 0:
            g_qsckab = np.zeros((len(negative_q), *found_sckab.shape), dtype=complex)
        g_qsckab[q] = found_sckab
        # real potentials and real functions: g(-k, -q) = g(k, q)*
        g_qsckab[negative_q[q]] = found_sckab[:, :, negative_q].conj()
    return g_qsckab


def elements(
    matter: Matter, ground: Ground, functions: Functions, solved: Answer, q: int
) -> Complex[np.ndarray, "s 3 k a a"]:
    """<a, k+q| dV |b, k> of one q and all k."""
    atoms = len(solved.field_scg)
    field_pg = solved.field_scg.reshape(3 * atoms, -1)
    field = matter.waves.positions(solved.index_g3), field_pg
    found = []
    for k, step in enumerate(steps(matter.mesh, q)):
        right_pgb = applied(matter.waves, ground, k, step, field, functions.coefficient_kga[k])
        found.append(functions.coefficient_kga[step.point].conj().T @ right_pgb)
    size = len(functions.centre_a3)
    return np.stack(found, axis=1).reshape(atoms, 3, len(found), size, size)


def stars(matter: Matter) -> list[tuple[int, tuple]]:
    """For each q the first point of its star, and the operation (W, w) that leads from there.

    Operations that do not map the mesh onto itself are left out; stars do not join q and -q.
    """
    crystal, mesh = matter.crystal, np.array(matter.mesh)
    rotations, translations = space_group_operations(
        crystal.cell, crystal.positions, crystal.numbers
    )
    reciprocal = np.rint(np.linalg.inv(rotations).swapaxes(1, 2)).astype(int)
    index_q3 = mesh_indices(matter.mesh)
    negative_q = negation_index(matter.mesh)
    star_q: list = [None] * len(index_q3)
    for q in range(len(index_q3)):
        if star_q[q] is not None:
            continue
        star_q[q] = (q, (np.eye(3, dtype=int), np.zeros(3)))
        if q > negative_q[q]:
            continue
        for turn_33, rotation_33, shift_3 in zip(reciprocal, rotations, translations, strict=True):
            scaled_33 = turn_33 * mesh[:, None] / mesh[None, :]
            if np.any(scaled_33 != np.rint(scaled_33)):
                continue
            image = int(point_number(scaled_33.astype(int) @ index_q3[q], matter.mesh))
            if star_q[image] is None:
                star_q[image] = (q, (rotation_33, shift_3))
    return star_q


def turn(matter: Matter, solved: Answer, source: int, target: int, operation: tuple) -> Answer:
    """The answer at another point of the star.

    x -> W x + w takes atom s to t and a wave of displacements along c with wave vector q to one
    along W c with wave vector W q, and the potential goes along:

        dV_t,d(W K) = sum_c W_dc e^{i q.tau_s - i (W q).tau_t} e^{-i (W G).w} dV_s,c(K)

    with K = q + G.
    """
    crystal = matter.crystal
    rotation_33, shift_3 = operation
    inverse_cell = np.linalg.inv(crystal.cell)
    position_s3 = crystal.positions @ inverse_cell
    moved_s3 = position_s3 @ rotation_33.T + shift_3
    away_st3 = moved_s3[:, None] - position_s3[None]
    away_st3 -= np.rint(away_st3)
    target_s = np.argmin(np.linalg.norm(away_st3 @ crystal.cell, axis=-1), axis=1)
    reciprocal_33 = np.rint(np.linalg.inv(rotation_33).T).astype(int)
    q_3, there_3 = (mesh_indices(matter.mesh)[i] / np.array(matter.mesh) for i in (source, target))
    turned_3 = reciprocal_33 @ q_3
    fold_3 = np.rint(turned_3 - there_3).astype(int)
    turned_g3 = solved.index_g3 @ reciprocal_33.T
    index_g3 = turned_g3 + fold_3
    direction_dc = crystal.cell.T @ rotation_33 @ inverse_cell.T
    field_scg = np.zeros_like(solved.field_scg)
    for s, t in enumerate(target_s):
        phase = np.exp(2j * np.pi * (q_3 @ position_s3[s] - turned_3 @ position_s3[t]))
        # the cell of the image atom: its displacement has the phase of the cell it is in
        phase_g = phase * np.exp(-2j * np.pi * (turned_g3 @ shift_3))
        field_scg[t] = direction_dc @ solved.field_scg[s] * phase_g
    return Answer(index_g3, field_scg)
