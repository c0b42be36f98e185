"""Steps with programs that are small scripts: outcomes good and bad, and restarts after a kill."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.espresso import codes, outputs, steps
from ephforge.espresso.codes import deliver, run_code
from ephforge.espresso.pace import pace

PWSCF = "echo '     Program PWSCF v.6.7MaX starts on 22Nov2026'"
CARDS = "ATOMIC_SPECIES\nSi 28.085000 Si.UPF\nCELL_PARAMETERS angstrom\n"
DYN = """
     Diagonalizing the dynamical matrix

     q = (    0.500000000   0.000000000   0.250000000 )

 **************************************************************************
     freq (    1) =      -2.000000 [THz] =     -66.712819 [cm-1]
     freq (    2) =      10.000000 [THz] =     333.564095 [cm-1]
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Puts a shell script of that name before everything else on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def make(name: str, body: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return make


@pytest.fixture
def run(tmp_path):
    """A folder where a step is run, with cards and a density."""
    folder = tmp_path / "x"
    (folder / "scf.save").mkdir(parents=True)
    (folder / "scf.save/charge-density.dat").write_text("density")
    (folder / "structure.in").write_text(CARDS)
    return folder


def scf(run):
    cards, save, output = (str(run / name) for name in ("structure.in", "new.save", "scf.out"))
    steps.scf(cards, save, output, material="x", text="&x/\n{structure}", launcher="")


def phonon(run, number=2, irreducible=3):
    names = ("phonon.dyn", "phonon.dvscf", "phonon.xml", "phonon.out")
    steps.phonon(
        str(run / "scf.save"),
        str(run / "structure.in"),
        *(str(run / name) for name in names),
        material="x",
        number=number,
        text="recover={recover}\n",
        options={"irreducible": irreducible},
        launcher="",
    )


def ph_script(dyn: str = DYN.replace("-2.0", "2.0").replace("-66.7", "66.7")) -> str:
    """A ph.x that yields its files."""
    return f"""
cat phonon.in >> ../../history
mkdir -p _ph0/x.phsave _ph0/x.q_2
echo patterns > _ph0/x.phsave/patterns.2.xml
echo potential > _ph0/x.q_2/x.dvscf1
printf ' 2 2 2\\n 3\\n' > dyn0
cat > dyn2 <<'END'
{dyn}
END
echo '   JOB DONE.'"""


def test_a_density_is_handed_on_when_it_is_self_consistent(program, run):
    body = "cp scf.in ../../given; mkdir x.save; echo convergence has been achieved"
    program("pw.x", f"{PWSCF}; {body}; echo JOB DONE.")
    scf(run)
    assert (run / "new.save").is_dir()
    assert "JOB DONE" in (run / "scf.out").read_text()
    assert (run / "given").read_text() == "&x/\n" + CARDS
    assert not (run / "scratch/scf").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("mkdir x.save; echo JOB DONE.", ["x: scf: not self-consistent", "scf.out"]),
        (
            f"{PWSCF.replace('6.7MaX', '7.3.1')}; echo convergence has been achieved, JOB DONE.",
            ["x: scf: made by PWSCF v.7.3.1, expected Quantum ESPRESSO 6.6 or 6.7", "scf.out"],
        ),
        ("echo half way", ["x: scf: pw.x stopped (half way)", "scratch/scf/scf.out"]),
        ("echo bad input; exit 3", ["x: scf: pw.x stopped (bad input)"]),
        (
            "printf ' %%%%\\n Error in routine readpp (1):\\n no file\\n %%%%\\n' > CRASH; exit 1",
            ["Error in routine readpp (1): no file"],
        ),
        ("exit 1", ["no output"]),
    ],
)
def test_a_failed_run_is_one_line_and_hands_on_nothing(program, run, body, words):
    program("pw.x", body)
    with pytest.raises(EphforgeError) as caught:
        scf(run)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert not (run / "new.save").exists()
    assert not (run / "scf.out").exists()


def test_a_program_that_is_not_installed_is_named(tmp_path):
    with pytest.raises(EphforgeError, match=r"no-such\.x: no such program; install Quantum"):
        run_code("no-such.x", tmp_path, "scf", "")


def test_the_launcher_comes_first(program, tmp_path):
    program("starter", 'echo "$@"; echo JOB DONE.')
    output = run_code("pw.x", tmp_path, "scf", "starter -np 2")
    assert output.read_text().startswith("-np 2 pw.x -in scf.in")


def test_the_log_says_how_far_a_program_is(program, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(codes, "_EVERY", 0.2)
    words = "There are    4 irreducible representations"
    program("ph.x", f'echo "     {words}"; echo "     Representation #   1 modes #   1   2"; '
            'echo "     Representation #   3 mode #   4"; sleep 1; echo JOB DONE.')  # fmt: skip
    with caplog.at_level("INFO", "ephforge"):
        run_code("ph.x", tmp_path, "phonon", "")
    assert "phonon.out: 0 min, representation 3 of 4, about 0 min left" in caplog.messages


def test_time_left_is_that_of_the_representations_to_come():
    text = "There are   4 irreducible representations\n"
    assert pace(text, 600.0) == "10 min"
    text += "Representation #   1 mode #   1\n"
    assert pace(text, 600.0) == "10 min, representation 1 of 4"
    text += "Representation #   3 modes #   2   3\n"
    assert pace(text, 600.0) == "10 min, representation 3 of 4, about 10 min left"
    assert pace("nothing known", 90.0) == "2 min"


def test_epw_is_not_launched(program, tmp_path):
    """epw.x 5.3 on two processes of one pool never ends."""
    program("starter", "exit 1")
    program("epw.x", "echo Total program execution")
    assert run_code("epw.x", tmp_path, "check", "starter -np 2").is_file()


def test_a_phonon_job_hands_on_its_files_and_cleans_up(program, run):
    program("ph.x", ph_script())
    phonon(run)
    assert (run / "phonon.dvscf").read_text() == "potential\n"
    assert (run / "phonon.xml").read_text() == "patterns\n"
    assert "freq" in (run / "phonon.dyn").read_text()
    assert not (run / "scratch/phonon-2").exists()


def test_a_killed_phonon_job_goes_on_where_it_stopped(program, run):
    program("ph.x", "cat phonon.in >> ../../history; kill -9 $$")
    with pytest.raises(EphforgeError):
        phonon(run)
    program("ph.x", ph_script())
    phonon(run)
    assert (run / "history").read_text() == "recover=.false.\nrecover=.true.\n"


def test_a_phonon_job_killed_while_it_hands_on_its_files_starts_anew(program, run):
    program("ph.x", ph_script())

    def killed_after_the_first(source, target):
        deliver(source, target)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "deliver", killed_after_the_first)
        with pytest.raises(KeyboardInterrupt):
            phonon(run)
    # as ph.x does, go on without writing the potential again
    program("ph.x", "grep -q true phonon.in && { echo JOB DONE.; exit; }\n" + ph_script())
    phonon(run)
    assert (run / "phonon.dvscf").read_text() == "potential\n"


@pytest.mark.parametrize("change", ["text", "density", "failed"])
def test_a_phonon_job_starts_anew_when_it_cannot_go_on(program, run, change):
    scratch = run / "scratch/phonon-2"
    (scratch / "x.save").mkdir(parents=True)
    (scratch / "x.save/charge-density.dat").write_text("density" if change != "density" else "old")
    (scratch / "begun.in").write_text("recover={recover}\n" if change != "text" else "other")
    (scratch / "old").touch()
    if change == "failed":  # ph.x refuses its own restart files
        refuse = "grep -q true phonon.in && { cat phonon.in >> ../../history; exit 1; }\n"
        program("ph.x", refuse + ph_script())
    else:
        program("ph.x", ph_script())
    phonon(run)
    history = (run / "history").read_text()
    assert history == "recover=.true.\n" * (change == "failed") + "recover=.false.\n"


@pytest.mark.parametrize(
    ("dyn", "irreducible", "extra", "words"),
    [
        (DYN, 3, "", ["x: q 2: phonon: imaginary mode of -8.27 meV", "dyn2"]),
        (DYN, 4, "", ["finds 3 irreducible q, symmetry gives 4"]),
        ("nothing", 3, "", ["dyn2: no frequencies"]),
        (DYN, 3, "echo No convergence has been achieved", ["linear response not converged"]),
    ],
)
def test_a_bad_phonon_outcome_is_named(program, run, dyn, irreducible, extra, words):
    program("ph.x", ph_script(dyn) + "\n" + extra)
    with pytest.raises(EphforgeError) as caught:
        phonon(run, irreducible=irreducible)
    for word in words:
        assert word in str(caught.value)
    assert not (run / "phonon.dyn").exists()


def test_frequencies_of_a_dyn_file(tmp_path):
    path = tmp_path / "dyn"
    path.write_text(DYN)
    star = outputs.dynamical_frequencies(path)
    np.testing.assert_allclose(star.q, [0.5, 0.0, 0.25])
    np.testing.assert_allclose(star.omega, np.array([-2.0, 10.0]) * 4.135667696, rtol=1e-6)


def test_spreads_and_times_of_an_epw_output(tmp_path):
    path = tmp_path / "epw.out"
    path.write_text(
        "  (   0.1   0.2   0.3) :  9.9\n"
        "     Wannier Function centers (cartesian, alat) and spreads (ang):\n\n"
        "     (   0.17678   0.17678   0.17678) :   1.59180\n"
        "     (  -0.17678  -0.17678   0.17678) :   2.5\n"
        "     EPW          :      7.69s CPU      8.72s WALL\n"
        "     Program EPW v.5.3.1 starts on 22Nov2026 at 19:15:22\n"
        "     EPW          :   1h 2m CPU   1h 3m 4.5s WALL\n"
    )
    np.testing.assert_allclose(outputs.wannier_spreads(path), [1.5918, 2.5])
    assert outputs.seconds(path) == (3720.0, 3600 + 180 + 4.5)
    assert outputs.version(path) == "EPW v.5.3.1"


@pytest.mark.parametrize(
    "read", [outputs.wannier_spreads, outputs.seconds, outputs.highest_occupied]
)
def test_an_output_without_the_number_is_named(tmp_path, read):
    path = Path(tmp_path / "some.out")
    path.write_text("nothing\n")
    with pytest.raises(EphforgeError, match=r"some\.out"):
        read(path)
