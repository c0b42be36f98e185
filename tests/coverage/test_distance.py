"""Quantiles and scores on clouds of known law; an outlier that must be found."""

import numpy as np
import pytest
from scipy.stats import norm

from ephforge.coverage.distance import cloud_of, overlap_coefficient, place, quantile


def cloud(count=600, families=60, seed=0, dimensions=4):
    """Families are narrow clouds about centres of a normal law; axes correlated, units unlike."""
    random = np.random.default_rng(seed)
    mix = random.normal(size=(dimensions, dimensions)) * np.logspace(0, 3, dimensions)
    centre = random.normal(size=(families, dimensions))
    family = np.arange(count) % families
    values = centre[family] + 0.1 * random.normal(size=(count, dimensions))
    return values @ mix, [str(f) for f in family], mix, random


def test_quantiles_of_a_known_law():
    values = np.sort(np.random.default_rng(0).normal(size=20_000))
    for x in (-1.6, 0.0, 0.7):
        assert abs(quantile(values, x) - norm.cdf(x)) < 0.01
    assert quantile(np.array([1.0, 1.0, 2.0, 3.0]), 1.0) == 0.25
    assert quantile(values, 99.0) == 1.0


def test_an_outlier_is_found_and_a_member_is_not():
    values, families, mix, _ = cloud()
    found = cloud_of(values, families)
    outlier = place(found, np.array([0.0, 12.0, 0, 0]) @ mix, 3)
    assert outlier.score == outlier.mahalanobis_score == 1.0
    middle = place(found, np.zeros(4), 3)
    assert middle.mahalanobis_score < 0.05
    assert middle.score < 0.9


def test_scores_of_new_families_are_uniform():
    values, families, mix, random = cloud(1200, 400)
    found = cloud_of(values, families)
    new = random.normal(size=(400, 4)) @ mix
    scores = np.array([place(found, value, 1).score for value in new])
    assert 0.4 < scores.mean() < 0.6
    assert 0.01 < np.mean(scores > 0.95) < 0.12


def test_units_do_not_matter():
    values, families, _, _ = cloud()
    target = values[17] + 0.3 * values.std(axis=0)
    one = place(cloud_of(values, families), target, 8)
    unit = np.array([1e-3, 1, 1e3, 7])
    two = place(cloud_of(values * unit, families), target * unit, 8)
    assert np.array_equal(one.neighbour_j, two.neighbour_j)
    assert np.allclose(one.distance_j, two.distance_j)


def test_a_descriptor_given_twice_counts_once():
    values, families, _, _ = cloud()
    twice = np.hstack([values, values[:, :1]])
    target = values[17] + 0.3 * values.std(axis=0)
    one = place(cloud_of(values, families), target, 1)
    two = place(cloud_of(twice, families), np.append(target, target[0]), 1)
    assert one.neighbour_j[0] == two.neighbour_j[0]
    assert np.isclose(one.distance_j[0], two.distance_j[0], rtol=0.1)


def test_held_out_distances_by_brute_force():
    values, families, _, _ = cloud(60, 6)
    found = cloud_of(values, families)
    points, names = found.point_ie, np.array(families)
    expected = []
    for point, name in zip(points, names, strict=True):
        others = np.sort(np.linalg.norm(points[names != name] - point, axis=1))
        expected.append(others[:5].mean())
    assert np.allclose(found.nearest_i, np.sort(expected))


@pytest.mark.parametrize(("count", "families"), [(3, 1), (3, 3), (4, 2)])
def test_few_materials_are_enough(count, families):
    values = np.arange(2.0 * count).reshape(count, 2) ** 2
    found = cloud_of(values, [str(i % families) for i in range(count)])
    assert np.all(np.isfinite(found.nearest_i))
    assert place(found, values[0], 5).neighbour_j[0] == 0


def test_a_descriptor_that_never_varies_is_harmless():
    values, families, _, _ = cloud()
    values[:, 2] = 7.0
    found = cloud_of(values, families)
    assert place(found, values[5], 1).neighbour_j[0] == 5


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 1.0), (1.0, 0.617), (40.0, 0.0)])
def test_overlap_of_two_normal_laws(shift, expected):
    """2 Phi(-shift / 2)."""
    random = np.random.default_rng(0)
    one, two = random.normal(size=4000), shift + random.normal(size=4000)
    assert abs(overlap_coefficient(one, two) - expected) < 0.04
