"""Other real materials as forms of the coupling: by what a relative must not depend on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.core.realspace import WannierCoupling
from ephforge.refinement import coarse, leave_one_out, response, trend
from ephforge.refinement.leave_one_out import chosen
from ephforge.refinement.refine import METHODS, RELATIVES, couplings, in_cells, refine
from ephforge.refinement.relatives import Relative, columns, composition, read_relative

SHIPPED = Path(__file__).parents[2] / "resources/first_principles"
K, FINE, COARSE = (4, 4, 4), (4, 4, 4), (2, 2, 2)


def shipped(name):
    return read_relative(str(SHIPPED / f"{name}.nc"))


@pytest.fixture(scope="module")
def arsenide():
    return shipped("alas_4").model


@pytest.fixture(scope="module")
def carbide():
    return shipped("sic_4")


def refined(model, others):
    known = columns(model, others, K, FINE)
    return couplings(model, K, COARSE, FINE, RELATIVES, known)


def at_fine(model):
    return coarse.at_points(model, K, mesh_points(FINE))


def scaled(one, size, stretch=1.0):
    """Couplings (and charges) of another size, on a crystal of another size."""
    model, crystal = one.model, one.model.crystal
    polar = model.long_range and replace(model.long_range, born=size * model.long_range.born)
    grown = replace(crystal, cell=stretch * crystal.cell, positions=stretch * crystal.positions)
    return one._replace(
        model=replace(
            model,
            crystal=grown,
            hopping=replace(model.hopping, centres=stretch * model.hopping.centres),
            coupling=replace(model.coupling, g=size * model.coupling.g),
            long_range=polar,
        )
    )


@pytest.mark.parametrize(("name", "stretch"), [("si_4", 1.3), ("alas_4", 1.0)])
def test_the_material_itself_in_another_size_gives_the_truth(name, stretch, monkeypatch):
    one = shipped(name)
    true = at_fine(one.model)
    found = refined(one.model, [scaled(one, 0.6, stretch)])
    split = couplings(one.model, K, COARSE, FINE, METHODS["split"])
    # what the ridge leaves
    assert np.linalg.norm(found - true) < 5e-3 * np.linalg.norm(split - true)
    monkeypatch.setattr(trend, "RIDGE", 1e-12)
    found = refined(one.model, [scaled(one, 0.6, stretch)])
    # columns are real in cells, which a run is to 2e-4
    np.testing.assert_allclose(found, true, atol=4e-4 * np.abs(true).max())


def shifted(one):
    """Another origin; codes' dipole field is another one there, the whole coupling the same."""
    crystal, by = one.model.crystal, np.array([0.3, -1.1, 0.7])
    hopping = one.model.hopping
    model = replace(
        one.model,
        crystal=replace(crystal, positions=crystal.positions + by),
        hopping=replace(hopping, centres=hopping.centres + by),
    )
    g_qscrab = at_fine(one.model)
    short = coarse.with_field(g_qscrab, -coarse.field(model, mesh_points(FINE)))
    return replace(model, coupling=in_cells(model, coarse.to_cells(short, FINE), K, FINE))


def exchanged(one):
    """Atoms in another order."""
    model, crystal = one.model, one.model.crystal
    return replace(
        model,
        crystal=replace(
            crystal,
            positions=crystal.positions[::-1],
            numbers=crystal.numbers[::-1],
            masses=crystal.masses[::-1],
        ),
        coupling=replace(model.coupling, g=model.coupling.g[:, ::-1]),
        long_range=replace(model.long_range, born=model.long_range.born[::-1]),
    )


def renamed(one):
    """Functions in another order, with other signs, one of them of another cell."""
    model, g = replace(one.model, long_range=None), one.model.coupling.g
    order, sign = np.array([2, 0, 3, 1]), np.array([1.0, -1.0, -1.0, 1.0])
    cell_a3 = np.array([[0, 0, 0], [0, 0, 0], [1, 0, -1], [0, 0, 0]])
    rp, re = model.coupling.phonon_cells, model.coupling.electron_cells
    all_rp = np.unique(np.concatenate([rp + n for n in cell_a3]), axis=0)
    steps = [m - n for m in cell_a3 for n in cell_a3]
    all_re = np.unique(np.concatenate([re + n for n in steps]), axis=0)
    place = [{tuple(x): i for i, x in enumerate(cells.tolist())} for cells in (all_rp, all_re)]
    found = np.zeros((len(all_rp), *g.shape[1:3], len(all_re), 4, 4), complex)
    for a in range(4):
        for b in range(4):
            # |a, R> is the one of before in cell R + n
            p = [place[0][tuple(x)] for x in (rp + cell_a3[a]).tolist()]
            r = [place[1][tuple(x)] for x in (re + cell_a3[a] - cell_a3[b]).tolist()]
            values = sign[a] * sign[b] * g[..., order[a], order[b]]
            found[np.ix_(p, range(2), range(3), r, [a], [b])] += values[..., None, None]
    hopping = model.hopping
    centres = hopping.centres[order] + cell_a3 @ model.crystal.cell
    return replace(
        model,
        hopping=replace(hopping, centres=centres),
        coupling=WannierCoupling(all_rp, all_re, found),
    )


def turned(one):
    """The crystal turned in space, and seen in the mirror of a point."""
    model, crystal = one.model, one.model.crystal
    rotation, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    rotation *= np.sign(np.linalg.det(rotation))
    polar = model.long_range
    return replace(
        model,
        crystal=replace(
            crystal, cell=crystal.cell @ rotation.T, positions=-crystal.positions @ rotation.T
        ),
        hopping=replace(model.hopping, centres=-model.hopping.centres @ rotation.T),
        coupling=WannierCoupling(
            -model.coupling.phonon_cells,
            -model.coupling.electron_cells,
            -np.einsum("cd,psdrab->pscrab", rotation, model.coupling.g),
        ),
        long_range=replace(
            polar,
            born=rotation @ polar.born @ rotation.T,
            dielectric=rotation @ polar.dielectric @ rotation.T,
        ),
    )


@pytest.mark.parametrize("change", [shifted, exchanged, renamed, turned])
def test_how_a_relative_is_written_down_does_not_show(arsenide, carbide, change):
    model, class_p = change(carbide), coarse.class_of(COARSE, FINE)
    same = carbide._replace(model=replace(carbide.model, long_range=None))
    (plain,) = columns(arsenide, [carbide if model.long_range else same], K, FINE)
    (other,) = columns(arsenide, [carbide._replace(model=model)], K, FINE)
    found = trend.in_signs(other, trend.fold(plain, class_p), class_p)
    # DFPT's numbers have the operations of the crystal to about 1e-4
    np.testing.assert_allclose(found, plain, atol=1e-3 * np.abs(plain).max())


def test_diamond_lies_on_zincblende_in_two_ways(arsenide, carbide):
    silicon = shipped("si_4")
    first, second = columns(arsenide, [silicon], K, FINE)
    # silicon has the inversion that exchanges its atoms: both are the same coupling
    np.testing.assert_allclose(second, first, atol=1e-3 * np.abs(first).max())
    assert len(columns(arsenide, [carbide], K, FINE)) == 1
    assert len(columns(silicon.model, [carbide], K, FINE)) == 2


def test_relatives_alone_are_better_than_images(arsenide, carbide):
    true = at_fine(arsenide)
    found = refined(arsenide, [carbide, shipped("si_4"), shipped("c_4")])
    split = couplings(arsenide, K, COARSE, FINE, METHODS["split"])
    assert np.linalg.norm(found - true) < 0.4 * np.linalg.norm(split - true)
    on = coarse.points_of(COARSE, FINE)
    np.testing.assert_allclose(found[on], true[on], atol=1e-9)


def test_g_is_hermitian_off_the_meshes(arsenide, carbide):
    """<a, k+q| dV(q) |b, k> and <b, k| dV(-q) |a, k+q>*, of a relative in mirror image."""
    other = carbide._replace(model=turned(carbide))
    known = columns(arsenide, [other], K, FINE)
    coupling = refine(arsenide, (K, COARSE), FINE, RELATIVES, known).coupling
    k, q, both = np.array([0.07, -0.22, 0.4]), np.array([0.13, 0.27, -0.4]), []
    for k_3, q_3 in ((k, q), (k + q, -q)):
        phase_p = np.exp(2j * np.pi * coupling.phonon_cells @ q_3)
        phase_r = np.exp(2j * np.pi * coupling.electron_cells @ k_3)
        both.append(np.einsum("p,r,pscrab->scab", phase_p, phase_r, coupling.g))
    apart = np.linalg.norm(both[0] - both[1].conj().swapaxes(-1, -2))
    assert apart < 1e-4 * np.linalg.norm(both[0])


def stretched(one):
    crystal = one.model.crystal
    longer = crystal.cell * np.array([1.0, 1.0, 1.4])
    return one._replace(model=replace(one.model, crystal=replace(crystal, cell=longer)))


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("mg2si_4", lambda one: one, "number of atoms 3, expected 2 as alas_4"),
        ("si_4b8", lambda one: one, "number of Wannier functions 8, expected 4 as alas_4"),
        ("c_2", lambda one: one, "q mesh 2x2x2, expected 4x4x4 as alas_4"),
        ("c_4", lambda one: one._replace(k_mesh=(8, 8, 8)), "k mesh 8x8x8, expected 4x4x4"),
        ("c_4", stretched, "a cell of another shape, expected that of alas_4"),
        ("mgo_4", lambda one: one, "atoms or Wannier functions at other places of the cell"),
    ],
)
def test_what_does_not_fit_is_one_line(arsenide, name, change, said):
    with pytest.raises(EphforgeError) as raised:
        columns(arsenide, [change(shipped(name))], K, FINE)
    line = str(raised.value)
    assert said in line
    assert line.startswith(str(SHIPPED / f"{name}.nc: "))
    assert "leave it out" in line
    assert "\n" not in line


def test_a_material_s_own_fine_data_do_not_get_in(arsenide, carbide):
    """Numbers that vanish at the coarse q are scrambled: neither the fit nor the rest sees them."""
    coupling = arsenide.coupling
    noise = np.random.default_rng(0).normal(size=coupling.g.shape)
    cells = coupling.phonon_cells
    there = np.concatenate([cells, cells + np.array([2, 0, 0])])
    scrambled = WannierCoupling(
        there, coupling.electron_cells, np.concatenate([coupling.g + noise, -noise + 0j])
    )
    other = replace(arsenide, coupling=scrambled)
    assert np.linalg.norm(at_fine(other) - at_fine(arsenide)) > np.linalg.norm(at_fine(arsenide))
    np.testing.assert_allclose(refined(other, [carbide]), refined(arsenide, [carbide]), atol=1e-9)


def test_files_of_the_same_material_are_left_out():
    one = shipped("si_4")
    others = [shipped(name) for name in ("si_2", "si_4b8", "c_4", "mgo_4")]
    hidden = replace(one.model, name="germanium, honestly")
    kept, refused = chosen(one, [*others, Relative("x.nc", hidden, K, FINE)])
    assert [Path(other.source).stem for other in kept] == ["c_4"]
    assert {Path(source).stem for source, why in refused.items() if why == "the same material"} == {
        *("si_2", "si_4b8", "x"),
    }
    assert composition(shipped("sic_2h_4").model) == composition(shipped("sic_4").model)


def test_the_table_of_one_command(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise EphforgeError("no gap")

    monkeypatch.setattr(response, "templates", refuse)
    files = [str(SHIPPED / f"{name}.nc") for name in ("sic_4", "alas_4", "mg2si_4")]
    words = ["leave_one_out", *files, "--only", "alas_4", "-o", str(tmp_path / "out.json")]
    monkeypatch.setattr("sys.argv", words)
    leave_one_out.main()
    head, _, line = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert head.split(" | ")[1:4] == ["epw", "split", "response"]
    assert line.startswith("| alas_4 | 0.119 | 0.070 | - | - | 0.0")
    assert line.endswith(" | - | 1 |")
    told = json.loads((tmp_path / "out.json").read_text())["alas_4"]
    assert told["relatives"] == ["sic_4"]
    assert told["refused"]["model electrons"] == "no gap"
    assert told["refused"]["mg2si_4"].startswith("number of atoms 3, expected 2")
    assert told["errors"]["relatives"]["complex"] < told["errors"]["split"]["complex"]


def test_what_the_command_is_told(monkeypatch, capsys):
    asked = []

    def kept(one, others, electrons):
        asked.append((one.model.name, len(others), electrons))
        return leave_one_out.Row(one.model.name, {}, [], {})

    monkeypatch.setattr(leave_one_out, "row", kept)
    files = [str(SHIPPED / f"{name}.nc") for name in ("si_2", "c_2")]
    monkeypatch.setattr("sys.argv", ["leave_one_out", *files, "--without-electrons"])
    leave_one_out.main()
    assert asked == [("si_2", 1, False), ("c_2", 1, False)]
    assert "| si_2 | - | - |" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["leave_one_out", str(SHIPPED / "gone.nc")])
    with pytest.raises(SystemExit, match=r"error: .*gone\.nc"):
        leave_one_out.main()


def test_the_command(tmp_path):
    def run(*words):
        words = ["superresolve", SHIPPED / "si_2.nc", "--q-grid", 4, 4, 4, *words]
        return CliRunner().invoke(app, [str(word) for word in (*words, "-o", tmp_path / "f.nc")])

    done = run("--method", "relatives", "--relative", SHIPPED / "c_4.nc")
    assert done.exit_code == 0, done.output
    assert "by 'relatives' with c_4" in done.output.replace("\n", " ")
    told = read(tmp_path / "f.nc", "model").attributes["refinement"]
    assert told["relatives"] == ["c_4"]
    assert told["method"] == told["settings"]["trend"] == "relatives"
    for words, said in (
        (("--method", "relatives"), "give --relative FILE"),
        (("--method", "split", "--relative", SHIPPED / "c_4.nc"), "leave one of the two out"),
        (("--relative", SHIPPED / "c_2.nc"), "q mesh 2x2x2, expected 4x4x4"),
        (("--relative", SHIPPED / "gone.nc"), "gone.nc"),
    ):
        refused = run(*words)
        assert refused.exit_code == 1
        assert said in refused.output.replace("\n", " ")
