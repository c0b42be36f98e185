"""The stage on a small metal and on a polar material: record, picture, first-principles points."""

import matplotlib.image
import numpy as np
import pytest
from analytic import Chain, as_wannier
from conftest import ROOT
from test_eliashberg import crystal_model

from ephforge.config import ConfigError, Observables, validate
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Variable, read, write
from ephforge.core.realspace import model_variables, read_model
from ephforge.core.records import read_record
from ephforge.observables import paths
from ephforge.observables.stage import run

PROVENANCE = {"stage": "observables", "options": {}, "code": "0"}
POINTS = np.array([[0.5, 0.5, 0], [0.25, 0.25, 0], [0.1, 0.2, 0.45], [0, 0, 0]])


def options(**changes) -> dict:
    small = {"path_points": 40, "density_mesh": (12, 12, 12), "metals": {}}
    return Observables(**small | changes).model_dump(mode="json")


def write_model(path, model, **extra) -> None:
    """A model file with first-principles points 10 meV and 0.2 meV off, one band below."""
    variables, attributes = model_variables(model)
    bands = np.concatenate([np.full((4, 1), -50.0), paths.bands(model, POINTS) + 0.010], axis=1)
    omega = 1e3 * paths.phonons(model, POINTS) - 0.2
    variables |= {
        "dft_k": Variable(POINTS, ("dft_k", "vector"), "1", "k"),
        "dft_bands": Variable(bands, ("dft_k", "dft_band"), "eV", "bands"),
        "dft_q": Variable(POINTS, ("dft_q", "vector"), "1", "q"),
        "dft_omega": Variable(omega, ("dft_q", "dft_mode"), "meV", "phonons"),
    }
    write(path, "model", variables, attributes | {"dft_band_first": 1} | extra)


def test_a_metal(tmp_path):
    write_model(tmp_path / "fcc.nc", crystal_model())
    changes = {
        "metals": {"fcc": {"electrons": 0.8, "literature": (0.1, 0.2)}},
        "meshes": [((6, 6, 6), (3, 3, 3)), ((8, 8, 8), (4, 4, 4))],
        "broadenings": [0.1, 0.2],
    }
    record, figure = tmp_path / "fcc.json", tmp_path / "fcc.png"
    run(str(tmp_path / "fcc.nc"), str(record), str(figure), options(**changes), PROVENANCE)
    found = read_record(record)
    assert found["bands"]["points"] == 4
    assert found["bands"]["rms_deviation_mev"] == pytest.approx(10)
    assert found["phonons"]["points"] == 3  # without Gamma
    assert found["phonons"]["largest_deviation_mev"] == pytest.approx(0.2)
    metal = found["metal"]
    assert len(metal["convergence"]) == 4
    assert metal["result"] == metal["convergence"][-1]
    assert metal["result"]["broadening_ev"] == 0.2
    assert metal["result"]["k_mesh"] == [8, 8, 8]
    integrand = np.array(metal["alpha2f"][1:]) / np.array(metal["energy_mev"][1:])
    area = np.trapezoid(2 * integrand, metal["energy_mev"][1:])
    assert area == pytest.approx(metal["result"]["lambda"], rel=0.01)
    assert found["polar"] is None
    assert found["wall_seconds"] > 0
    pixels = matplotlib.image.imread(figure)
    assert min(pixels.shape[:2]) > 400
    assert not list(tmp_path.glob(".*.part"))


def test_a_polar_material_without_first_principles_points(tmp_path):
    """As models of other people's EPW runs are."""
    shipped = read_model(read(ROOT / "resources/first_principles/alas_4.nc", "model"))
    source = tmp_path / "bare.nc"
    write(source, "model", *model_variables(shipped))
    record, figure = tmp_path / "alas.json", tmp_path / "alas.png"
    run(str(source), str(record), str(figure), options(), PROVENANCE)
    found = read_record(record)
    assert found["metal"] is None
    assert "points" not in found["bands"]
    assert list(found["polar"]["ratio_at_smallest_q"]) == ["[100]", "[110]", "[111]"]
    for ratio in found["polar"]["ratio_at_smallest_q"].values():
        assert ratio == pytest.approx(1, abs=0.01)
    assert figure.stat().st_size > 10_000


def test_a_two_centre_model_is_refused(tmp_path):
    path = tmp_path / "chain.nc"
    variables, attributes = model_variables(Chain().model())
    write(path, "model", variables, attributes)
    assert read(path, "model").attributes["coupling"] == "two-centre"
    with pytest.raises(EphforgeError, match=r"chain\.nc: two-centre model"):
        run(str(path), str(tmp_path / "x.json"), str(tmp_path / "x.png"), options(), PROVENANCE)
    assert as_wannier(Chain().model()).name == "chain"


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"broadening": 0.25}, ["broadening = 0.25", "[0.1, 0.2, 0.3]"]),
        ({"meshes": [[[8, 8, 8], [3, 3, 3]]]}, ["(3, 3, 3)", "divide", "(8, 8, 8)"]),
        ({"metals": {"al_4": {}}}, ["metals.al_4.electrons", "required"]),
    ],
)
def test_options_that_cannot_be_are_one_clear_line(change, parts):
    with pytest.raises(ConfigError) as found:
        validate({"observables": change})
    assert "\n" not in str(found.value)
    for part in ["observables", *parts]:
        assert part in str(found.value)
