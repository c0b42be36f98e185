"""The EPW reader against the |g| that EPW printed, and against files that are wrong.

data/si_2ws holds the files of an EPW 5.3.1 run of silicon (4x4x4 k, 2x2x2 q, use_ws = .true.),
data/si_2_zone those of a run with zone-centred cells (2x2x2 k and q); the largest are packed
with xz, and unpacked here.
"""

import lzma
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import read_model
from ephforge.coupling.points import at_points
from ephforge.firstprinciples.epw import read_epw, read_run
from ephforge.firstprinciples.epw_run import Run
from ephforge.firstprinciples.reference import deviations, read_printed
from ephforge.phonons.sum_rules import acoustic_sum

DATA = Path(__file__).parent / "data"
SHIPPED = Path(__file__).parents[2] / "resources" / "first_principles"
K_MESH, Q_MESH = (4, 4, 4), (2, 2, 2)


def _unpack(name, folder):
    for path in (DATA / name).iterdir():
        if path.suffix == ".xz":
            (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def pair_centred(tmp_path_factory):
    return _unpack("si_2ws", tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="module")
def zone_centred(tmp_path_factory):
    return _unpack("si_2_zone", tmp_path_factory.mktemp("zone"))


@pytest.fixture(scope="module")
def silicon(pair_centred):
    return read_epw(pair_centred, "si", ["Si"], K_MESH, Q_MESH)


@pytest.fixture
def files(zone_centred, tmp_path):
    """The smaller run, without its inputs: nothing but the three files that are read."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("crystal.fmt", "epwdata.fmt", "si.epmatwp"):
        shutil.copy(zone_centred / name, folder)
    return folder


def _points(path):
    return np.loadtxt(path, skiprows=1)[:, :3]


def _printed(folder):
    return read_printed(folder / "epw2.out", _points(folder / "qf.txt"), _points(folder / "kf.txt"))


def _refusal(folder, *arguments, **named):
    with pytest.raises(EphforgeError) as caught:
        read_epw(folder, *arguments, **named)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- what is right ---


@pytest.mark.parametrize("run", ["pair_centred", "zone_centred"])
def test_double_precision_reader_reproduces_what_epw_printed(run, request):
    # |g| and omega are printed with ten digits, bands with four decimals
    folder = request.getfixturevalue(run)
    found = deviations(_printed(folder), read_epw(folder))
    assert found.relative_g < 1e-9
    assert found.frequencies < 1e-9
    assert found.bands < 0.51e-4


def test_another_run_of_silicon_has_the_same_physics(silicon):
    """The shipped model is of another run: another cell, gauge, and phonon convergence."""
    shipped = read_model(read(SHIPPED / "si_2.nc", "model"))
    draw = np.random.default_rng(1)
    k, q = draw.random((4, 3)), draw.random((3, 3))
    turn = np.linalg.inv(shipped.crystal.cell).T @ silicon.crystal.cell.T
    own = at_points(silicon, k @ turn, q @ turn, soft_mode=0.0)
    theirs = at_points(shipped, k, q, soft_mode=0.0)
    np.testing.assert_allclose(own.energy_k, theirs.energy_k, atol=1e-5)
    np.testing.assert_allclose(own.frequency_q, theirs.frequency_q, atol=0.2e-3)
    strength, expected = ((np.abs(run.g) ** 2).sum(axis=(2, 3, 4)) for run in (own, theirs))
    np.testing.assert_allclose(strength, expected, rtol=5e-3)


def test_epw_has_imposed_the_acoustic_sum_rule(silicon):
    assert np.abs(acoustic_sum(silicon.force_constants)).max() < 1e-12


def test_the_inputs_beside_the_files_say_what_the_run_was(pair_centred):
    model, run = read_run(pair_centred, Run(""))
    assert (run.k_mesh, run.q_mesh, run.use_ws, run.polar) == (K_MESH, Q_MESH, True, False)
    assert run.version == "5.3.1"
    assert run.inputs == ("epw1.in", "epw2.in")
    assert model.name == "si"
    assert model.crystal.numbers.tolist() == [14, 14]


@pytest.mark.parametrize(
    ("name", "k_mesh", "use_ws"), [("si_2ws", K_MESH, True), ("si_2_zone", Q_MESH, False)]
)
def test_without_inputs_the_numbers_of_cells_say_what_the_run_was(name, k_mesh, use_ws, tmp_path):
    folder = _unpack(name, tmp_path)
    for path in (*folder.glob("*.in"), *folder.glob("*.out")):
        path.unlink()
    run = read_run(folder, Run(""))[1]
    assert (run.k_mesh, run.q_mesh, run.use_ws, run.version) == (k_mesh, Q_MESH, use_ws, None)


def test_records_that_a_compiler_breaks_elsewhere(files):
    path = files / "crystal.fmt"
    whole = read_epw(files)
    lines = path.read_text().splitlines()
    lines[11] = lines[11].replace("-0.12500000100000000", "-0.12500000100000000\n")
    lines[8] = " 25598.367289828169 9*0.0"
    path.write_text("\n".join(lines))
    assert np.array_equal(read_epw(files).coupling.g, whole.coupling.g)


def test_what_is_stated_comes_before_what_the_inputs_say(files, zone_centred):
    text = (zone_centred / "epw1.in").read_text().replace("nk1=2", "nk1=4")
    (files / "epw1.in").write_text(text)
    assert "k mesh (4, 2, 2) is less symmetric than the crystal" in _refusal(files)
    assert read_run(files, Run("", k_mesh=Q_MESH))[1].k_mesh == Q_MESH


# --- what is wrong: how the files are damaged, what the one line must say ---


def _edit(name, change):
    def damage(folder):
        path = folder / name
        lines = path.read_text().splitlines()
        changed = change(lines)
        path.write_text("\n".join(lines if changed is None else changed) + "\n")

    return damage


def _line(number, old, new):
    """Replace the first match of a pattern in one line."""

    def change(lines):
        lines[number - 1], times = re.subn(old, new, lines[number - 1], count=1)
        assert times

    return change


def _words(number, start, values):
    """Replace words of one line."""

    def change(lines):
        words = lines[number - 1].split()
        words[start : start + len(values)] = values
        lines[number - 1] = " ".join(words)

    return change


def _bytes(name, change):
    def damage(folder):
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


def _couplings(change):
    def damage(folder):
        numbers = np.fromfile(folder / "si.epmatwp", complex)
        change(numbers)
        numbers.tofile(folder / "si.epmatwp")

    return damage


def _set(slot, value):
    def change(numbers):
        numbers[slot] = value

    return change


def _remove(name):
    return lambda folder: (folder / name).unlink()


def _newer(lines):
    """crystal.fmt as EPW newer than 5.3 writes it."""
    lines[2] = " 8.0 0"
    return [*lines[:11], " F", *lines[11:], " 0.0", " 0.02", " 0"]


BORN = ["2.0", "0", "0", "0", "2.0", "0", "0", "0", "2.0"]
MINUS = ["-2.0", "0", "0", "0", "-2.0", "0", "0", "0", "-2.0"]
CRYSTAL, DATA_FILE = "crystal.fmt", "epwdata.fmt"

# every refusal ends with one of these
WHAT_TO_DO = (
    r"copy it again|run epw.x again|run ph.x with|give (its|the)|make the files with"
    r"|use that version|take (both|all) files|take crystal.fmt|state (the|its|polar|what)"
    r"|expected a file of EPW"
    r"|name each species|expected one such as|copy PREFIX"
)
DAMAGES = {
    "couplings cut": (_bytes("si.epmatwp", lambda b: b[:-160]), {}, "bytes, expected 554496"),
    "couplings longer": (_bytes("si.epmatwp", lambda b: b + b[:16]), {}, "554512 bytes"),
    "couplings NaN": (_couplings(_set(7, np.nan)), {}, "si.epmatwp: couplings: 1 of 34656"),
    "couplings inf": (_couplings(_set(9, np.inf)), {}, "si.epmatwp: couplings: 1 of 34656"),
    "couplings zero": (_couplings(_set(slice(None), 0)), {}, "all couplings are zero"),
    "couplings absent": (_remove("si.epmatwp"), {}, "no file *.epmatwp"),
    "two prefixes": (
        lambda f: shutil.copy(f / "si.epmatwp", f / "ge.epmatwp"),
        {},
        "2 files *.epmatwp (ge, si)",
    ),
    "wrong prefix": (lambda f: None, {"prefix": "ge"}, "ge.epmatwp: no such file"),
    "data cut": (_edit(DATA_FILE, lambda x: x[:-3]), {}, "985 numbers of H(R) and C(R)"),
    "data cut in header": (_edit(DATA_FILE, lambda x: x[:1]), {}, "sizes: 0 words left"),
    "data garbled": (_edit(DATA_FILE, _line(4, r"E-", "x")), {}, "H(R): a number is not of the"),
    "H NaN": (_edit(DATA_FILE, _line(5, r"\(.*,", "(NaN,")), {}, "H(R): 1 of 608 numbers"),
    "C infinite": (_edit(DATA_FILE, _line(900, r"\(.*,", "(Inf,")), {}, "C(R): 1 of 1368 numbers"),
    "one number of H changed": (
        _edit(DATA_FILE, _line(6, r"\(.*,", "(0.3,")),
        {},
        "H(R) is not Hermitian on the cells of k mesh (2, 2, 2)",
    ),
    "one number of C changed": (
        _edit(DATA_FILE, _line(900, r"\(.*,", "(0.3,")),
        {},
        "C(R) is not Hermitian",
    ),
    "Fermi energy NaN": (_edit(DATA_FILE, _words(1, 0, ["NaN"])), {}, "Fermi energy: 1 of 1"),
    "Born charge NaN": (_edit(DATA_FILE, _words(3, 0, ["NaN"])), {}, "Born charges: 1 of 18"),
    "sizes of another layout": (
        _edit(DATA_FILE, lambda x: [x[0], " 4 19 6 19", *x[2:]]),
        {},
        "4 numbers in line 2, expected five",
    ),
    "data of another run": (
        _edit(DATA_FILE, _words(2, 0, ["8"])),
        {},
        "8 bands and 6 modes, but crystal.fmt has 4 Wannier centres and 2 atoms",
    ),
    "cells of no mesh": (
        _edit(DATA_FILE, _words(2, 4, ["23"])),
        {},
        "which no meshes up to 24 give",
    ),
    "data absent": (_remove(DATA_FILE), {}, "epwdata.fmt: cannot be read"),
    "data empty": (_bytes(DATA_FILE, lambda b: b""), {}, "epwdata.fmt: empty"),
    "data binary": (_bytes(DATA_FILE, lambda b: b"\xff\xfe" + b), {}, "cannot be read"),
    "polar without Born charges": (lambda f: None, {"polar": True}, "Born charges are zero"),
    "Born charges of a run that is not polar": (
        _edit(DATA_FILE, _words(3, 0, BORN + MINUS)),
        {"polar": False},
        "Born charges up to 2.000 e, but the run is said not to be polar",
    ),
    "polar without dielectric tensor": (
        _edit(DATA_FILE, _words(3, 0, BORN + MINUS + ["0"] * 9)),
        {},
        "dielectric tensor [[0.0",
    ),
    "crystal absent": (_remove(CRYSTAL), {}, "crystal.fmt: cannot be read"),
    "crystal nonsense": (_edit(CRYSTAL, lambda x: ["nonsense"] * 20), {}, "number of atoms:"),
    "crystal of newer EPW": (_edit(CRYSTAL, _newer), {}, "newer than 5.3; EPW 5.3 is supported"),
    "crystal with a cutoff flag": (
        _edit(CRYSTAL, lambda x: [*x[:11], " F", *x[11:]]),
        {},
        "two logical fields (lines 11 and 12)",
    ),
    "crystal of older EPW": (_edit(CRYSTAL, lambda x: x[:11]), {}, "older than 5.3"),
    "crystal cut": (_edit(CRYSTAL, lambda x: x[:8]), {}, "no T or F for noncolin"),
    "centres cut": (
        _edit(CRYSTAL, _line(12, r"\S+\s*$", "")),
        {},
        "11 numbers of Wannier centres",
    ),
    "centre NaN": (_edit(CRYSTAL, _words(12, 0, ["NaN"])), {}, "Wannier centres: 1 of 12"),
    "modes": (_edit(CRYSTAL, lambda x: [x[0], " 9", *x[2:]]), {}, "2 atoms with 9 modes"),
    "cell": (_edit(CRYSTAL, _words(4, 0, ["-0.6"])), {}, "but the lattice vectors give"),
    "types": (_edit(CRYSTAL, _words(10, 0, ["1", "17"])), {}, "atom types [1, 17], expected"),
    "mass zero": (_edit(CRYSTAL, _words(9, 0, ["0.0"])), {}, "masses [0.0] Da"),
    "mass of no element": (
        _edit(CRYSTAL, _words(9, 0, ["27000.0"])),
        {},
        "29.6233 Da of atom type 1 is that of no element",
    ),
    "mass of two elements": (
        _edit(CRYSTAL, _words(9, 0, ["53600.0"])),
        {},
        "is Co or Ni, expected that of one element; state the species",
    ),
    "too many species": (lambda f: None, {"species": ["Si", "C"]}, "1 species, 2 symbols given"),
    "no such species": (lambda f: None, {"species": ["Xx"]}, "not a chemical symbol"),
    "another species": (lambda f: None, {"species": ["Ge"]}, "species Ge given (72.63 Da)"),
    "wrong meshes": (
        lambda f: None,
        {"k_mesh": (4, 4, 4), "q_mesh": (4, 4, 4)},
        "written on (19, 19, 19) cell vectors (electrons, phonons, coupling), but meshes "
        "(4, 4, 4) and (4, 4, 4) give (141, 123, 108) with use_ws = .true. and",
    ),
    "meshes that give the right number of cells by chance": (
        lambda f: None,
        {"k_mesh": (3, 2, 2)},
        "k mesh (3, 2, 2) is less symmetric than the crystal",
    ),
    "wrong use_ws": (lambda f: None, {"use_ws": True}, "(19, 19, 19)"),
    "made by another version": (
        lambda f: (f / "epw.out").write_text("\n     Program EPW v.5.8 starts on\n"),
        {},
        "made by EPW 5.8",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_one_clear_line(files, name):
    damage, named, expected = DAMAGES[name]
    damage(files)
    message = _refusal(files, **named)
    assert str(files) in message or "chemical symbol" in message
    assert expected in message
    assert re.search(WHAT_TO_DO, message)


def test_the_undamaged_files_are_read(files):
    assert read_epw(files).coupling.g.any()


def test_no_folder(tmp_path):
    assert "no such folder" in _refusal(tmp_path / "none")


def test_inputs_that_contradict_each_other(files, zone_centred):
    for name, mesh in (("a.in", "nq1=2"), ("b.in", "nq1=4")):
        text = (zone_centred / "epw1.in").read_text().replace("nq1=2", mesh)
        (files / name).write_text(text)
    message = _refusal(files)
    assert "nq1 is 2 in a.in, 4 in b.in" in message
    assert read_run(files, Run("", q_mesh=Q_MESH))[1].q_mesh == Q_MESH


def test_a_run_that_kept_its_dipoles_in_the_files_is_refused(files, zone_centred):
    # lpolar = .false. stands in the inputs
    _edit(DATA_FILE, _words(3, 0, BORN + MINUS))(files)
    assert read_run(files, Run(""))[1].polar is True
    shutil.copy(zone_centred / "epw1.in", files)
    assert "but the run is said not to be polar" in _refusal(files)


def test_cut_table(pair_centred, tmp_path):
    folder = Path(shutil.copytree(pair_centred, tmp_path / "files"))
    path = folder / "epw2.out"
    path.write_text("\n".join(path.read_text().splitlines()[:900]))
    with pytest.raises(EphforgeError, match=r"epw2\.out: .* expected a full table of 4 q and 3 k"):
        _printed(folder)
