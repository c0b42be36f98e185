"""Structures against ASE, numbers of q points against the literature, and the texts of inputs."""

import re

import ase.build
import numpy as np
import pytest
import spglib
import yaml
from ase.neighborlist import neighbor_list
from conftest import ROOT

from ephforge.config import ConfigError, validate
from ephforge.espresso import inputs
from ephforge.espresso.qpoints import irreducible_count
from ephforge.espresso.structures import IDEAL_U, species, structure

TABLE = yaml.safe_load((ROOT / "config/materials.yaml").read_text())
MATERIALS = validate(TABLE).model_dump(mode="json")["espresso"]["materials"]
KEPT_FOR_AN_INDEPENDENT_CHECK = ({"Na"}, {"Mg"}, {"Ga", "As"}, {"B", "N"}, {"B", "As"})


def entry(**changes) -> dict:
    """An entry of the table, silicon with changes."""
    values = TABLE["espresso"]["materials"]["si_2"] | changes
    table = {"espresso": {"materials": {"x": values}}}
    return validate(table).model_dump(mode="json")["espresso"]["materials"]["x"]


def of_type(crystal: str, elements: list[str], a=4.0, c=None) -> dict:
    pseudopotentials = {element: {"file": "x.UPF"} for element in elements}
    polar = len(elements) > 1
    return entry(
        crystal=crystal, elements=elements, a=a, c=c, pseudopotentials=pseudopotentials, polar=polar
    )


def space_group(cell, positions, numbers) -> int:
    return spglib.get_symmetry_dataset((cell, positions, numbers), symprec=1e-6).number


@pytest.mark.parametrize(
    ("crystal", "elements", "c", "number"),
    [
        ("fcc", ["Al"], None, 225),
        ("bcc", ["Ta"], None, 229),
        ("hcp", ["Zn"], 6.5, 194),
        ("diamond", ["Si"], None, 227),
        ("zincblende", ["P", "Al"], None, 216),
        ("rocksalt", ["O", "Ca"], None, 225),
        ("cscl", ["Cl", "Cs"], None, 221),
        ("wurtzite", ["N", "Al"], 6.5, 186),
    ],
)
def test_structure_types_are_those_of_ase(crystal, elements, c, number):
    cell, atoms = structure(of_type(crystal, elements, c=c))
    order = [elements.index(a[0]) for a in atoms]
    assert space_group(cell, [a[1] for a in atoms], order) == number
    name = {"cscl": "cesiumchloride"}.get(crystal, crystal)
    extra = {"u": IDEAL_U} if crystal == "wurtzite" else {}
    peer = ase.build.bulk("".join(elements), name, a=4.0, c=c, **extra)
    assert abs(np.linalg.det(cell)) == pytest.approx(peer.get_volume(), rel=1e-12)
    mine = ase.Atoms(
        [a[0] for a in atoms], cell=cell, scaled_positions=[a[1] for a in atoms], pbc=1
    )
    np.testing.assert_allclose(distances(mine), distances(peer), atol=1e-9)


def distances(atoms) -> np.ndarray:
    """Sorted distances of all pairs of atoms up to 6 angstrom."""
    return np.sort(neighbor_list("d", atoms, 6.0))


@pytest.mark.parametrize(
    ("crystal", "mesh", "count"),
    # what ph.x itself lists for these meshes
    [("fcc", 2, 3), ("fcc", 4, 8), ("fcc", 8, 29), ("diamond", 4, 8), ("bcc", 4, 8)],
)
def test_numbers_of_irreducible_q(crystal, mesh, count):
    material = of_type(crystal, ["Si"]) | {"q_mesh": [mesh] * 3}
    assert irreducible_count(material) == count


def test_inversion_in_q_counts_without_a_centre_of_inversion():
    """Time reversal turns q into -q also in zincblende."""
    material = of_type("zincblende", ["P", "Al"]) | {"q_mesh": [4, 4, 4]}
    assert irreducible_count(material) == 8


@pytest.mark.parametrize("name", MATERIALS)
def test_texts_leave_open_only_what_the_steps_fill_in(name):
    material = MATERIALS[name]
    texts = [inputs.pw_input(name, material, kind) for kind in ("scf", "nscf", "bands", "vc-relax")]
    texts += [inputs.ph_input(name, material, 2)]
    texts += [inputs.epw_input(name, material, check) for check in (False, True)]
    for text in texts:
        assert set(re.findall(r"{(\w+)}", text)) <= {
            "structure",
            "points",
            "recover",
            "masses",
            "fermi",
        }
        assert f"'{name}'" in text


@pytest.mark.parametrize("name", MATERIALS)
def test_the_table_leaves_out_what_is_kept_for_an_independent_check(name):
    assert set(species(MATERIALS[name])) not in KEPT_FOR_AN_INDEPENDENT_CHECK
    assert min(MATERIALS[name]["k_mesh"]) >= 4 or "free" in MATERIALS[name]["crystal"]


def test_the_coarse_mesh_is_complete_and_in_order():
    material = entry(k_mesh=[4, 2, 2], q_mesh=[2, 2, 2])
    rows = (
        inputs.pw_input("x", material, "nscf").split("K_POINTS crystal\n16\n")[1].split("\n")[:-1]
    )
    points = np.array([row.split()[:3] for row in rows], dtype=float)
    number = (points * [4, 2, 2] @ [4, 2, 1]).round().astype(int)  # the last index runs fastest
    np.testing.assert_array_equal(number, range(16))


def test_windows_and_excluded_bands_reach_epw():
    windows = {"functions": 4, "projections": ["Si:sp3"], "window_max": 18.0, "frozen_max": 9.0}
    material = entry(bands=14, wannier=windows | {"excluded": 2}, smearing=0.02)
    text = inputs.epw_input("x", material, check=False)
    for line in ("dis_win_max=18.0", "dis_froz_max=9.0", "bands_skipped='exclude_bands = 1:2'"):
        assert line in text
    assert "efermi_read" not in text  # a metal has its own


def test_points_of_the_check_belong_to_the_material():
    k, q = inputs.check_points("si_2")
    assert (k, q) == inputs.check_points("si_2") != inputs.check_points("si_4")
    assert len(k) == 4
    assert len(q) == 5
    assert 0 < np.abs(q[-1]).max() <= 0.025


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"crystal": "diamond", "elements": ["Si", "C"]}, ["takes a and 1 elements"]),
        ({"crystal": "perovskite"}, ["crystal = 'perovskite'"]),
        ({"crystal": "free"}, ["'free' takes cell and atoms"]),
        ({"c": 5.0}, ["hcp and wurtzite"]),
        ({"pseudopotentials": {"C": {"file": "C.UPF"}}}, ["['Si']"]),
        ({"pseudopotentials": {"Si": {"file": "../x"}}}, ["file", "../x"]),
        ({"q_mesh": [3, 3, 3]}, ["must divide k_mesh"]),
        ({"bands": 8}, ["bands = 8", "windows"]),
        ({"polar": True, "smearing": 0.02}, ["insulator"]),
        (
            {
                "crystal": "zincblende",
                "elements": ["P", "Al"],
                "pseudopotentials": {"P": {"file": "P.UPF"}, "Al": {"file": "Al.UPF"}},
            },
            ["needs polar: true"],
        ),
        ({"cutoff": -1}, ["cutoff"]),
        ({"relax": "all"}, ["relax"]),
        ({"wannier": {"functions": 4, "projections": []}}, ["projections"]),
    ],
)
def test_a_wrong_entry_is_named(changes, words):
    with pytest.raises(ConfigError) as caught:
        entry(**changes)
    message = str(caught.value)
    assert "espresso.materials.x" in message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_computed_models_must_stand_in_the_table():
    with pytest.raises(ConfigError, match=r"\['si_9'\] are not in espresso.materials"):
        validate(TABLE | {"firstprinciples": {"source": "computed", "materials": ["si_9"]}})
