"""The Python interface: xarray and ASE, against EPW's numbers and against the command."""

import numpy as np
import pytest
from ase.build import bulk, graphene
from conftest import ROOT
from typer.testing import CliRunner

from ephforge import api
from ephforge.cli.main import app
from ephforge.core.errors import EphforgeError

MODEL = ROOT / "resources/first_principles/si_2.nc"


@pytest.fixture(scope="module")
def model():
    return api.open_model(MODEL)


def test_couplings_are_what_epw_printed(model):
    printed = api.open_file(MODEL)
    found = api.couplings(model, printed.ref_k, printed.ref_q, soft_mode=0.0)
    # sums of squares over all states: EPW averages over other groups of states than we do
    axes = ("mode", "band_final", "band_initial")
    own_qk = np.sqrt((found.coupling_magnitude**2).sum(axes))
    printed_qk = np.sqrt((printed.ref_g**2).sum(("orbital", "orbital_2", "reference_mode")))
    np.testing.assert_allclose(own_qk, printed_qk, rtol=1e-4)
    np.testing.assert_allclose(found.phonon_energy, printed.ref_omega, atol=1e-2)


def test_couplings_are_those_of_the_command(model, tmp_path):
    (tmp_path / "k.txt").write_text("0 0 0\n0.1 0.2 0.3\n")
    (tmp_path / "q.txt").write_text("0.5 0 0\n")
    lists = ("--k-list", tmp_path / "k.txt", "--q-list", tmp_path / "q.txt")
    words = ["couple", MODEL, "-o", tmp_path / "g.nc", *lists]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0
    written = api.open_file(tmp_path / "g.nc")
    found = api.couplings(model, [[0, 0, 0], [0.1, 0.2, 0.3]], [[0.5, 0, 0]])
    for name in found.data_vars:
        assert found[name].dims == written[name].dims
        assert found[name].attrs["units"] == written[name].attrs["units"]
        np.testing.assert_allclose(found[name], written[name], rtol=1e-6, atol=1e-6)


def test_atoms_there_and_back(model):
    atoms = api.to_atoms(model)
    assert atoms.get_chemical_formula() == "Si2"
    back = api.crystal_of(atoms)
    for name in ("cell", "positions", "numbers", "masses"):
        np.testing.assert_array_equal(getattr(back, name), getattr(model.crystal, name))
    # neighbours of diamond are a sqrt(3)/4 apart
    length = np.linalg.norm(atoms.cell[0]) * np.sqrt(2)
    assert atoms.get_distance(0, 1, mic=True) == pytest.approx(length * np.sqrt(3) / 4, rel=1e-4)
    assert api.to_atoms(api.crystal_of(bulk("Cu"))).get_chemical_formula() == "Cu"


def test_atoms_that_are_no_crystal_are_refused():
    with pytest.raises(ValueError, match="expected all three directions"):
        api.crystal_of(graphene())


def test_files_keep_axes_units_and_meaning():
    found = api.open_file(MODEL)
    assert found.hopping.dims == ("hopping_cell", "orbital", "orbital_2")
    assert found.hopping.attrs["units"] == "eV"
    assert found.phi.attrs["long_name"] == "force constants Phi(R)"
    assert np.iscomplexobj(found.g_folded)


def test_what_has_no_maps_is_refused():
    with pytest.raises(EphforgeError, match=r"si_2\.nc: no maps in its root"):
        api.open_maps(MODEL)
    with pytest.raises(EphforgeError, match="no group '000001'"):
        api.open_file(MODEL, "000001")


def test_an_incomplete_model_is_refused(tmp_path):
    from ephforge.core.netcdf import write

    write(tmp_path / "half.nc", "model", {}, {"coupling": "wannier", "name": "half"})
    with pytest.raises(EphforgeError, match=r"half\.nc: model file without"):
        api.open_model(tmp_path / "half.nc")
