"""Distances in whitened features, and linear probes as arrays."""

import numpy as np
import pytest

from ephforge.classify.probe import fit_probe
from ephforge.trust.cloud import fit_cloud, nearest, novelty
from ephforge.trust.linear_probe import fitted, probabilities


def test_distances_do_not_depend_on_units_of_features():
    rng = np.random.default_rng(0)
    x_if = rng.normal(size=(60, 5)) @ (np.eye(5) + 0.2 * rng.normal(size=(5, 5)))
    names = [str(i) for i in range(60)]
    scale_f = np.array([1, 1e-3, 10, 1e3, 2.0])
    here, there = fit_cloud(x_if, names, names), fit_cloud(x_if * scale_f + 7, names, names)
    y_f = rng.normal(size=5)
    assert novelty(here, y_f) == pytest.approx(novelty(there, y_f * scale_f + 7), rel=1e-4)
    # all components kept: distances are Mahalanobis' of the sample covariance
    difference_if = x_if - y_f
    inverse = np.linalg.inv(np.cov(x_if.T, bias=True))
    mahalanobis_i = np.sqrt(np.einsum("if,fg,ig->i", difference_if, inverse, difference_if))
    assert novelty(here, y_f) == pytest.approx(np.sort(mahalanobis_i)[:5].mean(), rel=1e-4)
    found = nearest(here, y_f, 3)
    assert [one.name for one in found] == [str(i) for i in np.argsort(mahalanobis_i)[:3]]


def test_constant_features_and_one_material_are_taken():
    x_if = np.ones((3, 4))
    x_if[:, 0] = (0, 1, 2)
    cloud = fit_cloud(x_if, list("abc"), list("abc"))
    assert cloud.place_ij.shape == (3, 1)
    assert np.isfinite(novelty(cloud, np.ones(4)))
    assert novelty(fit_cloud(x_if[:1], ["a"], ["a"]), x_if[0]) == 0


@pytest.mark.parametrize("classes", [2, 3])
def test_a_probe_in_arrays_says_what_the_fitted_one_says(classes):
    rng = np.random.default_rng(classes)
    labels = [f"c{i % classes}" for i in range(60)]
    centre = {f"c{i}": 3 * rng.normal(size=4) for i in range(classes)}
    x_if = np.array([centre[label] + rng.normal(size=4) for label in labels])
    families = [f"f{i % 10}" for i in range(60)]
    ours = fitted(x_if, labels, families, 3)
    pipeline = fit_probe(x_if, labels, families, 3).pipeline
    for x_f in rng.normal(scale=4, size=(5, 4)):
        expected = dict(zip(pipeline.classes_, pipeline.predict_proba([x_f])[0], strict=True))
        found = probabilities(ours, x_f)
        assert dict(found) == pytest.approx(expected, abs=1e-9)
        shares = [share for _, share in found]
        assert shares == sorted(shares, reverse=True)


def test_one_class_has_no_probe():
    assert fitted(np.zeros((4, 2)), ["a"] * 4, list("abcd"), 2) is None
