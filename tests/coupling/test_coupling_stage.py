"""The stage: a lattice shard in, blocks out, with a reason where there is none."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from analytic import fcc, springs, zincblende

from ephforge.core.blocks import read_block
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read, write
from ephforge.core.realspace import (
    ForceConstants,
    LongRange,
    Model,
    WannierCoupling,
    crystal_variables,
    force_constant_variables,
    long_range_variables,
)
from ephforge.core.rng import generator
from ephforge.coupling import stage
from ephforge.coupling.longrange import dipole_sum, field_at_atoms
from ephforge.coupling.wannier import add_long_range, at_kq, at_q
from ephforge.electrons.draw import draw
from ephforge.electrons.filling import GAPLESS
from ephforge.threecentre.build import Dipoles, build

OPTIONS = {
    "bases": ["s", "sp3"],
    "overlap": 0.5,
    "crystal_field": 0.5,
    "spin_orbit": 0.0,
    "three_centre": 0.0,
    "three_centre_mesh": [4, 4, 4],
    "metals": 0.5,
    "semiconductors": 0.3,
    "k_mesh": [4, 4, 4],
    "q_mesh": [2, 2, 2],
    "bands": 4,
    "degeneracy": 0.1,
    "soft_mode": 1.0,
    "batch_size": 2,
}
PROVENANCE = {"stage": "coupling", "options": OPTIONS, "code": "0"}
LATTICE = {"options": {"strain": 0.1}, "code": "a", "wall_seconds": 1.0}


def lattice_row(crystal, prototype, constants=None):
    constants = springs(crystal, 5.0) if constants is None else constants
    attributes = {"status": "accepted", "reason": "", "detail": "", "prototype": prototype}
    attributes |= {"potential": "springs", "parameters": {"longitudinal": 6.0}}
    return crystal_variables(crystal) | force_constant_variables(constants), attributes


@pytest.fixture
def shard(tmp_path):
    """Two good materials, one whose force constants break the symmetry, one rejected."""
    constants = springs(fcc(), 5.0)
    phi = constants.phi.copy()
    phi[:, :, 0, :, 0] *= 1.1
    groups = {
        "000003": lattice_row(fcc(), "fcc"),
        "000004": lattice_row(zincblende(), "zincblende"),
        "000005": lattice_row(fcc(), "fcc", ForceConstants(constants.cells, phi)),
        "000006": (
            {},
            {"status": "rejected", "reason": "imaginary modes", "detail": "", "prototype": "bcc"},
        ),
    }
    write(tmp_path / "000003-000007.nc", "lattice", {}, LATTICE, groups)
    return tmp_path


def run(folder, name="coupling.nc", **changes):
    (lattice,) = folder.glob("0*.nc")
    stage.run(str(lattice), str(folder / name), 11, OPTIONS | changes, PROVENANCE)
    return read(folder / name, "coupling")


def test_accepted_materials_become_blocks(shard):
    found = run(shard)
    assert found.attributes["wall_seconds"] > 0
    assert {key: found.attributes[f"lattice_{key}"] for key in LATTICE} == LATTICE
    for name, prototype in (("000003", "fcc"), ("000004", "zincblende")):
        group = found.groups[name]
        block = read_block(group)
        assert group.attributes["status"] == "accepted"
        assert group.attributes["asymmetry"] < 1e-6
        assert group.attributes["family"] == f"{prototype}/springs/{group.attributes['basis']}"
        assert block.name == name
        assert block.labels["family"] == group.attributes["family"]
        assert np.isfinite(block.g).all()


def test_asymmetric_and_rejected_materials_keep_a_reason(shard):
    groups = run(shard).groups
    assert groups["000005"].attributes["status"] == "rejected"
    assert groups["000005"].attributes["reason"] == stage.ASYMMETRIC
    assert groups["000006"].attributes["reason"] == "imaginary modes"
    assert not groups["000005"].variables


def test_material_that_cannot_couple_is_rejected(shard):
    row = run(shard, bases=["s"], k_mesh=[2, 2, 2]).groups["000003"].attributes
    assert (row["status"], row["reason"]) == ("rejected", stage.UNCOUPLED)


def test_result_is_the_same_again_and_in_other_batches(shard):
    first, second = run(shard), run(shard, "again.nc", batch_size=1)
    for name in ("000003", "000004"):
        np.testing.assert_allclose(
            first.groups[name].variables["g"], second.groups[name].variables["g"], rtol=1e-6
        )


def test_bases_follow_the_options(shard):
    groups = run(shard, bases=["s"]).groups
    assert groups["000004"].attributes["basis"] == "s"
    assert groups["000004"].variables["g"].shape[:3] == (2, 2, 6)


def test_damaged_shard_is_refused(shard):
    (shard / "000003-000007.nc").write_text("junk")
    with pytest.raises(EphforgeError, match=r"000003-000007\.nc"):
        run(shard)


def test_a_shard_under_the_name_of_another_is_refused(shard):
    (shard / "000003-000007.nc").rename(shard / "000013-000017.nc")
    with pytest.raises(EphforgeError, match=r"000013-000017\.nc: material 000003 is not of this"):
        run(shard)


def test_a_shard_of_another_seed_is_refused(tmp_path):
    facts = LATTICE | {"seed": 5}
    write(
        tmp_path / "000000-000001.nc", "lattice", {}, facts, {"000000": lattice_row(fcc(), "fcc")}
    )
    with pytest.raises(EphforgeError, match=r"campaign\.seed 5, this campaign has 11; remove"):
        run(tmp_path)


IONIC = LongRange(np.array([np.eye(3), -np.eye(3)]), np.eye(3) * 3.0, (4, 4, 4), 5.6, "ewald")


@pytest.fixture
def polar_shard(tmp_path):
    """Ions on springs; what the lattice stage says of them."""
    variables, attributes = lattice_row(zincblende(), "zincblende")
    polar_variables, polar_attributes = long_range_variables(IONIC)
    attributes |= polar_attributes | {"system": "cubic", "variant": "ideal", "stabilised": ""}
    groups = {f"{i:06d}": (variables | polar_variables, attributes) for i in range(6)}
    facts = LATTICE | {"seconds": {"draw": 0.1}}
    write(tmp_path / "000000-000006.nc", "lattice", {}, facts, groups)
    return tmp_path


def test_polar_materials_have_a_gap_and_keep_what_is_known_of_them(polar_shard):
    found = run(polar_shard, overlap=1.0)
    rows = [group.attributes for group in found.groups.values()]
    assert {row["status"] for row in rows} <= {"accepted", "rejected"}
    accepted = [row for row in rows if row["status"] == "accepted"]
    assert accepted
    for row in accepted:
        assert row["polar"]
        assert row["overlap"]
        assert row["kind"] in ("semiconductor", "insulator")
        assert row["gap"] > 0
        assert row["system"] == "cubic"
        assert row["variant"] == "ideal"
        assert row["asymmetry"] < 1e-8
        assert row["electrons"] in (2, 8)
    assert found.attributes["lattice_seconds"] == {"draw": 0.1}
    seconds = found.attributes["seconds"]
    assert {"read", "draw", "symmetry", "compute", "compile"} <= set(seconds)
    own = sum(value for step, value in seconds.items() if step != "start_up")
    assert 0 < own <= found.attributes["wall_seconds"]


def test_ions_in_a_metal_are_rejected(polar_shard, monkeypatch):
    def half_filled(*arguments):
        return draw(*arguments)._replace(count=1)

    monkeypatch.setattr(stage, "draw", half_filled)
    rows = [group.attributes for group in run(polar_shard).groups.values()]
    assert {(row["status"], row["reason"]) for row in rows} == {("rejected", GAPLESS)}


def test_a_row_alone_is_the_row_in_its_shard_bit_by_bit(polar_shard):
    whole = run(polar_shard)
    source = read(polar_shard / "000000-000006.nc", "lattice").groups
    name = next(n for n, g in whole.groups.items() if g.attributes["status"] == "accepted")
    ((variables, _),) = stage.rows({name: source[name]}, 11, OPTIONS, stage.Clock()).values()
    np.testing.assert_array_equal(variables["g"].data, whole.groups[name].variables["g"])


@pytest.mark.parametrize(("q_mesh", "expected"), [([4, 4, 4], (2, 2, 2)), ([1, 1, 2], (1, 1, 2))])
def test_three_centre_electrons_have_a_finest_mesh(shard, monkeypatch, q_mesh, expected):
    """Finer maps are interpolated from it."""
    meshes = []

    def build(numbers, crystal, mesh, dipoles):
        meshes.append(mesh)
        raise EphforgeError("enough")

    monkeypatch.setattr(stage, "build", build)
    options = {"three_centre": 1.0, "three_centre_mesh": [2, 2, 2], "q_mesh": q_mesh}
    groups = run(shard, **options).groups
    assert set(meshes) == {expected}
    assert "enough" in groups["000003"].attributes["detail"]


def test_three_centre_electrons_in_their_share(shard):
    groups = run(shard, three_centre=1.0, k_mesh=[2, 2, 2]).groups
    assert {groups[n].attributes["basis"] for n in ("000003", "000004")} == {"three-centre"}
    for name, prototype in (("000003", "fcc"), ("000004", "zincblende")):
        row = groups[name].attributes
        assert row["family"] == f"{prototype}/springs/three-centre"
        assert row["three_centre"]
        assert not row["overlap"]
        assert row["status"] == "accepted", row["detail"]
        assert row["asymmetry"] < 1e-6
        assert row["kind"] in ("metal", "semiconductor", "insulator")
        assert read_block(groups[name]).g.max() > 1


def polar_model(polar_shard) -> Model:
    group = read(polar_shard / "000000-000006.nc", "lattice").groups["000000"]
    options = OPTIONS | {"three_centre": 1.0, "three_centre_mesh": [2, 2, 2]}
    model, detail = stage.material_model("000000", group, 11, options)
    assert (detail["three_centre"], detail["polar"]) == (True, True)
    return model


def gradient(k_3, q_3, coupling: WannierCoupling):
    """dH/du in orbitals, without dipoles."""
    phonon_cells, electron_cells, g = map(jnp.asarray, vars(coupling).values())
    return at_kq(k_3, electron_cells, at_q(q_3, phonon_cells, g))


def test_polar_three_centre_electrons_keep_the_field_that_they_have(polar_shard):
    """On the mesh g is what the electrons say; the dipoles of the lattice add nothing to it."""
    model = polar_model(polar_shard)
    born_s = np.trace(model.long_range.born, axis1=1, axis2=2) / 3
    no_field = Dipoles(born_s, np.zeros((8, 2, 3, 2), complex))
    numbers = generator(11, 0, "three-centre")
    hopping, coupling, _ = build(numbers, model.crystal, (2, 2, 2), no_field)
    np.testing.assert_array_equal(hopping.energy, model.hopping.energy)
    dipoles = dipole_sum(model.long_range, model.crystal)
    largest = 0.0
    points = jnp.asarray(mesh_points((2, 2, 2)))
    for q_3, k_3 in itertools.product(points, points):
        ours, theirs = (gradient(k_3, q_3, c) for c in (model.coupling, coupling))
        field_sca = field_at_atoms(q_3, dipoles)[:, :, model.hopping.site]
        largest = max(largest, float(abs(theirs - ours).max()))
        np.testing.assert_allclose(add_long_range(ours, field_sca), theirs, atol=1e-9)
    assert largest > 0.1  # so the dipoles were there


def test_polar_three_centre_electrons_are_on_the_negative_ions(polar_shard):
    model = polar_model(polar_shard)
    born_s = np.trace(model.long_range.born, axis1=1, axis2=2) / 3
    group = read(polar_shard / "000000-000006.nc", "lattice").groups["000000"]
    for name in range(6):
        options = OPTIONS | {"three_centre": 1.0, "three_centre_mesh": [2, 2, 2]}
        _, detail = stage.material_model(f"{name:06d}", group, 11, options)
        charges = detail["hopping"]["charges"]
        assert charges[np.argmin(born_s)] >= charges[np.argmax(born_s)]


def test_polar_maps_of_three_centre_electrons_are_symmetric(polar_shard):
    groups = run(polar_shard, three_centre=1.0, three_centre_mesh=[2, 2, 2], k_mesh=[2, 2, 2])
    rows = [group.attributes for group in groups.groups.values()]
    assert {row["family"] for row in rows} == {"zincblende/springs/three-centre"}
    for row in rows:
        assert row["status"] == "accepted", row["detail"]
        assert row["gap"] > 0
        assert row["asymmetry"] < 1e-6


def test_between_the_points_of_their_mesh_three_centre_maps_may_be_as_asymmetric_as_real_ones(
    polar_shard,
):
    """The mesh of the electrons is 2x2x2, that of the maps is finer."""
    options = {"three_centre": 1.0, "three_centre_mesh": [2, 2, 2], "q_mesh": [4, 4, 4]}
    rows = [group.attributes for group in run(polar_shard, **options).groups.values()]
    assert max(row["asymmetry"] for row in rows) > 1e-3
    for row in rows:
        is_fine = row["asymmetry"] < 0.05
        assert row["status"] == ("accepted" if is_fine else "rejected")
