"""The storage of models, with silicon as read from EPW's own files."""

import lzma
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read, write
from ephforge.core.realspace import WannierCoupling, model_variables, read_model
from ephforge.core.units import MEV
from ephforge.coupling.points import at_points
from ephforge.firstprinciples.epw import read_epw
from ephforge.firstprinciples.reference import deviations, read_printed, read_reference
from ephforge.firstprinciples.storage import TARGET, as_stored, largest_step, stored_variables

DATA = Path(__file__).parent / "data" / "si_2ws"
MESHES = ((4, 4, 4), (2, 2, 2))


@pytest.fixture(scope="module")
def silicon(tmp_path_factory):
    """Model in double precision, and EPW's table."""
    folder = tmp_path_factory.mktemp("epw")
    for path in DATA.iterdir():
        if path.suffix == ".xz":
            (folder / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        else:
            shutil.copy(path, folder)
    q, k = (np.loadtxt(folder / name, skiprows=1)[:, :3] for name in ("qf.txt", "kf.txt"))
    return read_epw(folder, "si", ["Si"], *MESHES), read_printed(folder / "epw2.out", q, k)


def test_the_step_is_the_largest_that_meets_the_target(silicon, tmp_path):
    model, reference = silicon
    path = tmp_path / "si.nc"
    write(path, "model", *stored_variables(model, reference, MESHES))
    contents = read(path, "model")
    step = contents.attributes["g_step"]
    assert contents.attributes["g_change_by_rounding"] <= TARGET
    found = deviations(read_reference(contents.variables), read_model(contents))
    assert found._asdict() == contents.attributes["deviations"]  # measured is what is read
    assert found.relative_g < 5e-6
    assert 2.0**-34 < step < 2.0**-26
    _, change = largest_step(model, MESHES, 100 * TARGET)
    assert change > TARGET
    plain = tmp_path / "plain.nc"
    write(plain, "model", *model_variables(model))
    assert path.stat().st_size < 0.4 * plain.stat().st_size


def test_points_that_storage_did_not_see_are_no_worse_than_thrice_the_target(silicon):
    model, _ = silicon
    step, _ = largest_step(model, MESHES, TARGET)
    random = np.random.default_rng(11)
    q, k = random.random((6, 3)), random.random((8, 3))
    exact, found = (at_points(m, k, q, 0.0) for m in (model, as_stored(model, MESHES, step)))
    g, own = (np.linalg.norm(c.g, axis=2) * MEV for c in (exact, found))  # over modes
    assert np.max(np.abs(own / g - 1)[g > 1]) < 3 * TARGET
    assert np.max(np.abs(own / g - 1)) > 0


def test_a_coarser_target_takes_a_coarser_step(silicon):
    model, _ = silicon
    fine, _ = largest_step(model, MESHES, 1e-6)
    coarse, change = largest_step(model, MESHES, 1e-4)
    assert coarse > 16 * fine
    assert 1e-6 < change <= 1e-4


def test_g_itself_is_within_half_a_step(silicon):
    """Rounding acts on the folded numbers, of which g is a share."""
    model, _ = silicon
    step = 2.0**-26
    change = as_stored(model, MESHES, step).coupling.g - model.coupling.g
    for part in (change.real, change.imag):
        assert 0.4 * step < np.max(np.abs(part)) < 0.501 * step


def test_a_target_below_the_finest_step_is_refused(silicon):
    model, reference = silicon
    with pytest.raises(EphforgeError, match="si: the finest step") as caught:
        stored_variables(model, reference, MESHES, target=1e-12)
    assert "\n" not in str(caught.value)


def test_meshes_of_another_run_are_refused(silicon):
    model, reference = silicon
    with pytest.raises(EphforgeError, match="give the meshes of the run"):
        stored_variables(model, reference, ((4, 4, 4), (1, 2, 2)))


def test_a_coupling_that_no_mesh_made_is_stored_as_it_is(silicon, tmp_path):
    """Random numbers do not fold, but can be rounded."""
    model, _ = silicon
    random = np.random.default_rng(0)
    g = random.normal(size=(2, 2, 3, 2, 4, 4)) + 0j
    coupling = WannierCoupling(model.coupling.phonon_cells[:2], np.array([[0, 0, 0], [4, 0, 0]]), g)
    model = replace(model, coupling=coupling)
    with pytest.raises(EphforgeError, match="would change g"):
        model_variables(model, meshes=MESHES)
    write(tmp_path / "m.nc", "model", *model_variables(model, step=2.0**-20))
    found = read_model(read(tmp_path / "m.nc", "model")).coupling.g
    np.testing.assert_allclose(found, g, rtol=0, atol=2.0**-21)
