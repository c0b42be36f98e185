"""Refined couplings where the truth is known, and files that the command writes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ephforge.cli.main import app
from ephforge.core.errors import EphforgeError
from ephforge.core.kpoints import mesh_points
from ephforge.core.netcdf import read
from ephforge.core.realspace import WannierCoupling, read_model
from ephforge.coupling.grid import Limits
from ephforge.coupling.points import Lists, magnitudes
from ephforge.refinement import coarse, images, multipoles, refine, response
from ephforge.refinement.errors import Judge, bands, squares
from ephforge.refinement.lattice import force_constants, modes
from ephforge.refinement.refine import METHODS, couplings
from ephforge.threecentre import elements, ground

SHIPPED = Path(__file__).parents[2] / "resources/first_principles"
K, FINE, COARSE = (4, 4, 4), (4, 4, 4), (2, 2, 2)
ANYWHERE = np.array([[0.13, 0.27, -0.4], [0.31, 0.05, 0.2]])


def shipped(name):
    return read_model(read(SHIPPED / f"{name}.nc", "model"))


@pytest.fixture(scope="module")
def silicon():
    return shipped("si_4")


@pytest.fixture(scope="module")
def few_draws():
    """Two model materials tell the form; six are for accuracy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(response, "DRAWS", 2)
        yield


def short_ranged(model, reach):
    """Couplings of three centres within a distance; everything farther is zero."""
    cells = images.electron_cells(model, K)
    kept = np.all(np.abs(cells.cells_r3) <= 1, axis=1)
    tried = images.phonon_images((1, 1, 1)).reshape(-1, 3)
    atom = (tried @ model.crystal.cell)[:, None] + model.crystal.positions
    w = model.hopping.centres
    first = np.linalg.norm(atom[:, :, None] - w, axis=-1)[:, :, None, :, None]
    other = (cells.cells_r3[kept] @ model.crystal.cell)[:, None] + w
    second = np.linalg.norm(atom[:, :, None, None] - other, axis=-1)[:, :, :, None]
    near = first + second < reach
    random = np.random.default_rng(0).normal(size=(len(tried), 2, 3, int(kept.sum()), 4, 4))
    coupling = WannierCoupling(tried, cells.cells_r3[kept], (random * near[:, :, None]) + 0j)
    return replace(model, coupling=coupling)


def test_what_fits_into_the_coarse_supercell_comes_back_exactly(silicon):
    """Three-centre images find it; EPW's, which do not look at Re, do not."""
    model = short_ranged(silicon, 5.0)
    assert np.count_nonzero(model.coupling.g) > 500
    true = coarse.at_points(model, K, mesh_points(FINE))
    found = couplings(model, K, COARSE, FINE, METHODS["nearest"])
    np.testing.assert_allclose(found, true, atol=1e-10)
    epw = couplings(model, K, COARSE, FINE, METHODS["epw"])
    assert np.linalg.norm(epw - true) > 1e-2 * np.linalg.norm(true)


def test_shares_are_the_minimum_norm_solution():
    """Against the pseudo-inverse: smallest sum x^2 / sigma^2 with given sums."""
    distance, length = np.random.default_rng(0).uniform(1, 4, size=(5, 3)), 1.7
    share, variance = images.shares(distance, length, 0.0)
    y = np.array([1.0, -2.0, 0.3])
    for column in range(3):
        sigma = np.exp(-distance[:, column] / length)
        x = sigma * (np.linalg.pinv(sigma[None]) @ y[[column]])
        np.testing.assert_allclose(share[:, column] * y[column], x, rtol=1e-10)
        np.testing.assert_allclose(variance[column], np.sum(sigma**2), rtol=1e-10)


def test_moments_of_a_field_of_quadrupoles_come_back(silicon):
    """Truth in closed form: quadrupoles alone; where they stand is known, their size is not."""
    columns = multipoles.windowed(silicon, COARSE, FINE)
    moment = np.random.default_rng(1).normal(size=(2, columns.shape[-1], 3))
    g_pscrab = np.zeros((64, 2, 3, 64, 4, 4), complex)
    a = np.arange(4)
    field = np.einsum("psax,sxc->psca", columns, moment)
    g_pscrab[:, :, :, 0, a, a] = field
    model = replace(silicon, coupling=refine.in_cells(silicon, g_pscrab, K, FINE))
    true = coarse.to_points(g_pscrab, FINE)
    found = couplings(model, K, COARSE, FINE, METHODS["multipoles"])
    np.testing.assert_allclose(found, true, atol=1e-5 * np.abs(true).max())
    plain = couplings(model, K, COARSE, FINE, METHODS["split"])
    assert np.linalg.norm(plain - true) > 0.05 * np.linalg.norm(true)


def test_model_electrons_are_those_of_the_three_centre_family(few_draws):
    """At some k and q of a mesh as at all of them; real, Hermitian, the same on every run."""
    model, seen = shipped("si_2"), {}

    def kept(matter, rest, functions, k_mesh, q_mesh):
        seen.update(matter=matter, rest=rest, functions=functions)
        return on_meshes(matter, rest, functions, k_mesh, q_mesh)

    on_meshes = response._on_meshes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(response, "_on_meshes", kept)
        patch.setattr(response, "DRAWS", 1)
        (first,) = response.templates(model, (2, 2, 2), (2, 1, 1))
        (again,) = response.templates(model, (2, 2, 2), (2, 1, 1))
    np.testing.assert_array_equal(first, again)
    assert isinstance(seen["rest"], ground.Ground)
    whole = elements.on_mesh(seen["matter"], seen["rest"], seen["functions"])
    some = on_meshes(seen["matter"], seen["rest"], seen["functions"], (1, 2, 2), (2, 1, 1))
    np.testing.assert_allclose(some, whole[[0, 4]][:, :, :, :4], atol=1e-10)


def test_the_response_of_model_electrons_halves_silicons_error(silicon, few_draws):
    """Not a tolerance of the code but what it is for: the far part of g is nearly universal."""
    on = mesh_points(FINE)
    true = coarse.at_points(silicon, K, on)
    fine = refine.refine(silicon, (K, COARSE), FINE, METHODS["response"])
    error = np.linalg.norm(coarse.at_points(fine, K, on) - true)
    epw = couplings(silicon, K, COARSE, FINE, METHODS["epw"])
    assert error < 0.2 * np.linalg.norm(epw - true)
    assert mismatch(fine) < 1e-4  # the default method is Hermitian off the meshes too


@pytest.mark.parametrize("name", ["alas_4", "sic_4"])
def test_far_entries_tell_the_charges(name):
    """Of DFPT's own coupling, whose Born charges are known."""
    model = shipped(name)
    g = coarse.at_points(model, K, mesh_points(FINE))
    found = response.charges(model, coarse.to_cells(g, FINE).real, FINE)
    np.testing.assert_allclose(found, model.long_range.born, atol=0.06)


@pytest.mark.parametrize(("name", "method"), [("alas_4", "nearest"), ("si_4", "multipoles")])
def test_nothing_changes_at_the_coarse_q_and_g_is_hermitian_off_the_mesh(name, method):
    model = shipped(name)
    fine = refine.refine(model, (K, COARSE), FINE, METHODS[method])
    on = mesh_points(COARSE)
    np.testing.assert_allclose(
        coarse.at_points(fine, K, on), coarse.at_points(model, K, on), atol=1e-9
    )
    np.testing.assert_allclose(coarse.dynamical(fine, on), coarse.dynamical(model, on), atol=2e-5)
    assert mismatch(fine) < 1e-4
    assert mismatch(coarse.as_run_on(model, K, COARSE)) > 1e-3  # EPW's choice


def test_g_is_hermitian_where_the_fine_mesh_does_not_divide_that_of_k():
    model, fine = shipped("si_2"), (8, 2, 2)
    refined = refine.refine(model, (K, COARSE), fine, METHODS["split"])
    assert mismatch(refined) < 1e-4
    # what the mesh gives is kept to the Hermiticity of the run
    on, true = mesh_points(fine), couplings(model, K, COARSE, fine, METHODS["split"])
    apart = np.linalg.norm(coarse.at_points(refined, K, on) - true)
    assert apart < 1e-2 * np.linalg.norm(true)
    kept = coarse.points_of(COARSE, fine)
    np.testing.assert_allclose(
        coarse.at_points(refined, K, on)[kept], true[kept], atol=1e-4 * np.abs(true).max()
    )


def mismatch(model):
    """Relative difference of <a,k+q|dV(q)|b,k> and <b,k|dV(-q)|a,k+q>*, any k and q."""
    k = np.array([[0.07, -0.22, 0.4], [0.3, 0.11, -0.09]])
    coupling, both = model.coupling, []
    for k_3, q_3 in ((k, ANYWHERE), (k + ANYWHERE, -ANYWHERE)):
        phase_ip = np.exp(2j * np.pi * q_3 @ coupling.phonon_cells.T)
        phase_ir = np.exp(2j * np.pi * k_3 @ coupling.electron_cells.T)
        both.append(np.einsum("ip,ir,pscrab->iscab", phase_ip, phase_ir, coupling.g))
    apart = both[0] - both[1].conj().swapaxes(-1, -2)
    return np.linalg.norm(apart) / np.linalg.norm(both[0])


@pytest.mark.parametrize("length", [0.0, 1.5])
def test_shared_force_constants_keep_their_symmetry_and_the_sum_rule(silicon, length):
    found = force_constants(silicon, COARSE, length)
    assert np.abs(found.phi.sum(axis=(0, 3))).max() < 1e-4
    number = {tuple(cell): i for i, cell in enumerate(found.cells.tolist())}
    for i, cell in enumerate(found.cells.tolist()):
        opposite = found.phi[number[tuple(-x for x in cell)]].transpose(2, 3, 0, 1)
        np.testing.assert_allclose(found.phi[i], opposite, atol=2e-4)


def test_errors_are_those_of_the_kernel_s_magnitudes(silicon):
    """|g| of one q, averaged over degenerate states, by the package's own kernel."""
    q = np.array([[0.25, 0.0, 0.0]])
    k = mesh_points(K)
    (part,) = magnitudes(silicon, Lists(k, q), Limits(1e-4, 1e-3))
    g = coarse.at_points(silicon, K, mesh_points(FINE))
    phi = coarse.dynamical(silicon, mesh_points(FINE))
    judge = Judge(silicon, K, coarse.points_of(COARSE, FINE), FINE, g, phi)
    number = 16  # (1, 0, 0) of the mesh
    mine = judge._truth[number][1]  # v, k, m, n; without hbar
    ratio = part.magnitude[0].transpose(1, 0, 2, 3) / np.where(mine > 1e-3, mine, np.nan)
    assert np.nanstd(ratio) < 1e-5 * np.nanmean(ratio)
    assert judge.errors(g, phi) == (0.0,) * 6
    doubled = judge.errors(2 * g, phi)
    np.testing.assert_allclose(doubled[:5], 1, atol=1e-12)
    assert squares(
        g[number], number, K, bands(silicon, K, FINE), modes(phi, np.ones(2))[1][number], np.ones(2)
    ).shape == (6, 64, 4, 4)


def test_the_command_writes_a_model_that_couple_reads(tmp_path):
    out, maps = tmp_path / "fine.nc", tmp_path / "g.nc"
    runner = CliRunner()

    def run(*words):
        return runner.invoke(app, [str(word) for word in words])

    source = SHIPPED / "si_2.nc"
    done = run("superresolve", source, "--q-grid", 4, 4, 4, "-o", out, "--method", "multipoles")
    assert done.exit_code == 0, done.output
    contents = read(out, "model")
    assert contents.attributes["refinement"]["from_q_mesh"] == [2, 2, 2]
    assert contents.attributes["refinement"]["method"] == "multipoles"
    assert contents.attributes["source"] == read(source, "model").attributes["source"]
    lists = ["--k-grid", 2, 2, 2, "--q-grid", 2, 1, 1]
    assert run("couple", out, "-o", maps, *lists).exit_code == 0
    refined = read(maps, "couplings").variables["coupling_magnitude"]
    assert run("couple", source, "-o", maps, *lists).exit_code == 0
    plain = read(maps, "couplings").variables["coupling_magnitude"]
    np.testing.assert_allclose(refined, plain, atol=0.02)  # meV; both on the coarse mesh
    wrong = run("superresolve", source, "--q-grid", 3, 3, 3, "-o", out)
    assert wrong.exit_code == 1
    assert "does not divide" in wrong.output


def test_what_cannot_be_refined_is_told(silicon):
    iron = replace(silicon, crystal=replace(silicon.crystal, numbers=np.array([26, 26])))
    with pytest.raises(EphforgeError, match="element 26 has no valence"):
        couplings(iron, K, COARSE, FINE, METHODS["response"])
