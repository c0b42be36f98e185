"""The workflow as a user meets it: profiles, large campaigns, fast start. Nothing is run here."""

import importlib
import inspect
import os
import re
import subprocess
import sys
import time

import pytest
import yaml
from conftest import ROOT

from ephforge.config import Config

STAGES = [name for name in Config.model_fields if name != "campaign"]
RULES = "\n".join(p.read_text() for p in sorted((ROOT / "workflow/rules").glob("*.smk")))


def rule_text(stage: str) -> str:
    found = re.search(rf"^rule {stage}:\n(.*?)(?=^rule |\Z)", RULES, re.MULTILINE | re.DOTALL)
    assert found, f"no rule {stage}"
    return found.group(1)


def test_the_literal_command_of_a_cluster_works(checkout):
    """Snakemake looks for ./slurm, not for profiles/slurm."""
    assert os.readlink(ROOT / "slurm") == "profiles/slurm"
    assert not (ROOT / "profiles/default").exists(), "it would win over every --profile"
    assert checkout.planned("--profile", "slurm")["train"] == 1


def test_the_local_profile_needs_no_gpu(checkout):
    run = checkout.snakemake("-n", "--profile", "profiles/local")
    assert run.returncode == 0, run.stdout
    assert "gpu" not in run.stdout


def test_the_slurm_profile_asks_for_gpus(checkout):
    run = checkout.snakemake("-n", "--profile", "slurm")
    assert re.search(r"rule train:.*?gpu=1", run.stdout, re.DOTALL)


@pytest.mark.parametrize("profile", ["local", "slurm"])
def test_profiles_keep_the_default_rerun_triggers(profile):
    keys = yaml.safe_load((ROOT / f"profiles/{profile}/config.yaml").read_text())
    assert "rerun-triggers" not in keys
    assert keys["max-checksum-file-size"] >= 10**9


def test_a_campaign_of_thousands_is_planned_within_a_minute(checkout):
    start = time.perf_counter()
    jobs = checkout.planned("--profile", "slurm", "--configfile", "config/large.yaml")
    assert time.perf_counter() - start < 60
    large = yaml.safe_load((ROOT / "config/large.yaml").read_text())["campaign"]
    assert large["materials"] >= 200_000  # half of them accepted are 100,000
    assert jobs["lattice"] == jobs["coupling"] == large["materials"] // large["shard_size"]
    assert jobs["lattice"] >= 1_000


def test_reading_the_snakefile_does_not_import_jax(checkout):
    """It is read again in every cluster job and on login nodes."""
    code = (
        "import sys; from snakemake.cli import main\n"
        "try: main(['-n', '--quiet', 'all'])\n"
        "except SystemExit as stop: assert not stop.code\n"
        "slow = {'jax', 'ase', 'netCDF4', 'flax', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    environment = os.environ | {"PYTHONPATH": str(checkout.folder / "src")}
    subprocess.run([sys.executable, "-c", code], cwd=checkout.folder, env=environment, check=True)


def test_shards_have_fixed_names(checkout):
    few = "campaign={materials: 20, shard_size: 10}"
    run = checkout.snakemake("-n", "--config", few)
    assert set(re.findall(r"output: results/lattice/(\S+)\.nc", run.stdout)) == {
        "000000-000010",
        "000010-000020",
    }


@pytest.mark.parametrize("stage", STAGES)
def test_one_word_names_a_stage_everywhere(stage):
    text = rule_text(stage)
    assert f'call="ephforge.{stage}.stage:run"' in text
    assert f'code=lambda _: code_version("{stage}")' in text
    assert f'"results/{stage}/' in text
    assert f'"logs/{stage}' in text
    options = {
        "firstprinciples": 'config["coupling"]',  # the mesh is shared
        "espresso": "lambda w: TABLE[w.material]",  # one entry of config["espresso"]
    }
    wanted = options.get(stage, f'config["{stage}"]')
    assert f"options={wanted}," in text


@pytest.mark.parametrize("stage", STAGES)
def test_a_rule_names_the_arguments_of_its_stage(stage):
    """The binder passes inputs, outputs and params by name."""
    text = rule_text(stage)
    names = {"provenance"}
    for block in ("input", "output", "params"):
        found = re.search(rf"^    {block}:\n((?:        .*\n|\n)+)", text, re.MULTILINE)
        names |= (
            set(re.findall(r"^        (\w+)=", found.group(1), re.MULTILINE)) if found else set()
        )
    stage_run = importlib.import_module(f"ephforge.{stage}.stage").run
    inspect.signature(stage_run).bind(**dict.fromkeys(names - {"call", "code"}))


def test_the_snakefile_is_a_table_of_contents():
    assert len((ROOT / "Snakefile").read_text().splitlines()) < 50


def test_shards_are_listed_where_a_rule_has_a_job():
    """Every job of a shard reads all rules: 50,000 names in one of them cost it two seconds."""
    assert RULES.count("shard=SHARDS") == 1
    assert "lambda _: expand" in RULES.split("def all_shards")[1].split("\n\n")[0]
