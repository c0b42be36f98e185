"""The linear guess: the mean of the normal distribution that it assumes, by dense algebra."""

import dataclasses

import numpy as np
import pytest
from material_blocks import make_block
from small_networks import SMALL

from ephforge.core.symmetry import given_orbits
from ephforge.model import guess
from ephforge.model.codec import normalised
from ephforge.model.geometry import geometry_of
from ephforge.model.guess import guess_of
from ephforge.model.transform import components_of, parts_of, statistics_of, variances_of

MANY = [make_block("fcc", i, bands=2, noise=0.5, **SMALL) for i in range(12)]
FEW = [make_block("cscl", i, bands=2, **SMALL) for i in range(3)]
STATISTICS = statistics_of([*MANY, *FEW])
UNSEEN = {
    "components": make_block("fcc", 50, bands=2, noise=0.5, **SMALL),
    "no components": make_block("cscl", 51, bands=2, **SMALL),
    "unseen class": make_block("zincblende", 52, bands=2, **SMALL),
    "one band": make_block("fcc", 53, bands=1, **SMALL),
}


def given_orbits_of(block, seed=0):
    given_o = np.random.default_rng(seed).random(len(block.orbits.size_o)) < 0.4
    given_o[0] = True
    return given_o


def dense_covariance(block, factor=1.0, weakest=0.0):
    """Of Y[o, x] with rms 1, flattened, and the noise that keeps it invertible on given orbits;
    what components leave is `factor` times as strong, no channel weaker than `weakest`."""
    parts = parts_of(block, STATISTICS)
    variances = variances_of(block, STATISTICS, parts)
    n = len(block.orbits.size_o) * block.g[..., 0].size
    covariance, noise, columns = np.zeros((n, n)), np.zeros((n, n)), []
    for part, variance_ic in zip(parts, variances, strict=True):
        if not variance_ic.size:
            continue
        share_c = variance_ic.sum(axis=0) / variance_ic.sum()
        share_c = factor * np.maximum(share_c, weakest / len(share_c))
        channel_xx = (part.channel_xc * share_c) @ part.channel_xc.T
        moment_oo = (part.basis_oi * variance_ic.sum(axis=1)) @ part.basis_oi.T
        covariance += np.kron(moment_oo, channel_xx)
        mean = np.diag(moment_oo).mean()
        noise += guess.JITTER * mean * np.kron(np.eye(len(moment_oo)), channel_xx)
        columns.append(np.einsum("oi,xc->oxic", part.basis_oi, part.channel_xc).reshape(n, -1))
    component_er, size_r = components_of(block, STATISTICS)
    if len(size_r):
        scaled = np.concatenate(columns, axis=1) @ component_er * size_r
        covariance += scaled @ scaled.T
    return covariance, noise


@pytest.mark.parametrize("factor", [1.0, 16.0])
@pytest.mark.parametrize("block", UNSEEN.values(), ids=UNSEEN)
def test_the_guess_is_the_conditional_mean(block, factor, monkeypatch):
    monkeypatch.setattr(guess, "FACTORS", np.array([factor]))
    given_o = given_orbits_of(block)
    covariance, noise = dense_covariance(block, factor)
    known = np.repeat(given_o, block.g[..., 0].size)
    root_o = np.sqrt(geometry_of(block).weight_o.astype(float))[:, None, None, None]
    g_omnv = normalised(block)
    y = (g_omnv * root_o).ravel()
    inside = (covariance + noise)[np.ix_(known, known)]
    expected = covariance[:, known] @ np.linalg.lstsq(inside, y[known], rcond=1e-9)[0]
    expected_omnv = expected.reshape(g_omnv.shape) / root_o
    found_omnv = guess_of(block, STATISTICS, given_o)(g_omnv)
    scale = np.abs(expected_omnv[~given_o]).max()
    np.testing.assert_allclose(found_omnv[~given_o], expected_omnv[~given_o], atol=2e-3 * scale)
    assert scale > 0.1


@pytest.mark.parametrize("block", UNSEEN.values(), ids=UNSEEN)
def test_what_is_given_comes_back_and_nothing_else_is_seen(block):
    given_o = given_orbits_of(block)
    found = guess_of(block, STATISTICS, given_o)
    g_omnv = normalised(block)
    other = np.where(given_o[:, None, None, None], g_omnv, 7.0).astype(np.float32)
    np.testing.assert_array_equal(found(g_omnv), found(other))
    np.testing.assert_array_equal(found(g_omnv)[given_o], g_omnv[given_o])


def test_the_centre_of_the_zone_alone_is_enough():
    """Odd parts vanish there."""
    block = UNSEEN["components"]
    given_o = given_orbits(block.orbits, block.q_mesh, (1, 1, 1))
    assert np.all(block.orbits.partner_o[given_o] == np.flatnonzero(given_o))
    found = guess_of(block, STATISTICS, given_o)
    g_omnv = normalised(block)
    miss = np.linalg.norm((found(g_omnv) - g_omnv)[~given_o])
    assert miss < 0.9 * np.linalg.norm(g_omnv[~given_o])
    assert 0 < found.expected_miss < 1


def test_components_pay():
    block = UNSEEN["components"]
    given_o, g_omnv = given_orbits_of(block), normalised(block)
    without = dataclasses.replace(STATISTICS, components={}, scores={})
    misses = [
        np.linalg.norm((guess_of(block, s, given_o)(g_omnv) - g_omnv)[~given_o])
        for s in (STATISTICS, without)
    ]
    assert misses[0] < 0.95 * misses[1]


@pytest.mark.parametrize("name", ["components", "no components"])
def test_the_expected_miss_is_that_of_draws(name):
    block = UNSEEN[name]
    given_o = given_orbits_of(block)
    found = guess_of(block, STATISTICS, given_o)
    covariance, _ = dense_covariance(block)
    value, vector = np.linalg.eigh(covariance)
    root_o = found.root_o[:, None, None, None]
    random, misses, wholes = np.random.default_rng(0), [], []
    for _ in range(300):
        y = vector @ (np.sqrt(np.maximum(value, 0)) * random.normal(size=len(value)))
        g_omnv = y.reshape(len(given_o), *block.g.shape[:3]) / root_o
        left = (found(g_omnv) - g_omnv) * root_o
        misses.append(np.sum(left[~given_o] ** 2))
        wholes.append(np.sum((g_omnv * root_o)[~given_o] ** 2))
    assert found.expected_miss == pytest.approx(np.sqrt(np.sum(misses) / np.sum(wholes)), rel=0.03)


@pytest.mark.parametrize("size", [1.0, 10.0])
def test_the_factor_is_that_of_the_largest_likelihood(size, monkeypatch):
    """By dense algebra, where what components leave is as expected and where it is far stronger."""
    block = UNSEEN["components"]
    given_o, random = given_orbits_of(block), np.random.default_rng(1)
    known = np.repeat(given_o, block.g[..., 0].size)
    covariance, _ = dense_covariance(block, size**2, guess.WEAKEST)
    value, vector = np.linalg.eigh(covariance)
    y = vector @ (np.sqrt(np.maximum(value, 0)) * random.normal(size=len(value)))
    found = guess_of(block, STATISTICS, given_o)
    likelihood = []
    for factor in guess.FACTORS:
        inside = sum(dense_covariance(block, factor, guess.WEAKEST))[np.ix_(known, known)]
        _, logarithm = np.linalg.slogdet(inside)
        likelihood.append(-(y[known] @ np.linalg.solve(inside, y[known]) + logarithm) / 2)
    best = guess.FACTORS[int(np.argmax(likelihood))]
    assert (best > 1) == (size > 1)
    g_omnv = y.reshape(len(given_o), *block.g.shape[:3]) / found.root_o[:, None, None, None]
    chosen = found(g_omnv)
    monkeypatch.setattr(guess, "FACTORS", np.array([best]))
    np.testing.assert_array_equal(chosen, found(g_omnv))
    monkeypatch.setattr(guess, "FACTORS", np.array([1024.0]))
    assert not np.allclose(chosen, found(g_omnv), atol=1e-3)
