"""Descriptors of blocks against sums over the full grid, and on maps of known form."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block

from ephforge.coverage.descriptors import DESCRIPTORS, compared, describe


@pytest.mark.parametrize("prototype", ["fcc", "zincblende", "cscl"])
def test_sums_over_orbits_are_sums_over_the_grid(prototype):
    block = make_block(prototype, 4, bands=3)
    g = block.g[..., block.orbits.orbit_kq]
    found = describe(block)
    square = g**2
    assert np.isclose(found["g_rms"], np.sqrt(square.mean()))
    assert np.isclose(found["g_kurtosis"], (g**4).mean() / square.mean() ** 2)
    assert np.isclose(found["optical_share"], square[:, :, 3:].sum() / square.sum())
    same = sum(square[m, m].sum() for m in range(3))
    assert np.isclose(found["interband_share"], 1 - same / square.sum())
    over_k, over_q = square.mean(axis=(0, 1, 2, 4)), square.mean(axis=(0, 1, 2, 3))
    assert np.isclose(found["k_variation"], over_k.std() / over_k.mean())
    assert np.isclose(found["q_variation"], over_q.std() / over_q.mean())
    share = np.linalg.svd(g.reshape(-1, g.shape[-1]), compute_uv=False) ** 2
    assert np.isclose(found["map_rank"], share.sum() ** 2 / np.sum(share**2))
    assert np.isclose(found["phonon_top"], 1000 * block.frequencies.max())
    assert set(found) == set(DESCRIPTORS)


def test_a_constant_coupling():
    block = make_block("diamond", 0, bands=2)
    block = dataclasses.replace(block, g=np.full_like(block.g, 20.0))
    found = describe(block)
    expected = {"g_rms": 20, "g_kurtosis": 1, "optical_share": 0.5, "interband_share": 0.5}
    expected |= {"k_variation": 0, "q_variation": 0, "map_rank": 1}
    for key, value in expected.items():
        assert np.isclose(found[key], value, atol=1e-7), key


def test_one_atom_has_no_optical_modes():
    found = describe(make_block("fcc", 1))
    assert found["optical_share"] == 0
    assert found["acoustic_top"] == found["phonon_top"]


def test_a_finer_mesh_tells_nearly_the_same():
    coarse, fine = (
        describe(make_block("fcc", 5, k_mesh=mesh, q_mesh=mesh, noise=0.0))
        for mesh in ((4, 4, 4), (6, 6, 6))
    )
    for key in ("g_rms", "g_kurtosis", "interband_share", "map_rank"):
        assert np.isclose(coarse[key], fine[key], rtol=0.02), key


def test_scales_are_compared_by_their_logarithm():
    values = dict.fromkeys(DESCRIPTORS, 0.1)
    found = dict(zip(DESCRIPTORS, compared(values, DESCRIPTORS), strict=True))
    assert found["g_rms"] == -1
    assert found["optical_share"] == 0.1
