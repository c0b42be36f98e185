"""The stage: a file that holds, the same material in any shard, rejection with a reason."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ephforge.config import Lattice
from ephforge.core import netcdf
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.realspace import (
    Crystal,
    ForceConstants,
    read_crystal,
    read_force_constants,
    read_long_range,
)
from ephforge.core.symmetry import space_group
from ephforge.core.units import MEV
from ephforge.coupling import longrange
from ephforge.lattice.draw import Draft
from ephforge.lattice.material import make
from ephforge.lattice.prototype_table import PROTOTYPES
from ephforge.lattice.prototypes import crystal_system
from ephforge.lattice.rejection import ANOTHER_TYPE, FLOPPY, IMAGINARY, REASONS, Rejected
from ephforge.lattice.stability import energies, irreducible, require_stable
from ephforge.lattice.stage import material_group, run
from ephforge.lattice.timing import Clock
from ephforge.phonons.modes import energies_at, modes

OPTIONS = Lattice().model_dump()
BCC_RGL = OPTIONS | {"prototypes": ["bcc"], "potentials": ["rgl"], "variants": 0.0}
PROVENANCE = {"stage": "lattice", "options": OPTIONS, "code": "0123"}


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("lattice") / "000000-000024.nc"
    run(str(path), 0, 24, 5, OPTIONS, PROVENANCE)
    return netcdf.read(path, "lattice")


def test_shard_has_a_row_for_each_material(shard):
    assert sorted(shard.groups) == [f"{i:06d}" for i in range(24)]
    assert shard.attributes["wall_seconds"] > 0
    assert shard.attributes["options"] == OPTIONS
    seconds = shard.attributes["seconds"]
    assert set(seconds) >= {"draw", "relax", "force_constants", "stability"}
    assert 0.5 * shard.attributes["wall_seconds"] < sum(seconds.values())
    assert sum(seconds.values()) <= shard.attributes["wall_seconds"]
    for group in shard.groups.values():
        if group.attributes["status"] == "accepted":
            assert group.attributes["reason"] == ""
            assert "phi" in group.variables
        else:
            assert group.attributes["status"] == "rejected"
            assert group.attributes["reason"] in REASONS
            assert group.attributes["detail"]
            assert not group.variables
        assert group.attributes["system"] == crystal_system(group.attributes["space_group"])
        assert group.attributes["variant"] in ("ideal", "ordered", "distorted")
        assert group.attributes["stabilised"] in ("", "compressed", "stretched")
        assert group.attributes["parameters"]["length_scale"] > 0


def energies_of(q_q3, crystal, constants, long_range):
    """Phonons of the kernel of stage coupling, dipoles included."""
    if long_range is None:
        return energies_at(q_q3, constants, crystal.masses)
    dipoles = longrange.dipole_sum(long_range, crystal)
    arrays = [jnp.asarray(x) for x in (constants.cells, constants.phi, crystal.masses)]

    def at_q(q_3):
        return modes(longrange.dynamical_matrix(q_3, *arrays, dipoles))[0]

    return np.asarray(jax.vmap(at_q)(jnp.asarray(q_q3)))


def test_accepted_materials_are_stable_on_another_mesh(shard):
    accepted = [g for g in shard.groups.values() if g.attributes["status"] == "accepted"]
    assert len(accepted) >= 12
    for group in accepted:
        found = read_force_constants(group.variables)
        crystal = read_crystal(group.variables)
        is_layer = PROTOTYPES[group.attributes["prototype"]].is_layer
        mesh = (4, 4, 1 if is_layer else 4)
        energies = energies_of(mesh_points(mesh), crystal, found, read_long_range(group)) * MEV
        assert np.abs(energies[0, :3]).max() < 0.05
        assert energies[1:].min() > OPTIONS["imaginary_tolerance"]


def test_same_material_in_another_shard(shard, tmp_path):
    path = tmp_path / "000003-000006.nc"
    run(str(path), 3, 6, 5, OPTIONS, PROVENANCE)
    other = netcdf.read(path, "lattice")
    for name, group in other.groups.items():
        assert group.attributes == shard.groups[name].attributes
        for key, values in group.variables.items():
            np.testing.assert_array_equal(values, shard.groups[name].variables[key])


def draft_of(prototype, potential, parameters, numbers, masses):
    scales = {"length_scale": 1.0, "energy_scale": 1.0}
    return Draft(
        PROTOTYPES[prototype],
        potential,
        np.array(numbers),
        np.array(masses),
        scales | parameters,
        0.0,
    )


def test_lennard_jones_bcc_is_rejected():
    """It shears into fcc: a known instability of pair potentials with steep cores."""
    parameters = {"start": 2.8, "epsilon": [[0.3]], "sigma": [[2.5]], "cutoff": 5.8}
    with pytest.raises(Rejected) as caught:
        make(draft_of("bcc", "lennard_jones", parameters, [50], [118.7]), 0.01, 0.1, Clock())
    assert caught.value.reason == IMAGINARY


def test_scales_are_units_of_the_potential():
    """Lengths scale with length_scale, energies of phonons with sqrt(energy)/length."""
    plain = draft_of("fcc", "emt", {"start": None}, [47], [107.9])
    scaled = draft_of(
        "fcc", "emt", {"start": None, "length_scale": 1.1, "energy_scale": 0.8}, [47], [107.9]
    )
    one, other = (make(draft, 0.01, 0.1, Clock()) for draft in (plain, scaled))
    np.testing.assert_allclose(other.crystal.cell, 1.1 * one.crystal.cell, rtol=1e-12)
    q = np.array([[0.3, 0.1, 0.2]])
    before = energies_at(q, one.force_constants, plain.masses)
    after = energies_at(q, other.force_constants, scaled.masses)
    np.testing.assert_allclose(after, before * np.sqrt(0.8) / 1.1, rtol=1e-10)


def test_pressure_holds_bcc_in_a_many_body_potential():
    """RGL bcc has imaginary modes near its own density; squeezed by 3 % in length it has none."""
    made = [material_group(5, i, BCC_RGL, Clock())[1] for i in range(6)]
    squeezed = [row for row in made if row["stabilised"]]
    assert len(squeezed) >= 2
    for row in squeezed:
        assert row["status"] == "accepted"
        assert row["stabilised"] == "compressed"
        assert row["strain"] in (pytest.approx(-0.03), pytest.approx(-0.06))


def test_structures_that_become_more_symmetric_are_rejected():
    """The monoclinic martensite goes to an orthorhombic or cubic alloy in EMT."""
    numbers = [29, 29, 79, 79]
    draft = draft_of("b19_prime", "emt", {"start": None}, numbers, [60.0, 60.0, 197.0, 197.0])
    with pytest.raises(Rejected) as caught:
        make(draft, 0.01, 0.1, Clock())
    assert caught.value.reason == ANOTHER_TYPE


def test_zero_modes_away_from_gamma_are_rejected():
    """Springs along one axis only: the other directions have no restoring force."""
    cells = np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
    phi = np.zeros((3, 1, 3, 1, 3))
    phi[:, 0, 0, 0, 0] = [2.0, -1.0, -1.0]
    crystal = Crystal(np.diag([2.0, 2.1, 2.2]), np.zeros((1, 3)), np.array([20]), np.array([20.0]))
    with pytest.raises(Rejected) as caught:
        require_stable(crystal, ForceConstants(cells, phi), 0.1)
    assert caught.value.reason == FLOPPY


def test_too_many_rejections_fail_the_shard(tmp_path):
    path = tmp_path / "000000-000004.nc"
    options = Lattice(
        prototypes=["bcc"], potentials=["rgl"], variants=0, max_rejected=0.2
    ).model_dump()
    with pytest.raises(EphforgeError, match=r"-000004\.nc: \d of 4 materials rejected \(imag"):
        run(str(path), 0, 4, 5, options, PROVENANCE)
    assert not path.exists()


def test_irreducible_points_stand_for_the_whole_mesh(shard):
    accepted = [g for g in shard.groups.values() if g.attributes["status"] == "accepted"]
    reduced = 0
    for group in accepted[:8]:
        if "long_range" in group.attributes:
            continue
        found, crystal = read_force_constants(group.variables), read_crystal(group.variables)
        few = irreducible(crystal, (4, 4, 4))
        whole = energies_at(mesh_points((4, 4, 4)), found, crystal.masses) * MEV
        ours = energies(few, found, crystal) * MEV
        distance = np.abs(whole[1:, None] - ours[None, 1:]).max(axis=-1)
        assert distance.min(axis=1).max() < 0.02
        mine = energies(mesh_points((4, 4, 4)), found, crystal) * MEV
        np.testing.assert_allclose(mine[1:], whole[1:], atol=1e-4)
        reduced += len(few) < 40
    assert reduced > 0


def test_space_group_is_that_of_the_crystal_in_the_file(shard):
    accepted = [g.attributes | {"c": read_crystal(g.variables)}
                for g in shard.groups.values() if g.attributes["status"] == "accepted"]  # fmt: skip
    for row in accepted:
        crystal = row["c"]
        found = space_group(crystal.cell, crystal.positions, crystal.numbers)
        assert found.endswith(f"({row['space_group']})")
    assert len({row["system"] for row in accepted}) >= 4
