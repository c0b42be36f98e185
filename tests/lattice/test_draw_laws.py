"""Draw laws: every potential draws sound parameters for every structure type that it holds."""

import json

import numpy as np
import pytest

from ephforge.lattice.asap import Potential
from ephforge.lattice.compatible import HELD
from ephforge.lattice.forces import FORMULAS, energy_forces_stress
from ephforge.lattice.potentials import draw_parameters, draw_species
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import structure
from ephforge.lattice.sizes import mean_cosine, species_count, species_distances


@pytest.mark.parametrize("potential", sorted(HELD))
def test_parameters_fit_every_type_that_is_held(potential):
    for name in HELD[potential]:
        prototype, generator = PROTOTYPES[name], np.random.default_rng(5)
        numbers = draw_species(generator, potential, species_count(prototype))
        assert len(set(numbers.tolist())) == species_count(prototype)
        drawn = draw_parameters(generator, potential, prototype)
        assert json.loads(json.dumps(drawn)) == drawn
        if potential not in FORMULAS and drawn["start"] is None:
            continue
        assert 1.4 <= drawn["start"] <= 3.7
        crystal = structure(prototype, drawn["start"] / prototype.neighbour)
        all_numbers = numbers[np.array(prototype.species)]
        value, forces, stress = energy_forces_stress(
            *crystal, all_numbers, Potential(potential, drawn)
        )
        assert np.isfinite(value)
        assert np.all(np.isfinite(forces))
        assert np.all(np.isfinite(stress))
        if potential == "eam":
            # the drawn size is that of no pressure, the cohesive energy is a metal's
            assert abs(np.trace(stress)) < 1e-9 * abs(value)
            assert 1.2 <= -value / len(all_numbers) <= 7.0


def test_no_pair_that_is_kept_for_first_principles():
    generator = np.random.default_rng(6)
    reserved = ({5, 7}, {5, 33}, {31, 33})
    for _ in range(3000):
        found = set(draw_species(generator, "keating", 3).tolist())
        assert not any(pair <= found for pair in reserved)
        assert not found & {11, 12}


def test_distances_and_angles_of_types():
    np.testing.assert_allclose(
        species_distances(PROTOTYPES["zincblende"]), [[(8 / 3) ** 0.5, 1], [1, (8 / 3) ** 0.5]]
    )
    assert mean_cosine(PROTOTYPES["zincblende"]) == pytest.approx(-1 / 3)
    assert mean_cosine(PROTOTYPES["honeycomb_layer"]) == pytest.approx(-1 / 2)
