"""Packing and orbit means, against loops over pairs."""

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.baselines.symmetric import (
    irreducible_columns,
    orbit_mean,
    pack,
    spread,
    unpack,
    weight_pvo,
)
from ephforge.core.blocks import on_grid


def test_orbit_mean_equals_the_loop():
    block = make_block("cscl", k_mesh=(2, 2, 2), q_mesh=(2, 2, 2))
    noise = np.random.default_rng(0).normal(size=on_grid(block).shape)
    mean = orbit_mean(noise, block.orbits)
    for o in range(len(block.orbits.size_o)):
        members = noise[..., block.orbits.orbit_kq == o]
        assert np.allclose(mean[..., o], members.mean(axis=-1))


@pytest.mark.parametrize("prototype", ["fcc", "zincblende"])
def test_packing_is_exact_and_keeps_the_norm(prototype):
    block = make_block(prototype)
    grid = on_grid(block)
    x_pvo = pack(grid, block.orbits)
    assert np.allclose(spread(unpack(x_pvo, block.orbits, 2), block.orbits), grid)
    norm = np.linalg.norm(x_pvo * weight_pvo(block.orbits, 2))
    assert norm == pytest.approx(np.linalg.norm(grid))


def test_irreducible_columns_count_every_q_once():
    block = make_block("fcc")
    first, size = irreducible_columns(block.orbits)
    assert size.sum() == 64
    assert len(first) == 8  # special points of the fcc 4x4x4 mesh
    assert sorted(size.tolist()) == [1, 3, 4, 6, 6, 8, 12, 24]
