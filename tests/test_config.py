"""Options: the shipped files agree with the models, and a mistake is one line that helps."""

import json

import pytest
import yaml
from conftest import ROOT, TINY

from ephforge import config
from ephforge.config import Config, ConfigError, load, validate


def test_the_default_file_holds_the_defaults():
    assert load(ROOT / "config.yaml") == Config()


def test_the_default_file_and_the_schema_are_the_generated_ones():
    hint = "run `make config`"
    assert (ROOT / "config.yaml").read_text() == config.default_yaml(), hint
    assert (ROOT / "config/schema.json").read_text() == config.schema_json(), hint


def test_every_option_is_described_in_the_default_file():
    text = (ROOT / "config.yaml").read_text()
    for section in Config.model_fields.values():
        for option in section.annotation.model_fields.values():
            assert option.description
            assert f"  # {option.description}\n" in text


def test_the_schema_refuses_unknown_keys():
    schema = json.loads((ROOT / "config/schema.json").read_text())
    assert schema["additionalProperties"] is False
    assert all(s["additionalProperties"] is False for s in schema["$defs"].values())


@pytest.mark.parametrize("path", [TINY, ROOT / "config/large.yaml"])
def test_the_other_files_are_valid(path):
    assert load(path) != Config()


MISTAKES = [
    # what the user wrote, what the line has to name: key, value, what is allowed
    ({"train": {"lerning_rate": 0.1}}, ["train.lerning_rate", "learning_rate"]),
    ({"cuopling": {}}, ["cuopling", "coupling"]),
    ({"coupling": {"k_mesh": [-4, 4, 4]}}, ["coupling.k_mesh.0", "-4", "greater than"]),
    ({"coupling": {"k_mesh": [4, 4]}}, ["coupling.k_mesh", "required"]),
    ({"coupling": {"k_mesh": [6, 6, 6]}}, ["k_mesh (6, 6, 6)", "q_mesh (4, 4, 4)", "divide"]),
    ({"superresolve": {"coarse_q_mesh": [3, 3, 3]}}, ["coarse_q_mesh (3, 3, 3)", "divide"]),
    ({"lattice": {"potentials": ["emtt"]}}, ["lattice.potentials.0", "'emtt'", "'emt', 'emt2013'"]),
    ({"campaign": {"materials": 61, "shard_size": 60}}, ["materials = 61", "60", "120"]),
    ({"campaign": {"seed": -1}}, ["campaign.seed", "-1", "greater than or equal to 0"]),
    ({"train": {"learning_rate": "fast"}}, ["train.learning_rate", "'fast'", "number"]),
    ({"dataset": {"test_fraction": 0.95}}, ["test_fraction", "below 1"]),
    ({"firstprinciples": {"materials": ["../x"]}}, ["materials.0", "'../x'", "pattern"]),
    ({"train": None}, ["train", "None"]),
    (
        {"espresso": {"materials": {"si_2": {"cutof": 1}}}},
        ["unknown key 'espresso.materials.si_2.cutof'; allowed here: crystal", "cutoff"],
    ),
    ({"a\nb": {}}, ["unknown key 'a b'"]),
]


@pytest.mark.parametrize(("values", "parts"), MISTAKES)
def test_a_mistake_is_one_line_that_names_key_value_and_what_is_allowed(values, parts):
    with pytest.raises(ConfigError) as caught:
        validate(values, "my.yaml")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith("my.yaml: ")
    for part in parts:
        assert part in line


def test_an_absent_and_a_broken_file_are_one_line(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("train: [\n")
    for path in (tmp_path / "absent.yaml", broken):
        with pytest.raises(ConfigError, match=path.name) as caught:
            load(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [MISTAKES[0][0], MISTAKES[2][0], MISTAKES[6][0]])
def test_snakemake_stops_with_that_line(checkout, values):
    (checkout.folder / "my.yaml").write_text(yaml.safe_dump(values))
    run = checkout.snakemake("-n", "--configfile", "my.yaml")
    with pytest.raises(ConfigError) as caught:
        validate(values, "")
    assert run.returncode != 0
    assert str(caught.value).removeprefix(": ") in run.stdout
    assert "Traceback" not in run.stdout


def test_a_typo_in_the_default_file_stops_snakemake(checkout):
    checkout.replace("config.yaml", "learning_rate:", "lerning_rate:")
    run = checkout.snakemake("-n")
    assert run.returncode != 0
    (line,) = [x for x in run.stdout.splitlines() if "lerning_rate" in x]
    assert "config.yaml" in line
    assert "unknown key 'train.lerning_rate'; allowed here: seed" in line
    assert "Traceback" not in run.stdout
