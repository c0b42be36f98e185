"""Stage refinement: a truth that one method finds exactly, costs, bounds on what is saved."""

import json

import matplotlib.image
import numpy as np
import pytest
from analytic import Chain
from conftest import ROOT

from ephforge.config import ConfigError, Refinement, validate
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Variable, read, write
from ephforge.core.realspace import model_variables, read_model
from ephforge.refinement import judge, stage, tables
from ephforge.refinement.cost import Cost, Saved, costs, saved
from ephforge.refinement.judge import Trial, coarse_meshes, hidden, recommended
from ephforge.refinement.refine import METHODS, refine

PROVENANCE = {"stage": "refinement", "options": {}, "code": "0"}
SHIPPED = ROOT / "resources/first_principles"
OPTIONS = Refinement(path_points=20).model_dump(mode="json")
K, COARSE, FINE = (4, 4, 4), (2, 2, 2), (4, 2, 2)


def meshes(q_mesh):
    return {
        f"g_{which}_mesh": Variable(np.array(mesh), ("direction",), "1", which)
        for which, mesh in (("k", K), ("q", q_mesh))
    }


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Record of a truth that nearest three-centre images made: from its coarse q they find it."""
    folder = tmp_path_factory.mktemp("refinement")
    silicon = read(SHIPPED / "si_2.nc", "model")
    truth = refine(read_model(silicon), (K, COARSE), FINE, METHODS["nearest"])
    variables, attributes = model_variables(truth)
    facts = {
        "run_input": silicon.attributes["run_input"] | {"q_mesh": list(FINE)},
        "run_seconds": {"cpu": {"phonon": 60.0}},
    }
    write(folder / "si.nc", "model", variables | meshes(FINE), attributes | facts)
    with pytest.MonkeyPatch.context() as patch:
        two = {"epw": METHODS["epw"], "short": METHODS["nearest"]}
        patch.setattr(judge, "METHODS", two)
        stage.run(
            *(str(folder / name) for name in ("si.nc", "si.json", "si.png")),
            [truth.name],
            OPTIONS,
            PROVENANCE,
            str(SHIPPED / "si_2.nc"),
        )
    return folder


def test_a_truth_of_nearest_images_is_found_by_them(told):
    record = json.loads((told / "si.json").read_text())
    assert record["hidden_q"] == 8
    assert record["method"] == "short"
    (trials,) = record["coarse"].values()
    assert trials["short"]["magnitude"] < 1e-6 < 0.02 < trials["epw"]["magnitude"]
    assert trials["short"]["complex"] < 1e-6
    assert trials["short"]["own_summed"] < trials["epw"]["own_summed"]


def test_minutes_are_those_of_the_run_on_the_coarse_mesh(told):
    record = json.loads((told / "si.json").read_text())
    assert record["dfpt"]["4x2x2"] == {"minutes": 1.0, "run": "si_2"}
    assert record["dfpt"]["2x2x2"]["run"] == "si_2"
    own = record["dfpt"]["2x2x2"]["minutes"]
    assert own == pytest.approx(13.23 / 60)
    assert record["saved_minutes"]["magnitude"]["2x2x2"] == {
        "least": 0.0,
        "most": pytest.approx(1 - own),
    }


def test_the_path_is_recorded_and_drawn(told):
    path = json.loads((told / "si.json").read_text())["path"]
    assert set(path["lines"]) == {"coarse", "refined", "fine"}
    assert len(path["lines"]["fine"]) == len(path["x"]) == len(path["piece"])
    assert path["lines"]["fine"][0] is None  # Gamma
    dots = path["dots"]
    assert len(dots["x"]) == len(dots["strength"]) == len(dots["is_given"]) > 2
    assert any(dots["is_given"])
    assert min(matplotlib.image.imread(told / "si.png").shape[:2]) > 400
    assert not list(told.glob(".*.part"))


def test_tables_are_those_of_the_docs(told):
    text = tables.table([str(told / "si.json")], "magnitude")
    head, _, row = text.splitlines()
    assert head.startswith("| magnitude | epw | zone | nearest | split | short ")
    assert row.startswith("| si_2, 2x2x2 of 4x2x2 | 0.")
    assert "| - |" in row


def test_coarser_meshes():
    assert coarse_meshes((4, 4, 4)) == [(2, 2, 2)]
    assert coarse_meshes((4, 4, 2)) == [(2, 2, 2)]
    assert coarse_meshes((6, 6, 6)) == [(2, 2, 2), (3, 3, 3)]
    assert coarse_meshes((3, 3, 3)) == coarse_meshes((2, 2, 2)) == []
    # neither every second nor every third q
    assert len(hidden([(2, 2, 2), (3, 3, 3)], (6, 6, 6))) == 216 - 8 - 27 + 1


def test_nothing_is_extrapolated():
    """Interpolation from 2x2x2 at 1 minute has 0.2, from 3x3x3 at 4 minutes 0.1; 6x6x6: 20."""
    known = [(1.0, 0.2), (4.0, 0.1)]
    assert saved(0.15, 1.0, known, 20.0) == Saved(0.0, 3.0)
    assert saved(0.05, 1.0, known, 20.0) == Saved(3.0, 19.0)
    assert saved(0.05, 4.0, known, 20.0) == Saved(0.0, 16.0)
    assert saved(0.3, 1.0, known, 20.0) == Saved(0.0, 0.0)  # worse than interpolation


def test_estimates_follow_the_share_of_q_and_other_input_does_not_count():
    run = {"name": "x_4", "q_mesh": [4, 4, 4], "cutoff": 20.0}
    own = {"run_input": run, "run_seconds": {"cpu": {"phonon": 640.0}}, "name": "x_4"}
    other = {
        "run_input": run | {"name": "x_2", "q_mesh": [2, 2, 2]},
        "run_seconds": {"cpu": {"phonon": 90.0}},
        "name": "x_2",
    }
    both = [(2, 2, 2), (4, 4, 4)]
    assert costs(own, [other], both, 1.0)[2, 2, 2] == Cost(1.5, "x_2")
    other["run_input"]["cutoff"] = 30.0
    assert costs(own, [other], both, 1.0)[2, 2, 2] == Cost(pytest.approx(80 / 60), "")
    assert costs({"name": "imported"}, [other], both, 1.0) == {}


def test_what_is_recommended_does_not_look_at_errors():
    there, refused = Trial({}, 1.0, ""), Trial({}, 0.0, "no gap")
    assert recommended({"response": there}, is_metal=False) == "response"
    assert recommended({"response": refused}, is_metal=False) == "multipoles"
    assert recommended({"response": there}, is_metal=True) == "short"


def test_what_cannot_be_refined_is_one_line(tmp_path):
    out = [str(tmp_path / "x.json"), str(tmp_path / "x.png")]
    with pytest.raises(EphforgeError, match=r"^si_2: no coarser mesh divides q mesh 2x2x2, .*$"):
        stage.run(str(SHIPPED / "si_2.nc"), *out, [], OPTIONS, PROVENANCE)
    chain = tmp_path / "chain.nc"
    write(chain, "model", *model_variables(Chain().model()))
    with pytest.raises(EphforgeError, match=r"chain\.nc: model file without 'g_k_mesh'"):
        stage.run(str(chain), *out, [], OPTIONS, PROVENANCE)


def test_options_that_cannot_be_are_one_clear_line():
    with pytest.raises(ConfigError, match=r"refinement\.path_points = 2: .*20"):
        validate({"refinement": {"path_points": 2}})
