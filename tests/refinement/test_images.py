"""Weights of images against brute force, and folding against a run on the coarser mesh."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.kpoints import mesh_indices, mesh_points, point_number
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.refinement import coarse, images

SHIPPED = Path(__file__).parents[2] / "resources/first_principles"
K, FINE, COARSE = (4, 4, 4), (4, 4, 4), (2, 2, 2)
FEW_K = (2, 2, 2)  # for what does not depend on the k of the run


def shipped(name):
    return read_model(read(SHIPPED / f"{name}.nc", "model"))


@pytest.fixture(scope="module")
def silicon():
    return shipped("si_4")


@pytest.mark.parametrize("pair", [("si_4", "si_2"), ("alas_4", "alas_2")])
def test_every_second_q_is_a_run_on_the_coarser_mesh(pair):
    """Both have the same Wannier functions, so that g itself and Phi agree, between q too."""
    folded, run = coarse.as_run_on(shipped(pair[0]), K, COARSE), shipped(pair[1])
    q = np.concatenate([mesh_points(COARSE)[1:4], [[0.25, 0.0, 0.0], [0.1, 0.3, -0.2]]])
    for part, relative in ((lambda m: coarse.at_points(m, K, q), 1e-4), (_phi(q), 1e-3)):
        found, true = part(folded), part(run)
        assert np.linalg.norm(found - true) < relative * np.linalg.norm(true)
    before = shipped(pair[0])
    assert np.abs(coarse.at_points(before, K, q) - coarse.at_points(run, K, q)).max() > 1e-2


def _phi(q):
    return lambda model: coarse.dynamical(model, q)


def test_folding_onto_the_mesh_itself_changes_nothing(silicon):
    again = coarse.as_run_on(silicon, K, FINE)
    q = np.array([[0.13, 0.27, -0.4], [0.5, 0.1, 0.0]])
    np.testing.assert_allclose(
        coarse.at_points(again, K, q), coarse.at_points(silicon, K, q), atol=1e-6
    )
    apart = coarse.dynamical(again, q) - coarse.dynamical(silicon, q)
    assert np.abs(apart).max() < 1e-9


def test_epw_weights_are_what_the_folded_model_does(silicon):
    """Two routes to EPW's interpolation: a model on its lists of cells, and weights on classes."""
    run = coarse.as_run_on(silicon, K, COARSE)
    q = mesh_points(FINE)
    y = coarse.to_cells(coarse.at_points(silicon, K, mesh_points(COARSE)), COARSE)
    weight = images.two_centre_weights(silicon, K, COARSE, FINE, True)
    refined = y[coarse.class_of(COARSE, FINE)] * weight[:, :, None]
    np.testing.assert_allclose(
        coarse.to_points(refined, FINE), coarse.at_points(run, K, q), atol=1e-9
    )


@pytest.mark.parametrize("length", [0.0, 2.0, 3.8])
def test_weights_against_brute_force(silicon, length):
    """One class at a time, in plain loops over images of Rp and of Re."""
    weight, variance = images.three_centre_weights(silicon, FEW_K, COARSE, FINE, length)
    cell, w, tau = silicon.crystal.cell, silicon.hopping.centres, silicon.crystal.positions
    random = np.random.default_rng(0)
    turns = list(itertools.product(range(-3, 4), repeat=3))
    for _ in range(12):
        p, r = random.integers(0, 2, 3), random.integers(0, 2, 3)
        s, a, b = random.integers(0, 2), *random.integers(0, 4, 2)
        electron = [r + 2 * np.array(t) for t in itertools.product((-2, -1, 0, 1, 2), repeat=3)]
        between = [np.linalg.norm(v @ cell + w[b] - w[a]) for v in electron]
        electron = [v for v, d in zip(electron, between, strict=True) if d < min(between) + 1e-3]
        expected, total = np.zeros(64), 0.0
        for v in electron:
            rows = []
            for t in turns:
                at = (p + 2 * np.array(t)) @ cell + tau[s]
                d = np.linalg.norm(at - w[a]) + np.linalg.norm(at - w[b] - v @ cell)
                rows.append((d, point_number(p + 2 * np.array(t), FINE)))
            least = min(d for d, _ in rows)
            size = [np.exp(-2 * d / length) if length else d < least + 1e-3 for d, _ in rows]
            for (_, fine), part in zip(rows, size, strict=True):
                expected[fine] += part / sum(size) / len(electron)
            total += sum(size) / len(electron)
        number = point_number(r, FEW_K)
        mine = np.flatnonzero(coarse.class_of(COARSE, FINE) == point_number(p, COARSE))
        np.testing.assert_allclose(weight[mine, s, number, a, b], expected[mine], atol=1e-6)
        assert sum(expected[mine]) == pytest.approx(1)
        if length:
            found = variance[point_number(p, COARSE), s, number, a, b]
            np.testing.assert_allclose(found, total, rtol=1e-6)


@pytest.mark.parametrize("length", [0.0, 3.8])
def test_weights_sum_to_one_and_know_no_direction(silicon, length):
    weight, _ = images.three_centre_weights(silicon, K, COARSE, FINE, length)
    sums = np.zeros((8, *weight.shape[1:]))
    np.add.at(sums, coarse.class_of(COARSE, FINE), weight)
    np.testing.assert_allclose(sums, 1, atol=1e-12)
    # the partner of (Rp, Re, a, b) is (Rp - Re, -Re, b, a)
    p, r = mesh_indices(FINE), mesh_indices(K)
    partner_r = point_number(-r, K)
    for number in (0, 5, 22, 63):
        partner_p = point_number(p - r[number], FINE)
        mine, other = weight[:, :, number], weight[partner_p][:, :, partner_r[number]]
        np.testing.assert_allclose(mine, other.swapaxes(-1, -2), atol=1e-5)


def test_a_move_of_the_origin_changes_no_weight(silicon):
    from dataclasses import replace

    shift = np.array([0.3, -0.2, 0.7])
    moved = replace(
        silicon,
        crystal=replace(silicon.crystal, positions=silicon.crystal.positions + shift),
        hopping=replace(silicon.hopping, centres=silicon.hopping.centres + shift),
    )
    for one, two in zip(
        images.three_centre_weights(silicon, (2, 1, 1), COARSE, FINE, 3.0),
        images.three_centre_weights(moved, (2, 1, 1), COARSE, FINE, 3.0),
        strict=True,
    ):
        np.testing.assert_allclose(one, two, atol=1e-12)


def test_a_mesh_that_does_not_divide_is_refused():
    from ephforge.core.errors import EphforgeError

    with pytest.raises(EphforgeError, match=r"does not divide"):
        coarse.points_of((3, 3, 3), FINE)
