"""A small epr.h5 made of random numbers, and its sums as perturbo.x takes them.

Both follow the published sources of Perturbo and share nothing with the package: lists of
cells by nested loops, Fortran's arrays with their axes reversed, rydberg units throughout.
"""

import itertools

import h5py
import numpy as np

ALAT = 7.3  # bohr
AT = np.array([[1.0, 0.1, 0.0], [0.2, 0.9, 0.1], [0.0, 0.15, 1.2]])
TAU = np.array([[0.0, 0.0, 0.0], [0.55, 0.5, 0.62]])  # alat
CENTRES = np.array([[0.05, 0.02, 0.01], [0.5, 0.45, 0.4], [0.3, 0.7, 0.9]])  # fractional
K_MESH, Q_MESH = (2, 3, 1), (2, 1, 2)


def cells_of_pair(at, mesh, shift):
    """Cells, in order, that bring the second centre of a pair nearest to the first."""
    found = []
    for k, j, i in itertools.product(*(range(n) for n in mesh[::-1])):
        near = []
        for mk, mj, mi in itertools.product(range(-3, 4), repeat=3):
            cell = np.array([mi * mesh[0] + i, mj * mesh[1] + j, mk * mesh[2] + k])
            near.append((np.linalg.norm((cell + shift) @ at), cell))
        shortest = min(length for length, _ in near)
        found += [cell for length, cell in near if length < shortest + 1e-6]
    return np.array(found)


def triangle(size):
    """Pairs (1,1), (1,2), (2,2), (1,3), ..., counted from 0."""
    return [(first, second) for second in range(size) for first in range(second + 1)]


def opposite(cells):
    """Where -R stands for each R of a list."""
    return [int(np.flatnonzero(np.all(cells == -cell, axis=1))[0]) for cell in cells]


def write_by_hand(path, polar=True, seed=0):
    """Random numbers in every dataset that qe2pert.x writes."""
    random = np.random.default_rng(seed)
    tau = TAU @ np.linalg.inv(AT)
    with h5py.File(path, "w") as file:
        basic = file.create_group("basic_data")
        basic["num_wann"], basic["nat"] = len(CENTRES), len(TAU)
        basic["kc_dim"], basic["qc_dim"] = np.array(K_MESH), np.array(Q_MESH)
        basic["volume"] = abs(np.linalg.det(AT)) * ALAT**3
        basic["alat"], basic["at"], basic["bg"] = ALAT, AT, np.linalg.inv(AT).T
        basic["nsym"], basic["symop"] = 1, np.eye(3, dtype=int)[None]
        basic["polar_alpha"], basic["loto_alpha"] = 0.8, 1.0
        basic["spinor"], basic["lpolar"], basic["system_2d"] = 0, int(polar), 0
        basic["mass"] = np.array([28.085, 74.92]) * 911.4442431
        basic["tau"] = TAU
        basic["wannier_center_cryst"], basic["wannier_center"] = CENTRES, CENTRES @ AT
        charge = random.normal(size=(3, 3)) + 2 * np.eye(3)
        basic["zstar"] = polar * np.stack([charge, -charge])
        basic["epsil"] = np.diag([5.0, 6.0, 7.0])
        for n, (a, b) in enumerate(triangle(3)):
            cells = cells_of_pair(AT, K_MESH, CENTRES[b] - CENTRES[a])
            hop = random.normal(size=len(cells)) + 1j * random.normal(size=len(cells))
            if a == b:
                hop = (hop + hop[opposite(cells)].conj()) / 2
            file[f"electron_wannier/hopping_r{n + 1}"] = hop.real
            file[f"electron_wannier/hopping_i{n + 1}"] = hop.imag
        for n, (s, t) in enumerate(triangle(2)):
            cells = cells_of_pair(AT, Q_MESH, tau[t] - tau[s])
            block = random.normal(size=(len(cells), 3, 3))
            if s == t:
                block = (block + block[opposite(cells)].swapaxes(1, 2)) / 2
            file[f"force_constant/ifc{n + 1}"] = block
        for s, n, m in np.ndindex(2, 3, 3):
            shape = (
                len(cells_of_pair(AT, Q_MESH, tau[s] - CENTRES[m])),
                len(cells_of_pair(AT, K_MESH, CENTRES[n] - CENTRES[m])),
                3,
            )
            for part in "ri":
                name = f"eph_matrix_wannier/ep_hop_{part}_{s + 1}_{n + 1}_{m + 1}"
                file[name] = random.normal(size=shape)


def sums_by_hand(path, k, q):
    """H(k), Ry; force constants at q without dipoles, Ry/bohr^2; dV/du(k, q), Ry/bohr."""

    def waves(point, cells):
        return np.exp(2j * np.pi * cells @ point)

    with h5py.File(path) as file:
        basic = {name: data[()] for name, data in file["basic_data"].items()}
        at, centres = basic["at"], basic["wannier_center_cryst"]
        tau = basic["tau"] @ np.linalg.inv(at)
        k_mesh, q_mesh = basic["kc_dim"], basic["qc_dim"]
        atoms, size = basic["nat"], basic["num_wann"]
        h = np.zeros((size, size), complex)
        phi = np.zeros((atoms, 3, atoms, 3), complex)
        g = np.zeros((atoms, 3, size, size), complex)
        for n, (a, b) in enumerate(triangle(size)):
            group = file["electron_wannier"]
            hop = group[f"hopping_r{n + 1}"][()] + 1j * group[f"hopping_i{n + 1}"][()]
            h[a, b] = waves(k, cells_of_pair(at, k_mesh, centres[b] - centres[a])) @ hop
            h[b, a] = h[a, b].real if a == b else h[a, b].conj()
        for n, (s, t) in enumerate(triangle(atoms)):
            wave = waves(q, cells_of_pair(at, q_mesh, tau[t] - tau[s]))
            block = np.tensordot(wave, file[f"force_constant/ifc{n + 1}"][()], 1).T
            phi[s, :, t] = block if s != t else (block + block.conj().T) / 2
            if s != t:
                phi[t, :, s] = block.conj().T
        for s, n, m in np.ndindex(atoms, size, size):
            parts = (
                file[f"eph_matrix_wannier/ep_hop_{part}_{s + 1}_{n + 1}_{m + 1}"][()]
                for part in "ri"
            )
            wave_p = waves(q, cells_of_pair(at, q_mesh, tau[s] - centres[m]))
            wave_e = waves(k, cells_of_pair(at, k_mesh, centres[n] - centres[m]))
            real, imaginary = (np.einsum("p,e,pec->c", wave_p, wave_e, part) for part in parts)
            g[s, :, m, n] = real + 1j * imaginary
    return h, phi, g
