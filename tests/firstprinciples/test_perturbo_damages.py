"""Every damage of a Perturbo file is one line that names file and dataset."""

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from epr_by_hand import write_by_hand

from ephforge.core.errors import EphforgeError
from ephforge.firstprinciples.perturbo import read_perturbo


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("perturbo") / "x_epr.h5"
    write_by_hand(path)
    return path


@pytest.fixture
def by_hand(source, tmp_path):
    return Path(shutil.copy(source, tmp_path))


def put(name, value):
    def damage(file):
        del file[name]
        file[name] = value

    return damage


def spoil(name, value):
    def damage(file):
        values = file[name][()]
        values.flat[1] = value
        file[name][...] = values

    return damage


def drop(name):
    def damage(file):
        del file[name]

    return damage


HOP, IFC, EPH = "electron_wannier/hopping_i3", "force_constant/ifc2", "eph_matrix_wannier/"
DAMAGES = {
    "no group": (drop("electron_wannier"), "electron_wannier/hopping_r1 is missing"),
    "no at": (drop("basic_data/at"), "basic_data/at is missing, expected 3 x 3 numbers"),
    "no coupling": (drop(f"{EPH}ep_hop_r_2_1_3"), "ep_hop_r_2_1_3 is missing"),
    "dataset is a group": (
        lambda file: (drop(IFC)(file), file.create_group(IFC)),
        "force_constant/ifc2 is missing",
    ),
    "NaN": (spoil(HOP, np.nan), "hopping_i3 holds NaN or infinity"),
    "infinity": (spoil(IFC, np.inf), "ifc2 holds NaN or infinity"),
    "NaN in coupling": (spoil(f"{EPH}ep_hop_i_1_1_1", np.nan), "ep_hop_i_1_1_1 holds NaN"),
    "hopping too short": (put(HOP, np.zeros(4)), "hopping_i3 has 4 numbers, expected"),
    "axes exchanged": (
        put(f"{EPH}ep_hop_r_1_1_1", np.zeros((3, 5, 6))),
        "ep_hop_r_1_1_1 has 3 x 5 x 6 numbers, expected",
    ),
    "other mesh": (put("basic_data/kc_dim", [4, 4, 4]), "electron_wannier/hopping_r1 has"),
    "mesh of zero": (put("basic_data/qc_dim", [2, 0, 2]), "qc_dim is .*numbers from 1 to"),
    "other atoms": (put("basic_data/nat", 3), "basic_data/mass has 2 numbers, expected 3"),
    "half an orbital": (put("basic_data/num_wann", 2.5), "num_wann is 2.5, expected a positive"),
    "text": (put("basic_data/mass", "heavy"), "basic_data/mass has one numbers, expected 2"),
    "texts": (put("basic_data/tau", np.full((2, 3), b"x")), r"basic_data/tau is of type \|S1"),
    "no mass": (put("basic_data/mass", np.zeros(2)), "mass has 0, expected positive masses"),
    "flat cell": (put("basic_data/at", np.ones((3, 3))), "basic_data/at spans no volume"),
    "volume": (put("basic_data/volume", 1.0), "basic_data/volume is 1, expected"),
    "bg": (put("basic_data/bg", np.eye(3)), "basic_data/bg does not belong to at"),
    "no charges": (drop("basic_data/zstar"), "zstar has no Born charges, expected some"),
    "charges of zero": (put("basic_data/zstar", np.zeros((2, 3, 3))), "zstar has no Born"),
    "epsilon": (put("basic_data/epsil", -np.eye(3)), "epsil is not positive"),
    "alpha": (put("basic_data/polar_alpha", 0.0), "polar_alpha and loto_alpha are 0, 1"),
    "layer": (put("basic_data/system_2d", 1), "system_2d is set, .*2D is not supported"),
    "spinor": (put("basic_data/spinor", 1), "basic_data/spinor is set, expected 0"),
    "tdep": (lambda file: file.create_dataset("basic_data/tdep", data=1), "tdep is set"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_one_clear_line(name, by_hand):
    damage, message = DAMAGES[name]
    with h5py.File(by_hand, "r+") as file:
        damage(file)
    with pytest.raises(EphforgeError, match=message) as caught:
        read_perturbo(by_hand)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{by_hand}: ")
    assert "; " in line  # what to do stands last


def test_files_that_are_not_whole(by_hand, tmp_path):
    whole = by_hand.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"alat = 10.2\n" * 100):
        by_hand.write_bytes(content)
        with pytest.raises(EphforgeError, match=r"x_epr\.h5: not a whole HDF5 file") as caught:
            read_perturbo(by_hand)
        assert "\n" not in str(caught.value)
    with pytest.raises(EphforgeError, match="no such file, expected an epr"):
        read_perturbo(tmp_path / "none_epr.h5")


def test_older_files_without_flags_are_read(by_hand):
    """lpolar follows from the charges, the Ewald parameters are 1, everything is scalar and 3D."""
    with h5py.File(by_hand, "r+") as file:
        for name in ("lpolar", "loto_alpha", "polar_alpha", "spinor", "system_2d"):
            del file[f"basic_data/{name}"]
    assert read_perturbo(by_hand).long_range.ewald == (1.0, 1.0)
    with h5py.File(by_hand, "r+") as file:
        file["basic_data/zstar"][...] = 0
    assert read_perturbo(by_hand).long_range is None
