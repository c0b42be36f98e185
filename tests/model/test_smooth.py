"""The smooth field: its moment is that of the definition; it guesses better than means do."""

import dataclasses
import itertools

import numpy as np
import pytest
from material_blocks import make_block
from small_networks import small_codec

from ephforge.baselines.interpolation import coarse_points
from ephforge.baselines.measure import relative_error
from ephforge.core.blocks import on_grid
from ephforge.core.kpoints import mesh_indices, mesh_points
from ephforge.core.symmetry import given_orbits
from ephforge.model.geometry import geometry_of
from ephforge.model.smooth import DECAY, smooth_moment
from ephforge.model.transform import statistics_of


def shortest(vectors_x3, mesh, cell_33):
    images_i3 = np.array(list(itertools.product(range(-2, 3), repeat=3))) * mesh
    return np.linalg.norm((vectors_x3[:, None] + images_i3) @ cell_33, axis=-1).min(axis=1)


@pytest.mark.parametrize("prototype", ["zincblende", "cscl"])
def test_moment_is_the_sum_over_all_pairs_of_vectors(prototype):
    block = make_block(prototype, k_mesh=(4, 4, 2), q_mesh=(2, 2, 2))
    k_mesh, q_mesh, cell_33 = block.k_mesh, block.q_mesh, block.crystal.cell
    r3, p3 = mesh_indices(k_mesh), mesh_indices(q_mesh)
    pair_r3 = np.repeat(r3, len(p3), axis=0)
    pair_p3 = np.tile(p3, (len(r3), 1))
    apart_y = shortest(pair_r3, k_mesh, cell_33) + shortest(pair_p3, q_mesh, cell_33)
    apart_y = apart_y + shortest(pair_r3 - pair_p3, q_mesh, cell_33)
    variance_y = np.exp(-DECAY * apart_y / np.linalg.norm(cell_33, axis=1).min())
    variance_y[0] = 0.0
    phase_kr, phase_qp = mesh_points(k_mesh) @ r3.T, mesh_points(q_mesh) @ p3.T
    wave_xy = np.exp(2j * np.pi * (phase_kr[:, None, :, None] + phase_qp[None, :, None, :]))
    wave_xy = wave_xy.reshape(len(r3) * len(p3), -1)
    moment_xx = ((wave_xy * variance_y) @ wave_xy.conj().T).real
    orbit_x = block.orbits.orbit_kq.ravel()
    share_ox = (orbit_x == np.arange(orbit_x.max() + 1)[:, None]) / np.sqrt(
        block.orbits.size_o[:, None]
    )
    moment_oo = share_ox @ moment_xx @ share_ox.T
    size_o = block.orbits.size_o
    moment_oo += np.sqrt(np.outer(size_o, size_o)) / size_o.sum() * np.trace(moment_oo)  # the mean
    assert np.allclose(smooth_moment(block), moment_oo / np.trace(moment_oo), atol=1e-10)


def test_moment_knows_of_hermiticity_and_is_positive():
    block = make_block("rocksalt")
    moment_oo = smooth_moment(block)
    partner_o = geometry_of(block).partner_o
    assert np.allclose(moment_oo, moment_oo[np.ix_(partner_o, partner_o)])
    assert np.linalg.eigvalsh(moment_oo).min() > 0


def test_a_mesh_that_nothing_was_learned_of_is_refined_better_than_by_means():
    learned = [make_block("diamond", i, k_mesh=(2, 2, 2), q_mesh=(2, 2, 2)) for i in range(2)]
    codec = small_codec(statistics_of(learned)).linear_part
    block, coarse = make_block("rocksalt", 7, noise=0.0), (2, 2, 2)
    block = dataclasses.replace(block, g=block.g - block.g.min(), g_grid=None)
    hidden_q = np.ones(block.orbits.orbit_kq.shape[1], bool)
    hidden_q[coarse_points(coarse, block.q_mesh)] = False

    def miss(g_mnvkq):
        return relative_error(g_mnvkq[..., hidden_q], on_grid(block)[..., hidden_q])

    given = on_grid(block)[..., ~hidden_q].mean(axis=(-1, -2), keepdims=True)
    guess = codec.refine(block, given_orbits(block.orbits, block.q_mesh, coarse))
    mean = np.broadcast_to(given, on_grid(block).shape)
    assert miss(guess[..., block.orbits.orbit_kq]) < 0.8 * miss(mean)
