"""Silicon on a 2x2x2 q mesh, made for real by Quantum ESPRESSO and EPW through the workflow.

The run happens once in a copy of the checkout; tests that change something take a copy of it.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT, Checkout

from ephforge.core.blocks import read_block
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.core.units import MEV
from ephforge.coupling.points import at_points
from ephforge.espresso.outputs import dynamical_frequencies
from ephforge.firstprinciples.reference import deviations, read_reference

pytestmark = [
    pytest.mark.espresso,
    pytest.mark.skipif(shutil.which("epw.x") is None, reason="Quantum ESPRESSO is not installed"),
]

MODEL = "results/espresso/si_2.nc"
PHONON = "results/espresso/si_2/phonon-2.dyn"
STEPS = {"scf": 1, "bands": 1, "phonon": 3, "nscf": 1, "wannier": 1, "check": 1}
ALL_STEPS = {f"espresso_{step}": n for step, n in STEPS.items()}


@pytest.fixture(scope="module")
def silicon(new_checkout):
    """A finished run; not to be changed."""
    checkout = new_checkout("espresso")
    run = checkout.snakemake("--cores", "2", MODEL)
    assert run.returncode == 0, run.stdout[-5000:]
    return checkout


@pytest.fixture
def changed(silicon, tmp_path):
    """A finished run to change."""
    shutil.copytree(silicon.folder, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Checkout(tmp_path, is_new=False)


@pytest.fixture(scope="module")
def contents(silicon):
    return read(silicon.folder / MODEL, "model")


def test_the_checks_of_the_run_are_recorded(contents):
    checks = contents.attributes["checks"]
    assert checks["epw_g_relative"] <= 1e-6
    assert checks["epw_bands_ev"] <= 6e-5
    assert checks["bands_on_mesh_mev"] < 0.01
    assert checks["lowest_mode_mev"] > -0.01
    assert len(checks["wannier_spreads_angstrom2"]) == 4
    for seconds in contents.attributes["run_seconds"].values():
        assert {"scf", "phonon", "nscf", "wannier", "check"} == set(seconds)
    source = contents.attributes["source"]
    assert any("PWSCF" in code for code in source["codes"])
    assert any("EPW" in code for code in source["codes"])
    assert len(source["pseudopotentials"]["Si"]["sha256"]) == 64


def test_the_stored_model_gives_what_epw_printed(contents):
    found = deviations(read_reference(contents.variables), read_model(contents))
    assert found.relative_g <= 1e-5
    assert found.bands <= 6e-5


def test_wannier_bands_and_phonons_are_those_of_dft(contents):
    """Straight from pw.x and ph.x; on the coarse meshes interpolation changes nothing."""
    model, found = read_model(contents), contents.variables
    mesh = np.all(np.abs(found["dft_k"] * 4 % 1) < 1e-9, axis=1)
    own = at_points(model, found["dft_k"][mesh], found["dft_q"], soft_mode=0.0)
    np.testing.assert_allclose(own.energy_k, found["dft_bands"][mesh][:, :4], atol=1e-6)
    away = np.linalg.norm(found["dft_q"], axis=1) > 0  # EPW imposes the sum rule at Gamma
    own_omega = MEV * own.frequency_q[away]
    np.testing.assert_allclose(own_omega, found["dft_omega"][away], atol=0.2)


def test_the_shipped_model_comes_back(contents):
    """Another machine or day: the same physics, whatever the gauge.

    To the convergence of DFT and DFPT: phonons on another processor were 2.2e-3 meV off, with
    another kernel of OpenBLAS on that processor 3.5e-4 meV from there.
    """
    shipped = read_model(read(ROOT / "resources/first_principles/si_2.nc", "model"))
    draw = np.random.default_rng(5)
    k, q = draw.random((6, 3)), draw.random((4, 3))
    own, theirs = (at_points(m, k, q, soft_mode=0.0) for m in (read_model(contents), shipped))
    np.testing.assert_allclose(own.energy_k, theirs.energy_k, atol=1e-4)
    np.testing.assert_allclose(MEV * own.frequency_q, MEV * theirs.frequency_q, atol=5e-3)
    strength, expected = ((np.abs(x.g) ** 2).sum(axis=(2, 3, 4)) for x in (own, theirs))
    np.testing.assert_allclose(strength, expected, rtol=1e-3)


def test_nothing_is_left_to_do(silicon):
    assert silicon.planned(MODEL) == {}
    assert not list((silicon.folder / "results/espresso/si_2/scratch").glob("phonon*"))


def test_edited_code_repeats_no_calculation(changed):
    """DFT depends on the text of its input; judging the outcome depends on the code."""
    changed.replace("src/ephforge/espresso/checks.py", "DENSER = 2", "DENSER = 3")
    assert changed.planned(MODEL) == {"espresso": 1}


@pytest.mark.parametrize(
    ("old", "new", "jobs"),
    [
        ("cutoff: 20", "cutoff: 21", {**ALL_STEPS, "espresso": 1}),
        (
            'projections: ["f=0,0,0:l=-3"]}',
            'projections: ["f=0,0,0:l=-3"], largest_spread: 3}',
            {"espresso": 1},
        ),
    ],
)
def test_a_changed_entry_repeats_what_depends_on_it(changed, old, new, jobs):
    changed.replace("config/materials.yaml", old, new)
    assert changed.planned(MODEL) == jobs


def test_the_model_serves_the_campaign(changed):
    wanted = "firstprinciples={source: computed, materials: [si_2]}"
    maps = "results/firstprinciples/si_2.nc"
    run = changed.snakemake("--cores", "1", "--config", wanted, "--", maps)
    assert run.returncode == 0, run.stdout[-3000:]
    block = read_block(read(changed.folder / maps, "firstprinciples"))
    assert block.labels["prototype"] == "diamond"


def test_a_killed_phonon_job_gives_the_same_in_the_end(changed):
    before = dynamical_frequencies(changed.folder / PHONON)
    (changed.folder / PHONON).unlink()
    command = [sys.executable, "-m", "snakemake", "--cores", "1", PHONON]
    environment = os.environ | {"PYTHONPATH": str(changed.folder / "src")}
    process = subprocess.Popen(command, cwd=changed.folder, env=environment, start_new_session=True)
    restart = changed.folder / "results/espresso/si_2/scratch/phonon-2/_ph0/si_2.q_2"
    limit = time.monotonic() + 120
    while not list(restart.glob("*recover*")) and process.poll() is None:
        assert time.monotonic() < limit
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    changed.snakemake("--unlock")
    run = changed.snakemake("--cores", "1", "--rerun-incomplete", PHONON)
    assert run.returncode == 0, run.stdout[-3000:]
    assert "starts anew" not in run.stdout
    after = dynamical_frequencies(changed.folder / PHONON)
    np.testing.assert_allclose(after.omega, before.omega, atol=1e-3)


@pytest.mark.parametrize(
    ("old", "new", "target", "words"),
    [
        (
            'projections: ["f=0,0,0:l=-3"]}',
            'projections: ["f=0,0,0:l=-3"], largest_spread: 1}',
            MODEL,
            ["si_2: wannier: a spread of 1.59", "allowed 1.0", "wannier.out"],
        ),
        (
            "Si.pz-vbc.UPF",
            "Si.of-nobody.UPF",
            "results/espresso/si_2/pseudo/Si.UPF",
            ["Si.of-nobody.UPF", "quantum-espresso-data"],
        ),
        (
            "cutoff: 20",
            "cutoff: 0.5",
            "results/espresso/si_2/scf.out",
            ["si_2: scf: pw.x stopped", "scratch/scf/scf.out"],
        ),
    ],
)
def test_a_failed_step_names_material_step_and_file(changed, old, new, target, words):
    changed.replace("config/materials.yaml", old, new)
    run = changed.snakemake("--cores", "1", target)
    assert run.returncode != 0
    lines = [line for line in run.stdout.splitlines() if "error: " in line]
    assert any(all(word in line for word in words) for line in lines), run.stdout[-3000:]
