"""Conversion of an archive in Rydberg units, from one made here, and its refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.firstprinciples.convert import main
from ephforge.firstprinciples.reference import read_reference

BOHR, RYDBERG = 0.529177210903, 13.605693122994  # CODATA 2018: angstrom, eV
BANDS, MODES, CELLS_E, CELLS_L, CELLS_P = 2, 6, 3, 1, 2
POINTS_Q, POINTS_K = 4, 3


@pytest.fixture
def archive(tmp_path) -> Path:
    """A polar two-atom model with two bands, of random numbers."""
    random = np.random.default_rng(0)
    table = (POINTS_Q, POINTS_K, BANDS, BANDS, MODES)
    arrays = {
        "cell": 5 * np.eye(3),
        "tau": np.array([[0, 0, 0], [2.5, 2.5, 2.5]]),
        "wannier_centres": np.array([[2.4, 2.5, 2.5], [5.1, 0, 0]]),
        "masses_ry": np.array([911.4442431, 2 * 911.4442431]),
        "ityp": np.array([1, 2]),
        "Rk": np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]], dtype=np.int16),
        "H": random.normal(size=(CELLS_E, BANDS, BANDS)) + 0j,
        "Rq": np.zeros((CELLS_L, 3), dtype=np.int16),
        "C": random.normal(size=(CELLS_L, MODES, MODES)) + 0j,
        "Rg": np.array([[0, 0, 0], [0, 1, 0]], dtype=np.int16),
        "g": (random.normal(size=(CELLS_P, MODES, CELLS_E, BANDS, BANDS)) + 1j).astype("c8"),
        "polar": True,
        "Zstar": np.stack([np.diag([2.0, 2, 2]), -np.diag([2.0, 2, 2])]),
        "epsilon": 3 * np.eye(3),
        "nq": np.array([2, 2, 2]),
        "alat": 5.0,
        "ref_q": random.random((POINTS_Q, 3)),
        "ref_k": random.random((POINTS_K, 3)),
        "ref_enk_eV": np.broadcast_to(np.arange(BANDS)[:, None, None], table),
        "ref_enkq_eV": np.broadcast_to(np.arange(BANDS)[:, None], table),
        "ref_omega_meV": np.broadcast_to(np.arange(MODES), table),
        "ref_g_meV": random.random(table),
    }
    path = tmp_path / "made.npz"
    np.savez(path, **arrays)
    (tmp_path / "inputs").mkdir()
    record = {"species": [["Na", 1, "x"], ["Cl", 2, "y"]]}
    (tmp_path / "inputs" / "made.json").write_text(json.dumps(record))
    return path


def test_units_and_axes(archive, tmp_path):
    target = tmp_path / "made.nc"
    assert main([str(archive), str(target)]) == 0
    given = np.load(archive)
    contents = read(target, "model")
    model, reference = read_model(contents), read_reference(contents.variables)
    assert model.crystal.masses == pytest.approx([1, 2], rel=1e-9)
    assert model.crystal.numbers.tolist() == [11, 17]
    assert model.hopping.site.tolist() == [1, 0]
    np.testing.assert_allclose(model.crystal.cell, 5 * BOHR * np.eye(3))
    np.testing.assert_allclose(model.hopping.energy, given["H"] * RYDBERG)
    # row a = 3 s + c of the archive
    assert model.force_constants.phi[0, 1, 2, 0, 1] == pytest.approx(
        given["C"][0, 5, 1].real * RYDBERG / BOHR**2
    )
    assert model.coupling.g[1, 1, 0, 2, 0, 1] == pytest.approx(
        given["g"][1, 3, 2, 0, 1] * RYDBERG / BOHR, rel=1e-6
    )
    assert model.coupling.g.dtype == np.complex64
    assert model.long_range.lattice_unit == pytest.approx(5 * BOHR)
    # the archive has n (at k) before m (at k+q)
    assert reference.g[2, 1, 1, 0, 4] == given["ref_g_meV"][2, 1, 0, 1, 4]
    assert contents.attributes["run_input"]["species"][1][0] == "Cl"


def test_refusals(archive, tmp_path, capsys):
    def line(*arguments):
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1
        return status, printed

    target = tmp_path / "out.nc"
    assert line(archive) == (
        2,
        "usage: python -m ephforge.firstprinciples.convert SOURCE.npz OUT.nc\n",
    )
    status, printed = line(tmp_path / "none.npz", target)
    assert (status, "none.npz: no such file" in printed) == (1, True)

    whole = archive.read_bytes()
    archive.write_bytes(whole[:2000])
    status, printed = line(archive, target)
    assert (status, "damaged or not an archive" in printed) == (1, True)

    np.savez(archive, cell=np.eye(3))
    status, printed = line(archive, target)
    assert (status, "no array 'tau'" in printed) == (1, True)

    archive.write_bytes(whole)
    (tmp_path / "inputs" / "made.json").unlink()
    status, printed = line(archive, target)
    assert (status, "put it in inputs/" in printed) == (1, True)
    assert not target.exists()
