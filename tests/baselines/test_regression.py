"""Linear refinement: exact where the hidden numbers are linear in the given ones."""

import dataclasses

import numpy as np
from material_blocks import make_block
from sklearn.linear_model import Ridge

from ephforge.baselines import regression
from ephforge.baselines.measure import relative_error
from ephforge.core.blocks import on_grid
from ephforge.core.symmetry import given_orbits


def given(block):
    return given_orbits(block.orbits, block.q_mesh, (2, 2, 2))


def test_agrees_with_scikit_learn():
    blocks = [make_block("fcc", seed, bands=1) for seed in range(4)]
    target = make_block("fcc", 9, bands=1)
    given_o, size = given(target), np.sqrt(target.orbits.size_o)
    rows = np.concatenate(
        [(b.g * size / np.linalg.norm(b.g * size)).reshape(3, -1) for b in blocks]
    )
    strength = 1e-2
    alpha = strength * (rows[:, given_o] ** 2).sum() / given_o.sum()
    oracle = Ridge(alpha=alpha, fit_intercept=False).fit(rows[:, given_o], rows)
    expected = oracle.predict((target.g * size).reshape(3, -1)[:, given_o]) / size
    expected = (expected + expected[:, target.orbits.partner_o]) / 2
    fitted = regression.fit(blocks, [given(b) for b in blocks])
    found = regression.refine(fitted, target, given_o, strength)
    assert np.allclose(found[0, 0], expected[:, target.orbits.orbit_kq])


def test_learns_a_law_exactly():
    """Maps that are mixtures of three fixed ones follow from a few of their values."""
    patterns = [make_block("fcc", seed, noise=0.3, bands=1).g[0, 0, 0] for seed in range(3)]
    random = np.random.default_rng(5)
    example = make_block("fcc", bands=1)

    def mixture():
        return dataclasses.replace(
            example, g=(random.uniform(0.5, 1, size=(3, 3)) @ np.array(patterns))[None, None]
        )

    blocks, target = [mixture() for _ in range(8)], mixture()
    fitted = regression.fit(blocks, [given(b) for b in blocks])
    found = regression.refine(fitted, target, given(target), 1e-12)
    assert relative_error(found, on_grid(target)) < 1e-5


def test_an_unknown_lattice_is_none():
    block = make_block("fcc")
    fitted = regression.fit([block], [given(block)])
    other = make_block("cscl")
    assert regression.refine(fitted, other, given(other), 1.0) is None
