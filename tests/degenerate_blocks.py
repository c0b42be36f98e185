"""Made-up blocks with degenerate bands and modes, shared equally as the kernel shares them."""

import dataclasses

import numpy as np
from material_blocks import make_block

from ephforge.core.degeneracy import pattern_of
from ephforge.core.differences import differences_of
from ephforge.core.kpoints import negation_index, sum_index
from ephforge.core.order import Order


def degenerate_block(prototype="zincblende", seed=0, bands=3, **keywords):
    """Energies are constant on stars; bands 0 and 1, and modes 0, 1 and 2, often coincide."""
    block = make_block(prototype, seed, bands=bands, **keywords)
    random = np.random.default_rng(seed)
    k_star, q_star = block.orbits.orbit_kq[:, 0], block.orbits.orbit_kq[0]
    n = int(block.orbits.orbit_kq.max()) + 1
    energies = np.sort(random.normal(size=(n, bands)))[k_star]
    joined_k = random.random(n)[k_star] < 0.6
    energies[joined_k, 1] = energies[joined_k, 0] + 5e-5
    frequencies = np.sort(0.02 * np.abs(random.normal(size=(n, block.g.shape[2]))))[q_star]
    joined_q = random.random(n)[q_star] < 0.6
    frequencies[joined_q, 1:3] = frequencies[joined_q, :1] + [3e-5, 6e-5]
    block = dataclasses.replace(block, energies=energies, frequencies=frequencies)
    label_xo = brute_force_labels(block)
    total = np.bincount(label_xo.ravel(), (block.g.reshape(label_xo.shape) * sizes(block)).ravel())
    count = np.bincount(label_xo.ravel(), np.broadcast_to(sizes(block), label_xo.shape).ravel())
    return dataclasses.replace(block, g=(total / count)[label_xo].reshape(block.g.shape))


def interpolated_block(seed=0, share=0.05, **keywords):
    """Hermitian partners differ by a share of |g|, as off the meshes of a first-principles run."""
    block = degenerate_block(seed=seed, **keywords)
    odd = differences_of(block, pattern_of(block))
    random = np.random.default_rng([seed, 1])
    change_d = share * odd.mean(block.g.reshape(odd.label_xo.shape))
    change_d *= random.choice([-1.0, 1.0], len(change_d)) * np.sqrt(odd.weight_d)
    change = (odd.spread(change_d) / odd.root_o).reshape(block.g.shape)
    return dataclasses.replace(block, g=np.maximum(block.g + change, 0))


def random_order(pattern, seed, share=1.0):
    """Groups of a share of the stars in an order of their own."""
    random = np.random.default_rng(seed)
    tables = []
    for ends_sp in pattern:
        rows = []
        for ends_p in ends_sp:
            runs = np.split(np.arange(ends_p.size + 1), np.flatnonzero(ends_p) + 1)
            if random.random() < share:
                runs = [runs[i] for i in random.permutation(len(runs))]
            rows.append(np.concatenate(runs))
        tables.append(np.array(rows))
    return Order(*tables)


def sizes(block):
    return block.orbits.size_o.astype(float)


def brute_force_labels(block, tolerance=1e-4):
    """Classes of numbers that must be equal, by a loop over orbits and pairs of channels."""
    m, _, v, n_orbits = block.g.shape
    final_kq, minus_q = sum_index(block.k_mesh, block.q_mesh), negation_index(block.q_mesh)
    number = np.arange(block.g.size).reshape(block.g.shape)
    root = list(range(block.g.size))

    def find(i):
        while root[i] != i:
            i = root[i]
        return i

    for o in range(n_orbits):
        k, q = block.orbits.representative_o2[o]
        final = final_kq[k, q]
        partner = block.orbits.orbit_kq[final, minus_q[q]]
        m_m, n_n = (_together(block.energies[i], tolerance) for i in (final, k))
        v_v = _together(block.frequencies[q], tolerance)
        for a, b, c in np.ndindex(m, m, v):
            here = number[a, b, c, o]
            same = number[..., o][np.ix_(m_m[a], n_n[b], v_v[c])].ravel()
            for other in (*same, number[b, a, c, partner]):
                root[find(int(other))] = find(int(here))
    found = np.array([find(i) for i in range(block.g.size)])
    return np.unique(found, return_inverse=True)[1].reshape(-1, n_orbits)


def _together(energy_n, tolerance):
    """Which states are linked to each by steps of at most the tolerance."""
    n = len(energy_n)
    return np.array(
        [
            [np.all(np.diff(energy_n)[min(i, j) : max(i, j)] <= tolerance) for j in range(n)]
            for i in range(n)
        ]
    )
