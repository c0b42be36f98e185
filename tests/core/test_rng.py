"""Random streams are addressed: nothing depends on what was drawn before."""

import numpy as np

from ephforge.core.rng import generator


def test_a_stream_does_not_depend_on_order():
    alone = generator(7, 1234, "structure").normal(size=5)
    for material in range(10):
        generator(7, material, "structure").normal(size=material)
    np.testing.assert_array_equal(generator(7, 1234, "structure").normal(size=5), alone)


def test_seed_material_and_purpose_give_other_streams():
    keys = [(s, m, p) for s in (0, 1) for m in (0, 1) for p in ("structure", "electrons")]
    draws = {key: tuple(generator(*key).random(4)) for key in keys}
    assert len(set(draws.values())) == len(keys)


def test_streams_of_neighbours_are_uncorrelated():
    draws = np.stack([generator(0, material, "structure").random(400) for material in range(40)])
    correlation = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlation).max() < 5 / np.sqrt(400)
    assert abs(draws.mean() - 0.5) < 5 * np.sqrt(1 / 12 / draws.size)
