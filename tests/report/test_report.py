"""The report from small records: metrics as promised, a page that stands alone, missing numbers."""

import copy
import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from coverage_record import coverage_record, write_coverage_arrays

from ephforge.core.machine import machine
from ephforge.core.netcdf import Variable, read, write
from ephforge.core.records import write_record
from ephforge.layers import LAYERS
from ephforge.report import captions, coverage, figures, maps, materials, models, page, stage
from ephforge.report.metrics import best_classical

MACHINE = {"cpu": "A processor", "cores": 2, "memory_gib": 8.0, "device": "cpu"}
OTHER = MACHINE | {"cores": 1, "device": "A GPU"}
ROW = {
    "autoencoder": 0.2,
    "linear": 0.25,
    "svd": 0.6,
    "pca": 0.3,
    "orbits": 0.4,
    "sz3": 0.6,
}


def provenance(name):
    return {"stage": name, "options": {"of": name}, "code": f"{name:0<16}"}


def records():
    table = {"0.001": ROW, "0.01": dict.fromkeys(ROW, 0.05) | {"svd": None}}
    confusion = {"latent": [[3, 1], [0, 4]]}
    accuracies = {"latent": 0.875, "pca": 0.5, "handmade": None, "chance": 0.5}
    probed = accuracies | {"classes": ["diamond", "fcc"], "materials": 8, "confusion": confusion}
    words = {"true": "diamond", "latent": "diamond", "pca": "fcc", "handmade": None}
    near = {"name": "000003", "prototype": "fcc", "family": "fcc/emt/s"}
    points = [
        {"name": f"{i:06d}", "prototype": "fcc", "family": "f", "split": "train", "x": i, "y": -i}
        for i in range(4)
    ]
    real = {"name": "si_4", "prototype": "diamond", "family": "f", "split": "real"}
    refine = {"autoencoder": 0.5, "linear": 0.4, "trilinear": 0.6, "cubic": 0.6, "fourier": 0.6}
    return {
        "card": {
            "provenance": provenance("dataset"),
            "drawn": 10,
            "accepted": 8,
            "rejected": {"imaginary modes": 2},
            "prototypes": {"diamond": 4, "fcc": 4},
            "potentials": {"emt": 4, "brenner": 4},
            "bases": {"s": 8},
            "families": {"diamond/brenner/s": 4, "fcc/emt/s": 4},
            "pairs": {
                "diamond/brenner": {"drawn": 5, "accepted": 4},
                "fcc/emt": {"drawn": 5, "accepted": 4},
            },
            "splits": {
                "train": {"materials": 4, "families": ["fcc/emt/s"]},
                "validation": {"materials": 0, "families": []},
                "test": {"materials": 4, "families": ["diamond/brenner/s"]},
            },
            "matrices": 96,
            "seed": 7,
            "earlier": {
                "lattice": {
                    "wall_seconds": 5.0,
                    "options": [{"of": "lattice"}],
                    "code": ["l"],
                    "machine": [MACHINE],
                },
                "coupling": {
                    "wall_seconds": 6.0,
                    "options": [{"of": "c"}],
                    "code": ["c", "d"],
                    "machine": [MACHINE, OTHER],
                },
            },
            "wall_seconds": 1.0,
        },
        "history": provenance("train")
        | {
            "columns": {
                "step": [10, 20],
                "train": [0.9, 0.5],
                "validation_0.001": [0.9, 0.7],
                "validation_0.01": [0.5, None],
                "validation_refined": [0.8, 0.75],
                "validation": [0.8, 0.6],
            },
            "wall_seconds": 3.0,
        },
        "compress": {
            "provenance": provenance("compress"),
            "methods": dict.fromkeys(ROW, "what it does"),
            "budgets": [0.001, 0.01],
            "best_classical": {"si_4": {}},
            "geometric_mean": {},
            "bits": {"si_4": {}},
            "decoder_bytes": {"si_4": {"pca_joint": 4}},
            "error_bounded": {"si_4": {"0.1": {"bound_mev": 3.0, "sz3": 0.01, "orbits": 0.02}}},
            "physics": {
                "si_4": {
                    "quantity": "linewidths",
                    "value": 0.01,
                    "deviations": {"0.001": {"pca_joint": 0.05}, "0.01": {"pca_joint": 0.01}},
                }
            },
            "synthetic_test": table,
            "synthetic_test_median": table,
            "first_principles": {"si_4": table},
            "reasons": {},
            "wall_seconds": 1.0,
        },
        "superresolve": {
            "provenance": provenance("superresolve"),
            "methods": dict.fromkeys(refine, ""),
            "coarse_q_mesh": [2, 2, 2],
            "tuning": {"powers": {"trilinear": 1.0, "cubic": 1.0, "fourier": 2.0}, "ridge": 0.1},
            "synthetic_test": refine,
            "synthetic_test_median": refine,
            "first_principles": {"si_4": refine},
            "reasons": {},
            "wall_seconds": 1.0,
        },
        "classify": {
            "provenance": provenance("classify"),
            "methods": {"latent": "", "pca": "", "handmade": ""},
            "synthetic_test": probed | {"within_lattice": probed},
            "first_principles": {"si_4": words | {"within_lattice": words}},
            "bonding": bonding(),
            "wall_seconds": 1.0,
        },
        "latent": {
            "provenance": provenance("latent"),
            "explained_variance": [0.6],
            "points": [*points, real | {"x": 0.5, "y": 0.5}],
            "typical_distance": 1.0,
            "neighbours": {"si_4": [near | {"distance": 2.0, "relative_distance": 2.0}]},
            "novelty": {
                "level": 0.95,
                "limit": 2.0,
                "families": 20,
                "validation": [0.5, 1.0, 2.0],
                "test": [0.5, 2.5],
                "first_principles": {"si_4": 3.0},
            },
            "wall_seconds": 1.0,
        },
        "coverage": coverage_record(provenance("coverage")),
    }


def bonding():
    rates = {"accuracy": [0.9, 0.8, 0.95], "balanced": [0.86, 0.7, 0.9]}
    probes = {
        "linear": rates | {"fewer_errors_than_pca": [0.4, 0.1, 0.6]},
        "neighbours": rates | {"fewer_errors_than_pca": None},
    }
    lattice = {"prototypes": ["diamond", "rocksalt"], "materials": 30, "chance": 0.5}
    words = {"true": "covalent", "latent": {"linear": "covalent"}, "pca": {"linear": "ionic"}}
    return {
        "methods": {"latent": "", "pca": ""},
        "shapes": [],
        "lattices": [lattice | {"test": {"latent": probes, "pca": probes}}],
        "first_principles": {"si_4": words},
    }


def real_materials(folder):
    paths = [str(folder / f"{name}.nc") for name in ("si_4", "al_4")]
    for path in paths:
        facts = provenance("firstprinciples") | {"wall_seconds": 2.0}
        write(path, "firstprinciples", {}, facts)
    return paths


def dispersion_groups():
    """One synthetic and one real material, two pieces of a path."""
    random, groups = np.random.default_rng(0), {}
    for name, potential in (("000003", "emt"), ("mgo_4", "dft")):
        axes = {"energies": ("point", "band"), "frequencies": ("point", "mode")}
        variables = {
            key: Variable(random.uniform(size=(9, 3)), axis, "eV", key)
            for key, axis in axes.items()
        }
        coupling = random.uniform(size=(9, 3))
        coupling[0] = np.nan
        x = np.arange(9.0)
        variables |= {
            "coupling": Variable(coupling, axes["frequencies"], "meV", "c"),
            "place": Variable(x, ("point",), "1", "x"),
            "piece": Variable(np.repeat([0, 1, 2], 3), ("point",), "1", "p"),
            "map_place": Variable(x[:5] * 2, ("map_point",), "1", "x"),
            "map": Variable(random.uniform(size=(5, 5)), ("map_k", "map_q"), "meV", "m"),
        }
        labels = {"potential": potential, "family": f"fcc/{potential}/s", "kind": "metal"}
        groups[name] = (
            variables,
            {
                "name": name,
                "labels": labels,
                "ticks": [0.0, 4.0, 4.1, 8.0],
                "tick_names": ["a", "b", "c", "d"],
                "bands": 2,
                "is_polar": potential == "dft",
            },
        )
    return groups


def model_records(folder):
    """Records of modelcodec and refinement, the picture of one of them beside it."""
    codec = {"codec": 1200, "decay": 1360, "histogram": 2000, "symmetric": 3900}
    codec |= {"entropy": 167_000, "truncation": 335_000, "templates": 340}
    errors = dict.fromkeys(("magnitude", "own_modes", "own_summed"), 0.2)
    saved = {"2x2x2": {"least": 0.0, "most": 5.0}}
    written = {
        "modelcodec": {"rows": [{"error": 0.02, "bits": codec}]},
        "refinement": {
            "q_mesh": [4, 4, 4],
            "method": "response",
            "coarse": {"2x2x2": {"epw": errors, "response": errors | {"magnitude": 0.02}}},
            "dfpt": {"2x2x2": {"minutes": 1.0, "run": ""}, "4x4x4": {"minutes": 6.0, "run": "x"}},
            "saved_minutes": {"magnitude": saved, "own_summed": saved},
            "path": {"x": [0.0]},
        },
    }
    paths = [folder / f"{name}.json" for name in written]
    for path, record in zip(paths, written.values(), strict=True):
        write_record(path, provenance(path.stem) | record | {"name": "si_4"})
    paths[1].with_suffix(".png").write_bytes(b"a picture")
    return dict.fromkeys(map(str, paths), "digest")


def build(folder, found, optional=()):
    paths = {}
    for name, record in found.items():
        paths[name] = str(folder / f"{name}.json")
        write_record(paths[name], record)
    rebuilt = {
        name: Variable(np.random.default_rng(0).uniform(size=(8, 8)), ("k", "q"), "meV", name)
        for name in ("true", "autoencoder", "svd", "pca")
    }
    attributes = {
        "name": "si_4",
        "labels": {"potential": "dft", "family": "first-principles"},
        "channel": {"final_band": 0, "initial_band": 1, "mode": 2},
        "errors": {"true": 0.0, "autoencoder": 0.2, "svd": 0.6, "pca": 0.3},
    }
    write(folder / "examples.nc", "examples", {}, {}, {"si_4": (rebuilt, attributes)})
    rebuilt["is_given"] = Variable(np.arange(8) % 2, ("q",), "1", "given")
    write(folder / "refined.nc", "examples", {}, {}, {"si_4": (rebuilt, attributes)})
    facts = provenance("dispersions") | {"wall_seconds": 1.0}
    write(folder / "dispersions.nc", "dispersions", {}, facts, dispersion_groups())
    write_coverage_arrays(folder / "arrays.nc")
    outputs = {f"{name}_figure": str(folder / "report" / f"{name}.png") for name in stage.HEADINGS}
    outputs |= {
        n: str(folder / "report" / f)
        for n, f in (("index", "index.html"), ("metrics", "metrics.json"))
    }
    options = {"title": "A <small> campaign"}
    stage.run(
        **paths,
        examples=str(folder / "examples.nc"),
        coverage_arrays=str(folder / "arrays.nc"),
        dispersions=str(folder / "dispersions.nc"),
        refined=str(folder / "refined.nc"),
        materials=real_materials(folder),
        **outputs,
        options=options,
        provenance=provenance("report") | {"options": options},
        optional=dict(optional),
    )
    return Path(outputs["index"]).read_text(), json.loads(Path(outputs["metrics"]).read_text())


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder, page and metrics of the records as they are: drawing takes seconds."""
    folder = tmp_path_factory.mktemp("built")
    return folder, *build(folder, records())


def test_metrics_hold_what_was_promised(built):
    _, _, metrics = built
    assert metrics["synthetic_test"]["compress"]["0.001"] == ROW
    real = metrics["first_principles"]["si_4"]
    assert real["compress"]["0.001"]["autoencoder"] == 0.2
    assert real["superresolve"]["trilinear"] == 0.6
    assert real["classify"]["latent"] == "diamond"
    assert real["bonding"]["pca"] == {"linear": "ionic"}
    assert metrics["synthetic_test"]["bonding"][0]["materials"] == 30
    assert metrics["materials"]["rejected"] == {"imaginary modes": 2}
    assert metrics["materials"]["bases"] == {"s": 8}
    assert metrics["matrices"] == 96
    assert metrics["wall_time"]["train"] == 3.0
    assert metrics["wall_time"]["lattice"] == 5.0
    assert metrics["wall_time"]["firstprinciples"] == 4.0
    assert metrics["wall_time"]["report"] > 0
    assert metrics["wall_time"].keys() == metrics["code"].keys() == metrics["options"].keys()
    assert metrics["machines"].keys() == metrics["code"].keys()
    assert metrics["machines"]["lattice"] == MACHINE
    assert metrics["machines"]["coupling"] == [MACHINE, OTHER]
    assert metrics["machines"]["report"] == machine()
    assert metrics["novelty"] == {"level": 0.95, "limit": 2.0, "test_beyond_limit": 0.5}
    assert real["novelty"] == 3.0
    parts = {"core", "electrons", "phonons", "baselines", "model"}
    # no stages of a campaign
    parts |= {"threecentre", "espresso", "observables", "ablation", "audit", "cli", "bench", "api"}
    parts |= {"mapcodec", "trust", "symmetry", "modelcodec", "refinement"}
    assert set(metrics["code"]) == LAYERS.keys() - parts
    assert metrics["code"]["coupling"] == ["c", "d"]
    assert metrics["options"]["firstprinciples"] == {"of": "firstprinciples"}
    assert metrics["seed"] == 7
    assert metrics["code"]["compress"].startswith("compress")
    assert metrics["options"]["train"] == {"of": "train"}
    assert "numpy" in metrics["versions"]


def test_the_picture_of_all_materials_stands_before_those_of_each(tmp_path):
    folder = tmp_path / "modelcodec"
    folder.mkdir()
    (every,) = [path for path in model_records(folder) if Path(path).stem == "modelcodec"]
    Path(every).with_suffix(".png").write_bytes(b"a picture")
    folder.with_suffix(".png").write_bytes(b"a picture")
    _, pictures = models.found([every])
    assert [path for _, path in pictures] == [
        folder.with_suffix(".png"),
        Path(every).with_suffix(".png"),
    ]


def test_the_rule_names_every_figure():
    rule = (ROOT / "workflow/rules/tasks.smk").read_text()
    assert set(re.findall(r"^        (\w+)_figure=report\(", rule, re.M)) == set(stage.HEADINGS)


def test_the_page_stands_alone(built):
    _, html, _ = built
    images = re.findall(r'src="([^"]*)"', html)
    assert len(images) == len(stage.HEADINGS)
    assert all(source.startswith("data:image/png;base64,") for source in images)
    assert "http" not in re.sub(r"base64,[^\"]*", "", html)
    assert "A &lt;small&gt; campaign" in html


def test_real_space_models_stand_on_the_page_where_their_records_are_there(built, tmp_path):
    _, html, metrics = built
    assert "Real-space models" not in html
    assert metrics["models"] == {"modelcodec": {}, "refinement": {}}
    html, metrics = build(tmp_path, records(), model_records(tmp_path))
    assert html.count('href="#models"') == html.count('id="models"') == 1
    assert html.count("data:image/png") == len(stage.HEADINGS) + 1
    assert '<td class="n">1,200</td><td class="n">340</td>' in html
    assert '<td class="n">0.17</td>' in html  # with templates over the histogram
    assert '<td class="n">0.200 → 0.020</td>' in html
    assert '<td class="n">about 60 s</td><td class="n">6 min</td>' in html
    assert html.count('<td class="n">0 s to 5 min</td>') == 2
    assert metrics["models"]["modelcodec"]["si_4"]["rows"][0]["bits"]["codec"] == 1200
    assert "path" not in metrics["models"]["refinement"]["si_4"]


def test_coverage_is_told_in_words_and_numbers(built):
    _, html, metrics = built
    assert "bandwidth above" in html
    assert metrics["first_principles"]["si_4"]["coverage"]["models"]["score"] == 0.99
    assert metrics["coverage"]["distributions"]["bandwidth"] == {"within": 0.0, "overlap": 0.5}
    record = records()["coverage"]
    assert "none of the real materials would be an outlier" in coverage.distribution_caption(record)
    record["first_principles"]["si_4"]["maps"]["score"] = 0.96
    assert "Si (si_4) would be an outlier" in coverage.distribution_caption(record)


def test_machines_and_novelty_stand_on_the_page(built):
    _, html, _ = built
    assert "A processor, 2 cores, 8 GiB, device cpu" in html
    assert "A processor, 1 core, 8 GiB, device A GPU" in html
    row = re.search(r"<td>coupling</td>(.*?)</tr>", html)[1]
    assert "<td>1, 2</td>" in row
    assert '<td class="n">1.50</td>' in html  # 3.0 over the limit
    assert "Real materials beyond it: Si (si_4)." in html
    assert "1 of 2 test materials are beyond it" in html


def test_no_limit_is_said(tmp_path):
    found = records()
    found["latent"]["novelty"] |= {"limit": None, "families": 3, "test": []}
    html, metrics = build(tmp_path, found)
    assert "The 3 families of the validation split are too few" in html
    assert metrics["novelty"] == {"level": 0.95, "limit": None, "test_beyond_limit": None}


def test_the_funnel_ends_with_the_splits():
    bars = figures.funnel_bars(records()["card"])
    assert [(label, start, length) for label, start, length, _ in bars] == [
        ("drawn", 0, 10),
        ("rejected: imaginary modes", 8, 2),
        ("accepted", 0, 8),
        ("train", 0, 4),
        ("validation", 4, 0),
        ("test", 4, 4),
    ]


def test_what_is_hidden_is_not_drawn_and_the_best_other_method_is(built):
    figure = maps.refined_maps(read(built[0] / "refined.nc", "examples"))
    titles = [axes.get_title() for axes in figure.axes[:4]]
    assert titles == ["as computed", "given: 4 q", "autoencoder: 0.20", "PCA, single maps: 0.30"]
    given = np.ma.filled(figure.axes[1].images[0].get_array().astype(float), np.nan)
    assert np.isnan(given[:, ::2]).all()
    assert np.isfinite(given[:, 1::2]).all()


def test_near_ticks_of_a_path_stand_below_each_other(built):
    arrays = read(built[0] / "dispersions.nc", "dispersions")
    figure = materials.along_paths(arrays)
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["a", "b", "\nc", "d"]
    assert "first principles" in figure.axes[4].get_ylabel()  # synthetic ones stand above
    assert "Polar ones (MgO (mgo_4))" in materials.path_caption(arrays)


def test_missing_numbers_become_dashes(tmp_path):
    found = copy.deepcopy(records())
    compress = found["compress"]
    for table in (compress["synthetic_test"], *compress["first_principles"].values()):
        for row in table.values():
            row["autoencoder"] = row["pca"] = None
    found["superresolve"]["first_principles"]["si_4"]["autoencoder"] = None
    found["classify"]["synthetic_test"] |= {"latent": None, "confusion": {}, "reason": "one class"}
    found["history"]["columns"] = {"step": [10], "train": [0.5]}
    html, metrics = build(tmp_path, found)
    assert metrics["synthetic_test"]["compress"]["0.01"]["autoencoder"] is None
    assert '<td class="n">-</td>' in html


def test_the_learning_curve_names_steps_and_the_score():
    history = records()["history"]
    axes = figures.learning_curve(history).axes[0]
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}
    assert drawn["validation, codes of step 0.001 rms |g|"] == [0.9, 0.7]
    assert drawn["validation, codes of step 0.01 rms |g|"][0] == 0.5
    assert drawn["validation, coarse q mesh given"] == [0.8, 0.75]
    assert len(drawn) == len(history["columns"]) - 1  # all but the steps
    assert "the smallest is 0.600" in captions.learning(history)
    no_scores = history | {"columns": {"step": [10], "train": [0.5]}}
    assert "validation split is empty" in captions.learning(no_scores)


def test_the_autoencoder_is_no_classical_method():
    assert best_classical(ROW) == ("pca", 0.3)
    assert best_classical(ROW | {"linear": 0.01}) == ("pca", 0.3)
    assert best_classical({"autoencoder": 0.1, "linear": 0.1, "svd": None}) is None


def test_bounds_and_physics_stand_on_the_page(built):
    _, html, metrics = built
    (row,) = page.bounded(records()["compress"])
    assert (row["best"], row["sz3"], row["bound"]) == ("SZ3", 0.01, "10 %")
    assert '<td class="n">1 %</td>' in html  # SZ3's bits
    assert [row["values"] for row in page.physics(records()["compress"])][1] == [0.05, 0.01]
    assert metrics["compression"]["decoder_bytes"] == {"si_4": {"pca_joint": 4}}


def test_the_winner_is_said_honestly():
    table = {
        "0.001": ROW,
        "0.01": {"autoencoder": 0.4, "svd": 0.398},
        "0.1": {"autoencoder": 0.4, "svd": 0.3},
        "0.2": {"autoencoder": 2e-5, "svd": 1e-7},
    }
    compress = {"synthetic_test": table, "first_principles": {}}
    assert [row["winner"] for row in page.headline(compress)] == [
        "autoencoder",
        "equal",
        "classical",
        "equal",
    ]


def test_the_linear_part_does_not_take_the_win_from_the_autoencoder():
    refine = records()["superresolve"]
    assert refine["first_principles"]["si_4"]["linear"] < 0.5
    assert "for 1 of 1 real" in captions.super_resolution(refine)
    refine["first_principles"]["si_4"]["trilinear"] = 0.3
    assert "for 0 of 1 real" in captions.super_resolution(refine)


@pytest.mark.parametrize(("error", "cases"), [(0.2, "2 of 2"), (0.9, "0 of 2")])
def test_the_caption_counts_wins(error, cases):
    found = records()["compress"]
    table = {b: {"autoencoder": error, "svd": 0.5} for b in ("0.001", "0.01")}
    assert cases in captions.compression(found | {"first_principles": {"si_4": table}})
