"""Stage modelcodec: bits whose number is known, and the record of a small model."""

import json
import math

import matplotlib.image
import numpy as np
import pytest
from analytic import Chain
from conftest import ROOT

from ephforge.config import ConfigError, Modelcodec, validate
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.core.realspace import model_variables, read_model
from ephforge.modelcodec import figures, rivals, stage, tables, templates
from ephforge.modelcodec.encode import Bounds, model_header
from ephforge.symmetry.coarse import coarse

PROVENANCE = {"stage": "modelcodec", "options": {}, "code": "0"}
SHIPPED = ROOT / "resources/first_principles"


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("modelcodec")
    options = Modelcodec(errors=[0.1, 0.3], templates=False).model_dump(mode="json")
    paths = (str(folder / name) for name in ("si_2.json", "si_2.png"))
    stage.run(str(SHIPPED / "si_2.nc"), *paths, options, PROVENANCE)
    return folder


def test_the_record_of_a_small_model(told):
    record = json.loads((told / "si_2.json").read_text())
    assert record["numbers"] == 8 * 2 * 64 * 3 * 16
    assert record["free"] < record["numbers"] / 50
    assert record["templates"] == []
    for row in record["rows"]:
        assert set(row["bits"]) == set(figures.METHODS) - {"templates"}
        assert row["bits"]["codec"] % 8 == 0  # bytes as written
        assert row["bits"]["dead_zone"] <= row["bits"]["histogram"] < row["bits"]["symmetric"]
        assert row["bits"]["symmetric"] < row["bits"]["truncation"]
    fine, rough = (row["bits"] for row in record["rows"])
    assert all(rough[method] <= fine[method] for method in fine)
    assert min(matplotlib.image.imread(told / "si_2.png").shape[:2]) > 400
    assert not list(told.glob(".*.part"))


def test_tables_are_those_of_the_docs(told):
    lines = tables.table([str(told / "si_2.json")], 0.1).splitlines()
    assert lines[0].startswith("| model | free numbers | truncation + index |")
    assert lines[2].startswith("| si_2 | ")
    assert lines[0].count("|") == lines[2].count("|")
    assert "no record of error 0.07" in tables.table([str(told / "si_2.json")], 0.07)


def test_all_materials_are_drawn_side_by_side(told):
    record = str(told / "si_2.json")
    stage.beside([record] * 5, str(told / "all.png"), {}, PROVENANCE)
    height, width = matplotlib.image.imread(told / "all.png").shape[:2]
    assert min(height, width) > 400
    with pytest.raises(EphforgeError, match=r"none\.json: not a readable record"):
        stage.beside(str(told / "none.json"), str(told / "none.png"), {}, PROVENANCE)
    assert not list(told.glob("*none*"))


def test_functions_in_another_order_and_sign_are_brought_back():
    contents = read(SHIPPED / "si_2.nc", "model")
    model = read_model(contents)
    values = coarse(model, (4, 4, 4), (2, 2, 2))
    header = model_header(model, values, Bounds(0.1, 0.1, 1e-3, None))
    order, sign_a = np.array([2, 0, 3, 1]), np.array([1.0, -1.0, -1.0, 1.0])
    sign_ab = sign_a[:, None] * sign_a
    turned = values._replace(
        hopping_rab=values.hopping_rab[:, order][:, :, order] * sign_ab,
        g_psrcab=values.g_psrcab[..., order, :][..., order] * sign_ab,
    )
    centre_b3 = model.hopping.centres[order]
    found = templates.brought(turned, centre_b3, header, values.hopping_rab[0])
    np.testing.assert_array_equal(found.g_psrcab, values.g_psrcab)
    with pytest.raises(EphforgeError, match="do not stand where"):
        templates.brought(turned, 0 * centre_b3, header, values.hopping_rab[0])


def test_numbers_that_are_kept_cost_their_bits_and_places():
    value_x = np.zeros(20)
    value_x[[3, 7]] = 1.0, -2.0
    ways = math.log2(20 * 19 / 2)
    assert rivals.truncated(value_x, 1e-6) == pytest.approx(2 * rivals.WORD + ways)
    # an error of one number leaves the other
    assert rivals.truncated(value_x, 1.1) == pytest.approx(rivals.WORD + math.log2(20))


def test_two_equally_frequent_numbers_are_one_bit_each():
    value_x = np.repeat([1.0, -1.0], 50)
    assert rivals.quantised(value_x, 1e-3, 0.5) == pytest.approx(100)


def test_a_matrix_of_rank_one_is_two_vectors():
    matrix = np.outer(np.arange(1.0, 5), np.arange(1.0, 8))
    assert rivals.ranked(matrix[None], 1e-6) == rivals.WORD * (4 + 7)


def test_bounded_compressors_hold_the_bound_they_are_counted_at():
    g = np.random.default_rng(0).normal(size=(8, 1, 8, 3, 2, 2))
    loose, tight = (rivals.packed(g, share * np.linalg.norm(g)) for share in (0.3, 0.01))
    assert all(loose[method] < tight[method] < 64 * g.size for method in ("sz3", "zfp"))


def test_what_has_no_wannier_functions_is_one_line(tmp_path):
    chain = tmp_path / "chain.nc"
    write(chain, "model", *model_variables(Chain().model()))
    paths = (str(tmp_path / name) for name in ("x.json", "x.png"))
    with pytest.raises(EphforgeError, match=r"chain\.nc: model file without 'g_k_mesh'"):
        stage.run(str(chain), *paths, Modelcodec().model_dump(mode="json"), PROVENANCE)


def test_options_that_cannot_be_are_one_clear_line():
    with pytest.raises(ConfigError, match=r"modelcodec\.errors\.0 = 2\.0: .*less than 1"):
        validate({"modelcodec": {"errors": [2.0]}})
