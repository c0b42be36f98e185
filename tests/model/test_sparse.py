"""The encoder: its two maps are adjoint, its sum never rises, and it uses degeneracies."""

import dataclasses

import numpy as np
import pytest
from degenerate_blocks import degenerate_block
from material_blocks import make_block
from small_networks import SMALL

from ephforge.core.degeneracy import no_degeneracy, pattern_of
from ephforge.model import sparse
from ephforge.model.codec import scale_of
from ephforge.model.transform import statistics_of

BLOCKS = {
    "seen": degenerate_block("fcc", 1, bands=2, **SMALL),
    "unseen": degenerate_block("zincblende", 2, bands=2, noise=0.5, **SMALL),
}
TRAINING = [BLOCKS["seen"], *(make_block("fcc", i, bands=2, **SMALL) for i in (5, 6, 7))]
STATISTICS = statistics_of(TRAINING)


def dictionary(block):
    return sparse.dictionary_of(block, STATISTICS, pattern_of(block))


def target(block, entries):
    return block.g.reshape(-1, len(entries.root_o)) * entries.root_o / scale_of(block)


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_decoding_and_analysis_are_adjoint(block):
    found, random = dictionary(block), np.random.default_rng(0)
    c_e = random.normal(size=len(found.size_e))
    y_xo = random.normal(size=found.entries.label_xo.shape)
    across = np.sum(found.decode(c_e) * y_xo)
    assert across == pytest.approx(c_e @ found.analyse(found.entries.project(y_xo)), rel=1e-9)
    assert abs(across) > 1e-3


@pytest.mark.parametrize("block", BLOCKS.values(), ids=BLOCKS)
def test_a_tiny_step_gives_the_block_back(block):
    found = dictionary(block)
    y_xo = target(block, found.entries)
    n_e = sparse.integers(found, y_xo, 1e-3)
    left = np.linalg.norm(found.decode(n_e * 1e-3) - y_xo) / np.linalg.norm(y_xo)
    assert left < 1e-3
    coarse = sparse.integers(found, y_xo, 0.3)
    assert np.abs(coarse).sum() < 0.02 * np.abs(n_e).sum()


@pytest.mark.parametrize("step", [0.02, 0.2])
def test_the_sum_never_rises_over_integer_steps(monkeypatch, step):
    block = BLOCKS["seen"]
    found = dictionary(block)
    y_xo = target(block, found.entries)
    wrong_e = np.random.default_rng(0).integers(-2, 3, len(found.size_e))
    n_e = np.rint(found.analyse(y_xo) / step) + wrong_e
    sums = []
    for steps in range(6):
        monkeypatch.setattr(sparse, "INTEGER_STEPS", steps)
        settled = sparse._settled(found, y_xo, step, n_e)
        sums.append(sparse._cost(found, y_xo, step, settled)[0])
    assert np.all(np.diff(sums) <= 0)
    assert sums[-1] < sums[0]


def test_the_cost_is_the_error_and_the_price_of_the_integers():
    """Student's t with three degrees of freedom, by the library."""
    from scipy.stats import t

    found, step = dictionary(BLOCKS["seen"]), 0.1
    y_xo = target(BLOCKS["seen"], found.entries)
    n_e = sparse.integers(found, y_xo, step)
    scale_e = sparse.WIDTH * found.size_e / step
    share_e = t(3).cdf((n_e + 0.5) / scale_e) - t(3).cdf((n_e - 0.5) / scale_e)
    error = np.linalg.norm(y_xo - found.decode(n_e * step)) ** 2
    price = sparse.WEIGHT * step**2 * -np.log2(np.maximum(share_e, 1e-9)).sum()
    assert sparse._cost(found, y_xo, step, n_e)[0] == pytest.approx(error + price, rel=1e-5)


def test_what_is_degenerate_costs_less_when_the_dictionary_knows_it():
    block, step = BLOCKS["unseen"], 0.05
    free = no_degeneracy(block.orbits, len(block.g), block.g.shape[2])
    bits, errors = [], []
    for pattern in (pattern_of(block), free):
        found = sparse.dictionary_of(block, STATISTICS, pattern)
        y_xo = target(block, found.entries)
        n_e = sparse.integers(found, y_xo, step)
        bits.append(sparse._bits(n_e, found.size_e / step).sum())
        errors.append(np.linalg.norm(found.decode(n_e * step) - y_xo) / np.linalg.norm(y_xo))
    assert errors[0] < 0.9 * errors[1] < 0.15
    assert bits[0] < 1.01 * bits[1]


def test_a_step_of_so_many_units_leaves_as_much_on_every_mesh():
    """Of noise, so that no mesh is smoother than another; rounding: one step in root of twelve."""
    left = []
    for mesh in ((2, 2, 2), (4, 4, 4)):
        block = make_block("fcc", 3, bands=2, k_mesh=mesh, q_mesh=mesh)
        noise = np.random.default_rng(0).exponential(size=block.g.shape).astype(np.float32)
        block = dataclasses.replace(block, g=noise)
        found = dictionary(block)
        step = 0.05 * found.unit
        y_xo = found.entries.project(target(block, found.entries))
        n_e = sparse.integers(found, y_xo, step)
        left.append(np.linalg.norm(found.decode(n_e * step) - y_xo) / np.linalg.norm(y_xo))
    assert left[0] == pytest.approx(left[1], rel=0.3)
    assert sparse.unit(4 * sparse.ORBITS) == 0.5
